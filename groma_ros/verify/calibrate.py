"""`groma calibrate`: fit temperature and thresholds of answers, and write them to config.json.

The pictures must be ones that neither training nor evaluation uses.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from groma_ros.model.config import PointingConfig
from groma_ros.verify.calibration import Example, decide, fit, reliability
from groma_ros.verify.evaluate import spoken

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor
    from groma_ros.train.views import Labelled

EXAMPLES = """example:
  groma render calibration --seed 77 --count 600
  groma calibrate calibration --model ./my-model
"""

FAMILIES = ("unique", "kind", "absent", "absent_colour", "ambiguous", "superlative", "relation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma calibrate`."""
    parser.add_argument(
        "pictures", type=Path, help="folder of `groma render`, made with a --seed of its own"
    )
    parser.add_argument(
        "--model", type=Path, required=True, help="model folder; its config.json is rewritten"
    )
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="labelled photographs beside the pictures"
    )
    parser.add_argument("--split", default="", help="of the photographs, such as train (all)")
    parser.add_argument("--questions", type=int, default=2100, help="how many to ask (2100)")
    parser.add_argument("--seed", type=int, default=11, help="of the questions (11)")


def run(args: argparse.Namespace) -> int:
    """Ask, fit, write the fitted rule, print both rules, and return 0."""
    from groma_ros.predictor import Predictor
    from groma_ros.train.photographs import labelled, read_photographs
    from groma_ros.train.views import rendered

    predictor = Predictor.from_pretrained(args.model)
    # What is background is a property of the proposer, and no list is asked for.
    known = predictor.model.config.pointing
    kept = {name: getattr(known, name) for name in ("background_objectness", "list_ratio")}
    plain = predictor.model.with_settings(pointing=PointingConfig(**kept))
    predictor = Predictor(plain, predictor.tokenizer)
    examples = collect(predictor, rendered(args.pictures), args.questions, args.seed)
    if args.photos:
        photographs = labelled(read_photographs(args.photos, args.split))
        examples += collect(predictor, photographs, args.questions, args.seed)
    rule = replace(fit(examples), **kept)
    for name, each in (("before", PointingConfig()), ("after", rule)):
        decisions = [decide(e, each) for e in examples]
        right = [d.first for d in decisions]
        ece = reliability([d.confidence for d in decisions], right)["ece"]
        print(f"{name}: {asdict(each)}, right {np.mean(right):.3f}, ECE {ece:.3f}")
    write(args.model / "config.json", rule)
    return 0


def collect(
    predictor: Predictor, pictures: Sequence[Callable[[], Labelled]], questions: int, seed: int
) -> list[Example]:
    """Ask singular questions about one picture after the other until there are enough."""
    from groma_ros.train.questions import ask
    from groma_ros.train.regions import questionable

    rng, examples = np.random.default_rng(seed), []
    for number, read in enumerate(pictures):
        if len(examples) >= questions:
            break
        image, known = read()
        truth = questionable(known)
        asked = [q for f in FAMILIES if (q := ask(truth, rng, f)) and q.form == "locate"]
        rgb = np.asarray(image)
        size = np.array([rgb.shape[1], rgb.shape[0]] * 2)
        perception = predictor.perceive(rgb)
        rows = predictor.point(perception, [spoken(q) for q in asked]) if asked else []
        for question, probabilities in zip(asked, rows, strict=True):
            wanted = truth.box_xyxy_norm[list(question.objects)] * size
            examples.append(Example(probabilities, perception.boxes_xyxy, wanted.reshape(-1, 4)))
        if number % 25 == 0:
            print(f"\r{len(examples)} of {questions} questions", end="", file=sys.stderr)
    print(file=sys.stderr)
    return examples


def write(path: Path, rule: PointingConfig) -> None:
    """Write a rule into a config.json and keep the rest of the file."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.setdefault("groma_ros", {})["pointing"] = asdict(rule)
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
