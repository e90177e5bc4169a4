"""`groma describe`: answer a question about a box of a picture."""

from __future__ import annotations

import argparse

from groma_ros.cli.options import add_common_arguments, load, prepare
from groma_ros.cli.output import show
from groma_ros.encoding.prompts import WHAT_IS_THIS
from groma_ros.language.command_parser import check_text
from groma_ros.values.boxes import check_user_boxes

EXAMPLES = """examples:
  groma describe photo.jpg --box 120,80,260,310
  groma describe photo.jpg --box 120,80,260,310 "what colour is this?"
  groma describe photo.jpg --box 120,80,260,310 --box 300,90,420,300 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma describe`."""
    parser.add_argument("image", help="picture file: PNG, JPEG, WebP, BMP, TIFF")
    parser.add_argument(
        "question",
        nargs="?",
        default=WHAT_IS_THIS,
        help=f'what to ask; "this", "that" or "it" stands for the box ({WHAT_IS_THIS})',
    )
    parser.add_argument(
        "--box",
        action="append",
        type=_box,
        required=True,
        metavar="X1,Y1,X2,Y2",
        help="left, top, right and bottom edge in pixels of the picture; repeat it for more boxes",
    )
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Answer a question about each box of a picture, print the answers and return 0.

    Raises ValueError for a question, a picture, a box or an option that can't be used.
    """
    check_text(args.question)
    rgb = prepare(args)
    boxes = check_user_boxes(args.box, rgb.shape[:2])
    predictor = load(args)
    answer = predictor.describe(predictor.perceive(rgb), boxes, args.question)
    show(args, rgb, answer, args.question)
    return 0


def _box(text: str) -> tuple[float, ...]:
    """Read "x1,y1,x2,y2"."""
    try:
        corners = tuple(float(part) for part in text.split(","))
    except ValueError:
        corners = ()
    if len(corners) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers X1,Y1,X2,Y2")
    return corners
