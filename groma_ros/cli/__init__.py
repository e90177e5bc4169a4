"""The `groma` command: a table of subcommands, of which only the chosen one is imported.

Exit status 0 means that there is an answer (NOT_FOUND is one). 2 means bad input, with one line on
stderr that says what is wrong. 1 means that a comparison failed (`groma parity`). 130 means that
the user interrupted the command.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import NoReturn

import groma_ros

# name: (module with add_arguments(parser) and run(args) -> exit status, what it does in one line)
SUBCOMMANDS = {
    "ground": ("groma_ros.cli.ground", "find in a picture what a command speaks of"),
    "describe": ("groma_ros.cli.describe", "say what is in a box of a picture"),
    "live": ("groma_ros.cli.live", "show a camera or a video with boxes while commands are typed"),
    "doctor": ("groma_ros.cli.doctor", "say what is installed, found, slow or missing"),
    "convert": ("groma_ros.cli.convert", "write the weights of a checkpoint as safetensors"),
    "load": (
        "groma_ros.verify.benchmark.load",
        "measure time and memory that loading a model takes",
    ),
    "bench": (
        "groma_ros.verify.benchmark.parts",
        "time the parts of Groma, or a model, on this machine",
    ),
    "parity": (
        "groma_ros.verify.parity.compare",
        "compare this code with outputs of the official code",
    ),
    "random-checkpoint": (
        "groma_ros.verify.random_checkpoint",
        "write random weights in the layout of groma-7b",
    ),
    "render": ("groma_ros.sim.dataset", "render pictures of tabletops for train and eval"),
    "train": ("groma_ros.train.cli", "train groma-nano on photographs and rendered pictures"),
    "calibrate": (
        "groma_ros.verify.calibrate",
        "fit thresholds of a model, so that its scores can be trusted",
    ),
    "eval": (
        "groma_ros.verify.evaluate",
        "measure how often a model is right on pictures and photographs",
    ),
}
# What some subcommands import beyond the dependencies of the package: the extra to install.
EXTRAS = {"mujoco": "train", "cv2": "train", "onnx": "train"}
OVERVIEW_END = """example:
  groma ground photo.jpg "pick up the red cup" --save answer.png

groma SUBCOMMAND --help lists the options of a subcommand."""


class Parser(argparse.ArgumentParser):
    """Report a wrong command line in one line and exit with status 2."""

    def error(self, message: str) -> NoReturn:
        """Write what is wrong and where help is."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: list[str] | None = None) -> int:
    """Run a command line, of this process by default; return its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    overview = _overview()
    if argv[:1] == [] or argv[0].startswith("-"):
        overview.parse_args(argv)
        overview.print_help()
        return 0
    name, *rest = argv
    if name not in SUBCOMMANDS:
        overview.error(f"{name!r} is not a subcommand; choose from {', '.join(SUBCOMMANDS)}")
    try:
        return _run(name, rest)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        return _refuse(name, f"needs {error.name}; from a checkout: pip install '.[{extra}]'")
    except (ValueError, FileNotFoundError) as error:
        return _refuse(name, str(error))
    except KeyboardInterrupt:
        return 130


def _run(name: str, argv: list[str]) -> int:
    """Import a subcommand, parse its arguments, run it and return its exit status."""
    module_name, summary = SUBCOMMANDS[name]
    module = import_module(module_name)
    parser = Parser(
        prog=f"groma {name}",
        description=summary[0].upper() + summary[1:] + ".",
        epilog=getattr(module, "EXAMPLES", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return module.run(parser.parse_intermixed_args(argv))


def _overview() -> Parser:
    """Return the parser of `groma` itself, which lists the subcommands."""
    lines = [f"  {name:<17} {summary}" for name, (_, summary) in SUBCOMMANDS.items()]
    parser = Parser(
        prog="groma",
        usage="groma SUBCOMMAND ...",
        description="Find in a picture what a sentence speaks of, with Groma.\n\n"
        + "subcommands:\n"
        + "\n".join(lines),
        epilog=OVERVIEW_END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"groma {groma_ros.__version__}")
    return parser


def _refuse(name: str, reason: str) -> int:
    """Write in one line why a subcommand can't go on; return exit status 2."""
    print(f"groma {name}: {' '.join(reason.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
