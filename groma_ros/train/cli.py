"""`groma train`: from rendered pictures to a model folder, in stages that resume."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

STAGES = ("perceiver", "language", "export")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma train`."""
    parser.add_argument("out", type=Path, help="folder for checkpoints and, in the end, OUT/model")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of `groma render`")
    parser.add_argument(
        "--start", default="", metavar="MODEL", help="model folder to train on (default: afresh)"
    )
    parser.add_argument("--stage", choices=STAGES, help="run one stage (default: all, in order)")
    parser.add_argument("--workers", type=int, default=2, help="processes that share gradients (2)")
    parser.add_argument("--perceiver-minutes", type=float, default=80, help="training time (80)")
    parser.add_argument("--language-minutes", type=float, default=40, help="training time (40)")
    parser.add_argument(
        "--batch", type=int, default=4, help="pictures a process and step of the perceiver (4)"
    )
    parser.add_argument(
        "--questions",
        type=int,
        default=12,
        help="questions a process and step, about one picture (12)",
    )
    parser.add_argument(
        "--language-pictures", type=int, default=12000, help="pictures to ask about (12000)"
    )
    parser.add_argument("--perceiver-lr", type=float, default=6e-4, help="peak rate (6e-4)")
    parser.add_argument("--language-lr", type=float, default=1e-3, help="peak rate (1e-3)")
    parser.add_argument("--seed", type=int, default=1)


def run(args: argparse.Namespace) -> int:
    """Run the stages; each one goes on from its checkpoint in `args.out`."""
    from groma_ros.encoding.tokenizer import GromaTokenizer
    from groma_ros.train.export import export
    from groma_ros.train.language import train_language
    from groma_ros.train.loop import spawn
    from groma_ros.train.perceiver import train_perceiver
    from groma_ros.train.vocabulary import make_vocabulary

    args.out.mkdir(parents=True, exist_ok=True)
    eyes, words = str(args.out / "perceiver.pt"), str(args.out / "language.pt")
    pictures, vocabulary = str(args.pictures), args.out / "tokenizer.model"
    for stage in [args.stage] if args.stage else STAGES:
        print(f"stage {stage}", flush=True)
        if not vocabulary.exists():
            if args.start:
                shutil.copy(Path(args.start) / "tokenizer.model", vocabulary)
            else:
                make_vocabulary(vocabulary, args.seed)
        pieces = GromaTokenizer.from_folder(args.out).vocab_size
        if stage == "perceiver":
            spawn(
                train_perceiver,
                args.workers,
                pictures,
                pieces,
                args.start,
                eyes,
                args.perceiver_minutes,
                args.batch,
                args.perceiver_lr,
                args.seed,
            )
        elif stage == "language":
            require(eyes, "perceiver")
            spawn(
                train_language,
                args.workers,
                pictures,
                str(args.out),
                args.start,
                eyes,
                words,
                args.language_minutes,
                args.language_pictures,
                args.questions,
                args.language_lr,
                args.seed,
            )
        elif stage == "export":
            require(words, "language")
            export(eyes, words, vocabulary, args.out / "model", args.start)
            print(f"wrote {args.out / 'model'}")
    return 0


def require(checkpoint: str, stage: str) -> None:
    """Raise FileNotFoundError where the stage before has left nothing to go on from."""
    if not Path(checkpoint).exists():
        raise FileNotFoundError(f"{checkpoint} is not there; run --stage {stage} first")
