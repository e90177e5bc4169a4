"""Declare and read the options that several subcommands share: model, picture, output."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from groma_ros.pictures import read_picture
from groma_ros.values.precision import (
    AUTO,
    BACKENDS,
    DTYPES,
    NO_QUANTIZATION,
    QUANTIZATIONS,
    TORCH,
)

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of every subcommand that answers about a picture."""
    add_model_name(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as one line of JSON")
    parser.add_argument(
        "--save", type=Path, metavar="OUT.png", help="write the picture with the answer drawn in"
    )
    add_model_arguments(parser)


def add_model_name(parser: argparse.ArgumentParser) -> None:
    """Declare the option that names the model."""
    parser.add_argument(
        "--model",
        default="nano",
        help="nano or nano-photos (shipped), a folder or a Hugging Face hub id (nano)",
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say where and in which precision a model runs."""
    parser.add_argument(
        "--device",
        default="auto",
        help="auto (a GPU where there is one), cpu, cuda or cuda:N (auto)",
    )
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
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=TORCH,
        help="what runs vision encoder and proposer; openvino needs the extra openvino (torch)",
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads; 0 is torch's choice (0)"
    )


def prepare(args: argparse.Namespace) -> np.ndarray:
    """Check the options before a model is loaded; return the picture, (H, W, 3) uint8 RGB.

    Raises ValueError for an option that can't be used or a picture that can't be read.
    """
    check_threads(args)
    if args.save is not None:
        Image.init()
        if args.save.suffix.lower() not in Image.registered_extensions():
            raise ValueError(
                f"--save {args.save}: the name says no known format; end it in .png or .jpg"
            )
        if not args.save.parent.is_dir():
            raise ValueError(f"--save {args.save}: there is no folder {args.save.parent}")
    return read_picture(args.image)


def check_threads(args: argparse.Namespace) -> None:
    """Raise ValueError for a number of threads that can't be."""
    if args.threads < 0:
        raise ValueError(f"--threads is {args.threads}; give 0 or more")


def load(args: argparse.Namespace) -> Predictor:
    """Return the Predictor that the options ask for; raise ValueError where it can't be had."""
    import torch

    from groma_ros.predictor import Predictor

    if args.threads:
        torch.set_num_threads(args.threads)
    return Predictor.from_pretrained(
        args.model,
        args.device,
        args.dtype,
        args.quantization,
        warm_up=False,
        backend=args.backend,
    )
