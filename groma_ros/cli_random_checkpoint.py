"""`groma random-checkpoint`: weights that mean nothing, to try and measure loading with."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """examples:
  groma random-checkpoint ck7b                 14.8 GB in bfloat16, as published
  groma random-checkpoint small --size tiny    3 MB, the same layout
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma random-checkpoint`."""
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--size", choices=("7b", "tiny"), default="7b", help="7b or tiny (7b)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (0)")
    parser.add_argument("--shard-gb", type=float, default=10.0, help="largest file in GB (10)")


def run(args: argparse.Namespace) -> int:
    """Write the checkpoint and say how far it is; return 0."""
    from groma_ros.cli_convert import shard_bytes, show_progress
    from groma_ros.groma.random_checkpoint import write_checkpoint

    limit = shard_bytes(args.shard_gb)
    show_progress(write_checkpoint(args.folder, args.size, seed=args.seed, shard_bytes=limit))
    print(f"wrote {args.folder}")
    return 0
