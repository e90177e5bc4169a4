"""`groma ground`: find in a picture what a command speaks of."""

from __future__ import annotations

import argparse

from groma_ros.cli.options import add_common_arguments, load, prepare
from groma_ros.cli.output import show
from groma_ros.language.command_parser import check_text

EXAMPLES = """examples:
  groma ground photo.jpg "pick up the red cup"
  groma ground photo.jpg "put the apple into the white bowl" --save out.png
  groma ground photo.jpg "find all the cans" --json
  groma ground photo.jpg "what is on the table?" --model ./groma-7b-finetune --device cuda
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma ground`."""
    parser.add_argument("image", help="picture file: PNG, JPEG, WebP, BMP, TIFF")
    parser.add_argument("command", help="what to do, what to find, or a question; in English")
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Answer a command about a picture, print the answer and return 0.

    Raises ValueError for a command, a picture or an option that can't be used.
    """
    check_text(args.command)
    rgb = prepare(args)
    predictor = load(args)
    show(args, rgb, predictor.ground(predictor.perceive(rgb), args.command), args.command)
    return 0
