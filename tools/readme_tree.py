"""Print the README's list of modules, each with the first line of its docstring.

python tools/readme_tree.py --write    # put it into README.md, between its two markers
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
docs/                      CHECKPOINT.md (the 7B weights, loading, fewer bits), PERFORMANCE.md (where the time goes)
launch/                    groma.launch.py, demo.launch.py
config/, rviz/             default parameters; what RViz shows
msg/, srv/                 GroundedText, GroundedPhrase; DescribeRegion
scripts/                   executables for ros2 run
tests/                     unit (pure), model (torch, goldens), ros (real DDS)
tools/                     bootstrap (set-up), requirements, vision_msgs overlay
"""


def tree() -> str:
    """Return the list: a line a module, a paragraph a package."""
    text = ""
    for folder in FOLDERS:
        text += f"groma_ros/{folder}/\n" if folder else "groma_ros/\n"
        for path in sorted((ROOT / "groma_ros" / folder).glob("*.py")):
            if path.name == "__init__.py":
                continue
            purpose = ast.get_docstring(ast.parse(path.read_text())).partition("\n")[0]
            text += f"  {path.name:<24} {purpose.rstrip('.:')}\n"
        text += "" if folder else BEYOND
    return text + REST


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        readme = ROOT / "README.md"
        readme.write_text(MARKED.sub(lambda _: tree(), readme.read_text()))
    else:
        print(tree(), end="")
