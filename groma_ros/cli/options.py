"""Options that several subcommands share: the model, the picture, where the answer goes."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from groma_ros.pictures import read_picture
from groma_ros.values.precision import AUTO, DTYPES, NO_QUANTIZATION, QUANTIZATIONS


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that every subcommand with a model and a picture has."""
    parser.add_argument("--model", default="nano", help="nano, a folder or a hub id (nano)")
    parser.add_argument("--json", action="store_true", help="print the answer as one line of JSON")
    parser.add_argument("--save", type=Path, metavar="OUT.png", help="write the annotated picture")
    add_model_arguments(parser)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say on what and in which precision a model runs."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    parser.add_argument(
        "--dtype",
        choices=(AUTO, *DTYPES),
        default=AUTO,
        help="number format; auto suits the device and the model (auto)",
    )
    parser.add_argument(
        "--quantization",
        choices=QUANTIZATIONS,
        default=NO_QUANTIZATION,
        help="keep the language model's linear layers in 8 or 4 bits; needs torchao (none)",
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (torch's choice)")


def prepare(args: argparse.Namespace) -> np.ndarray:
    """Check the options that can be checked early; return the picture (H, W, 3) uint8 RGB."""
    if args.threads < 0:
        raise ValueError(f"--threads is {args.threads}; give 1 or more")
    if args.save is not None:
        Image.init()
        if args.save.suffix.lower() not in Image.registered_extensions():
            raise ValueError(f"--save {args.save}: unknown kind of picture; end in .png or .jpg")
        if not args.save.parent.is_dir():
            raise ValueError(f"--save {args.save}: there is no folder {args.save.parent}")
    return read_picture(args.image)


def load(args: argparse.Namespace):
    """Return the Predictor that the options ask for."""
    import torch

    from groma_ros.predictor import Predictor

    if args.threads:
        torch.set_num_threads(args.threads)
    return Predictor.from_pretrained(args.model, args.device, args.dtype, args.quantization)
