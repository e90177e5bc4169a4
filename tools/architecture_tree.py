"""Print the list of modules in docs/ARCHITECTURE.md, each with the first line of its docstring.

python tools/architecture_tree.py --write    # put it into the document, between its two markers
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"(?<=<!-- tree -->\n```\n).*?(?=```\n<!-- /tree -->)", re.DOTALL)
FOLDERS = (
    "",
    "values",
    "speed",
    "language",
    "encoding",
    "model",
    "checkpoint",
    "inference",
    "ros",
    "cli",
    "sim",
    "sim/shapes",
    "train",
    "verify",
    "verify/parity",
    "verify/benchmark",
)
BEYOND = """\
  nano/                    groma-nano: weights, config, tokenizer, model card
  data/                    the demo's camera sequence
"""
REST = """\
docs/                      this list, the 7B weights (CHECKPOINT.md), speed, rendered pictures
launch/                    groma.launch.py, demo.launch.py
config/, rviz/             default parameters, Fast DDS, Foxglove; what RViz shows
msg/, srv/                 GroundedText, GroundedPhrase, DetectionMasks; DescribeRegion
scripts/                   executables for ros2 run
tests/                     unit (pure), model (torch, goldens), ros (real DDS)
tools/                     bootstrap (set-up), requirements, vision_msgs, foxglove_msgs, this list
"""


def tree() -> str:
    """Return the list: a paragraph for each room, a line for each module."""
    text = ""
    for folder in FOLDERS:
        text += f"groma_ros/{folder}/{purpose(folder)}\n" if folder else "groma_ros/\n"
        for path in sorted((ROOT / "groma_ros" / folder).glob("*.py")):
            if path.name != "__init__.py":
                text += f"  {path.name:<24} {first_line(path)}\n"
        text += "" if folder else BEYOND
    return text + REST


def purpose(folder: str) -> str:
    """Return what a room is for, in the column of its modules' purposes."""
    line = first_line(ROOT / "groma_ros" / folder / "__init__.py")
    return " " * max(1, 16 - len(folder)) + line


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring, without its full stop."""
    return ast.get_docstring(ast.parse(path.read_text())).partition("\n")[0].rstrip(".:")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        document = ROOT / "docs" / "ARCHITECTURE.md"
        document.write_text(MARKED.sub(lambda _: tree(), document.read_text()))
    else:
        print(tree(), end="")
