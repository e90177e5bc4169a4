"""`groma convert`: a checkpoint's weights as safetensors; and how far a long write is."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

EXAMPLES = """examples:
  groma convert groma-7b-finetune groma-7b                    as it is, in 5 GB files
  groma convert groma-7b-finetune groma-7b --dtype bfloat16
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma convert`."""
    parser.add_argument("source", help="folder of a checkpoint, or a hub id")
    parser.add_argument("target", type=Path, help="a new folder")
    parser.add_argument(
        "--dtype",
        choices=("keep", "float32", "bfloat16", "float16"),
        default="keep",
        help="number format (keep)",
    )
    parser.add_argument("--shard-gb", type=float, default=5.0, help="largest file in GB (5)")


def run(args: argparse.Namespace) -> int:
    """Convert and say how far it is; return 0."""
    from groma_ros.groma.convert import convert
    from groma_ros.loading import DTYPES, model_folder

    limit = shard_bytes(args.shard_gb)
    source = model_folder(args.source)
    show_progress(convert(source, args.target, DTYPES.get(args.dtype), limit))
    print(f"wrote {args.target}")
    return 0


def shard_bytes(gigabytes: float) -> int:
    """Return the size of a file in bytes; raise ValueError for none."""
    if not gigabytes > 0:
        raise ValueError(f"--shard-gb is {gigabytes}; give more than 0")
    return int(gigabytes * 1e9)


def show_progress(steps: Iterator[tuple[int, int]], every_s: float = 2.0) -> None:
    """Run through steps of (bytes done, bytes in all) and tell stderr about them now and then."""
    started = told = time.monotonic()
    for done, total in steps:
        now = time.monotonic()
        if now - told < every_s and done < total:
            continue
        told = now
        rate = done / max(now - started, 1e-6)
        print(
            f"\r{done / 1e9:.2f} of {total / 1e9:.2f} GB, {rate / 1e6:.0f} MB/s, "
            f"{(total - done) / rate:.0f} s left ",
            end="",
            file=sys.stderr,
            flush=True,
        )
    print(file=sys.stderr)
