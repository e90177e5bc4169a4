"""The `groma` command: only the chosen subcommand's module is imported.

Exit status 0 is an answer (NOT_FOUND is one); 2 is bad input, with one line on stderr that says
what is wrong; 1 is a comparison that failed (`groma parity`).
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

import groma_ros

# name: module with add_arguments(parser) and run(args) -> int, one-line help
SUBCOMMANDS = {
    "ground": ("groma_ros.cli.ground", "find what a command speaks of in a picture"),
    "describe": ("groma_ros.cli.describe", "say what is in a box of a picture"),
    "load": ("groma_ros.verify.benchmark.load", "measure how a model loads: time and memory"),
    "convert": ("groma_ros.cli.convert", "write a checkpoint as safetensors, today's layout"),
    "random-checkpoint": (
        "groma_ros.verify.random_checkpoint",
        "write random weights in the published layout",
    ),
    "bench": ("groma_ros.verify.benchmark.parts", "time every part of the model on this machine"),
    "parity": ("groma_ros.verify.parity.compare", "compare the model with golden files"),
    "render": ("groma_ros.sim.dataset", "render tabletop scenes to train and measure on"),
    "train": ("groma_ros.train.cli", "train groma-nano"),
    "calibrate": ("groma_ros.verify.calibrate", "fit what a model's probabilities mean"),
    "eval": ("groma_ros.verify.evaluate", "measure a model on scenes it never saw"),
}
# What the subcommands of a checkout import beyond the package's own dependencies.
EXTRAS = {"mujoco": "train", "cv2": "train"}


class Parser(argparse.ArgumentParser):
    """Report a wrong command line in one line."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    overview = _overview()
    if argv[:1] == [] or argv[0].startswith("-"):
        overview.parse_args(argv)
        overview.print_help()
        return 0
    name, *rest = argv
    if name not in SUBCOMMANDS:
        overview.error(f"{name!r} is none of {', '.join(SUBCOMMANDS)}")
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
    lines = [f"  {name:<17} {summary}" for name, (_, summary) in SUBCOMMANDS.items()]
    parser = Parser(
        prog="groma",
        usage="groma SUBCOMMAND ...",
        description="Find what a sentence speaks of in a picture, with Groma.\n\n"
        + "subcommands:\n"
        + "\n".join(lines),
        epilog="groma SUBCOMMAND --help says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"groma {groma_ros.__version__}")
    return parser


def _refuse(name: str, reason: str) -> int:
    print(f"groma {name}: {' '.join(reason.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
