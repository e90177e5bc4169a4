"""`groma train`: from pictures to a model folder, in stages that resume."""

from __future__ import annotations

import argparse
from pathlib import Path

STAGES = ("views", "naming", "perceiver", "language", "export")
EXAMPLES = """examples:
  groma render scenes --count 5120
  groma train run --pictures scenes --photos photographs --detector yolox_nano.onnx
  groma train run --stage language --language-minutes 60
  groma train finetune my-photographs --out mine --pictures scenes
"""
FINETUNE = "finetune"
DEFAULTS = {
    "detector": "yolox_nano.onnx",
    "views": 12288,
    "naming_minutes": 25.0,
    "perceiver_minutes": 60.0,
    "language_minutes": 45.0,
    "naming_lr": 1e-3,
    "perceiver_lr": 4e-4,
    "language_lr": 6e-4,
}
FINETUNE_DEFAULTS = {
    "detector": "",
    "views": 2048,
    "naming_minutes": 5.0,
    "perceiver_minutes": 15.0,
    "language_minutes": 10.0,
    "naming_lr": 2e-4,
    "perceiver_lr": 1e-4,
    "language_lr": 1e-4,
}
"""What differs where a trained model is fitted to a person's own photographs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma train`."""
    parser.add_argument(
        "run",
        type=Path,
        metavar="OUT",
        help="folder for checkpoints and, in the end, OUT/model; or finetune",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        metavar="FOLDER",
        help="after finetune: your labelled photographs, those of the split train",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("finetuned"), help="OUT of finetune (finetuned)"
    )
    parser.add_argument(
        "--pictures", nargs="*", default=[], metavar="DIR", help="folders of `groma render`"
    )
    parser.add_argument(
        "--photos", nargs="*", default=[], metavar="DIR", help="folders of labelled photographs"
    )
    parser.add_argument(
        "--detector",
        help="YOLOX-nano's weights (yolox_nano.onnx; finetune: none, what it says is not kept)",
    )
    parser.add_argument("--start", default="nano", metavar="MODEL", help="model to train on (nano)")
    parser.add_argument("--stage", choices=STAGES, help="run one stage (default: all, in order)")
    parser.add_argument("--workers", type=int, default=2, help="processes that share gradients (2)")
    parser.add_argument(
        "--views", type=int, help="augmented pictures, 1.1 MB of disk each (12288; finetune 2048)"
    )
    parser.add_argument("--naming-minutes", type=float, help="training time (25; finetune 5)")
    parser.add_argument("--perceiver-minutes", type=float, help="training time (60; finetune 15)")
    parser.add_argument("--language-minutes", type=float, help="training time (45; finetune 10)")
    parser.add_argument(
        "--batch",
        type=int,
        default=3,
        help="views a process and step of the perceiver, half of naming's (3)",
    )
    parser.add_argument(
        "--questions",
        type=int,
        default=14,
        help="questions a process and step, about one picture (14)",
    )
    parser.add_argument("--naming-lr", type=float, help="peak rate (1e-3; finetune 2e-4)")
    parser.add_argument("--perceiver-lr", type=float, help="peak rate (4e-4; finetune 1e-4)")
    parser.add_argument("--language-lr", type=float, help="peak rate (6e-4; finetune 1e-4)")
    parser.add_argument("--seed", type=int, default=1)


def run(args: argparse.Namespace) -> int:
    """Run the stages; each one goes on from what it finds in `args.out`.

    Raises FileNotFoundError where what a stage needs is not there.
    """
    from groma_ros.train.export import export
    from groma_ros.train.language import train_language
    from groma_ros.train.loop import spawn
    from groma_ros.train.naming import train_naming
    from groma_ros.train.perceiver import train_perceiver
    from groma_ros.train.views import make_views

    settle(args)
    out = args.run
    out.mkdir(parents=True, exist_ok=True)
    views, naming = out / "views", out / "naming.pt"
    perceiver, language = out / "perceiver.pt", out / "language.pt"
    for stage in [args.stage] if args.stage else STAGES:
        print(f"stage {stage}", flush=True)
        if stage == "views":
            if not (args.pictures or args.photos):
                raise FileNotFoundError("there is nothing to look at: give --pictures or --photos")
            if args.detector:
                advice = "give the file of YOLOX-nano's weights with --detector"
                require(Path(args.detector), advice)
            spawn(
                make_views,
                args.workers,
                args.workers,
                args.pictures,
                args.photos,
                args.start,
                args.detector,
                str(views),
                args.views,
                args.seed,
            )
        elif stage == "naming":
            require(views, "run --stage views first")
            spawn(
                train_naming,
                args.workers,
                str(views),
                args.start,
                args.detector,
                str(naming),
                args.naming_minutes,
                2 * args.batch,
                args.naming_lr,
                args.seed,
            )
        elif stage == "perceiver":
            require(naming, "run --stage naming first")
            spawn(
                train_perceiver,
                args.workers,
                str(views),
                args.start,
                args.detector,
                str(naming),
                str(perceiver),
                args.perceiver_minutes,
                args.batch,
                args.perceiver_lr,
                args.seed,
            )
        elif stage == "language":
            require(perceiver, "run --stage perceiver first")
            spawn(
                train_language,
                args.workers,
                str(views),
                args.start,
                str(perceiver),
                str(language),
                args.language_minutes,
                args.questions,
                args.language_lr,
                args.seed,
            )
        elif stage == "export":
            require(language, "run --stage language first")
            export(args.start, perceiver, language, out / "model")
            print(f"wrote {out / 'model'}")
    return 0


def settle(args: argparse.Namespace) -> None:
    """Fill in what was not given: the recipe's defaults, or those of finetune.

    Raises ValueError where finetune has no folder, FileNotFoundError where that is not there.
    """
    defaults = DEFAULTS
    if args.run == Path(FINETUNE):
        if args.folder is None:
            raise ValueError("say which folder: groma train finetune FOLDER")
        require(Path(args.folder), "finetune takes a folder of labelled photographs")
        args.run, args.photos = args.out, [*args.photos, args.folder]
        defaults = DEFAULTS | FINETUNE_DEFAULTS
    elif args.folder is not None:
        raise ValueError(f"{args.folder} is one word too many; --photos takes photographs")
    for name, value in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def require(path: Path, advice: str) -> None:
    """Raise FileNotFoundError with advice where a path is not there."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there; {advice}")
