"""`groma convert`: write the weights of a checkpoint as safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path

from groma_ros.cli.progress import shard_bytes, show_progress
from groma_ros.values.precision import DTYPES

EXAMPLES = """examples:
  groma convert ./groma-7b-finetune ./groma-7b                    files of up to 5 GB
  groma convert ./groma-7b-finetune ./groma-7b --dtype bfloat16   half of float32's size
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma convert`."""
    parser.add_argument("source", help="folder of a checkpoint, nano, or a Hugging Face hub id")
    parser.add_argument("target", type=Path, help="folder to write: new or empty")
    parser.add_argument(
        "--dtype",
        choices=("keep", *DTYPES),
        default="keep",
        help="number format of the weights; keep leaves each as it is (keep)",
    )
    parser.add_argument("--shard-gb", type=float, default=5.0, help="largest file in GB (5)")


def run(args: argparse.Namespace) -> int:
    """Convert, show progress on stderr, and return 0."""
    from groma_ros.checkpoint.convert import convert
    from groma_ros.checkpoint.locate import model_folder
    from groma_ros.inference.device import DTYPES as TORCH_DTYPES

    limit = shard_bytes(args.shard_gb)
    source = model_folder(args.source)
    show_progress(convert(source, args.target, TORCH_DTYPES.get(args.dtype), limit))
    print(f"wrote {args.target}")
    return 0
