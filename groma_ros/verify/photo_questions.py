"""`groma eval --photos`: measure a model on labelled photographs.

Questions follow from the boxes by a rule: "kind" asks for the only thing of its name, at least
0.6 % of the picture, counted apart for things on tables, in rooms, and in photographs that are
boxed in part; "all" for the 2 to 5 of a name, at least 0.3 % each; "leftmost" for the first of 2 to
4 whose centres lie apart; "absent" for two names that are not there. The last three only where
everything is boxed.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from groma_ros.train import names
from groma_ros.train.photographs import LabelledBox, Photograph, read
from groma_ros.values.boxes import iou

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor
    from groma_ros.values.answers import Grounding

_ON_TABLES = """bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
broccoli, carrot, pizza, donut, cake, laptop, mouse, remote, keyboard, cell phone, book, clock,
vase, scissors, teddy bear, toothbrush"""
ON_TABLES = tuple(_ON_TABLES.replace("\n", " ").split(", "))
GOALS = {
    "kind": 0.60,
    "kind_room": 0.60,
    "kind_other": 0.65,
    "all": 0.14,
    "leftmost": 0.30,
    "absent": 0.94,
    "proposal_recall": 0.70,
}
"""What groma-nano must reach on photographs that it was not trained on."""
SEED = 7
WORST = 40
"""Pictures of wrong answers that `show` writes at most."""


@dataclass(frozen=True)
class PhotoQuestion:
    """One command about one photograph; `boxes_xyxy` are the right answers, in pixels."""

    family: str
    photograph: Photograph
    name: str
    command: str
    boxes_xyxy: tuple[tuple[float, float, float, float], ...]


@dataclass
class PhotoReport:
    """How questions were answered: rightness by family and by name, and the wrong answers."""

    families: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[tuple[float, PhotoQuestion, Grounding]] = field(default_factory=list)

    def to_dict(self) -> dict:
        """Return accuracy and count by family and by name."""
        share = lambda marks: {"accuracy": float(np.mean(marks)), "questions": len(marks)}
        return {
            "families": {family: share(marks) for family, marks in sorted(self.families.items())},
            "names": {name: share(marks) for name, marks in sorted(self.names.items())},
        }


def photo_questions(photographs: list[Photograph]) -> Iterator[PhotoQuestion]:
    """Yield the questions about photographs, the same ones every time."""
    rng = random.Random(SEED)
    for photograph in photographs:
        by_name: dict[str, list[LabelledBox]] = defaultdict(list)
        for item in photograph.objects:
            by_name[item.name].append(item)
        whole = photograph.source == "coco"
        for name, items in sorted(by_name.items()):
            if not any(item.crowd for item in items):
                yield from _about(photograph, name, items, whole)
        if whole:
            listed = photograph.complete
            missing = [
                name
                for name in ON_TABLES
                if name not in by_name and ("*80" in listed or name in listed)
            ]
            for name in rng.sample(missing, min(2, len(missing))):
                yield PhotoQuestion("absent", photograph, name, f"pick up the {name}", ())


def _about(
    photograph: Photograph, name: str, items: list[LabelledBox], whole: bool
) -> Iterator[PhotoQuestion]:
    """Yield the questions about the things of one name."""
    boxes = [item.box_xyxy for item in items]
    pixels = photograph.size_wh[0] * photograph.size_wh[1]
    areas = [(x2 - x1) * (y2 - y1) / pixels for x1, y1, x2, y2 in boxes]
    verb = "pick up" if name in ON_TABLES or not whole else "find"
    if len(items) == 1 and areas[0] > 0.006:
        family = "kind" if name in ON_TABLES else "kind_room" if whole else "kind_other"
        yield PhotoQuestion(family, photograph, name, f"{verb} the {name}", tuple(boxes))
    elif whole and 2 <= len(items) <= 5 and min(areas) > 0.003:
        plural = names.plural_of(name)
        yield PhotoQuestion("all", photograph, name, f"find all the {plural}", tuple(boxes))
        first, second, *_ = sorted(boxes, key=lambda box: box[0] + box[2])
        apart = (second[0] + second[2]) - (first[0] + first[2]) > 0.1 * photograph.size_wh[0]
        if len(items) <= 4 and apart:
            command = f"{verb} the leftmost {name}"
            yield PhotoQuestion("leftmost", photograph, name, command, (first,))


def is_right(question: PhotoQuestion, answer: Grounding) -> bool:
    """Tell whether an answer is right: all boxes for "all", else the first one, by IoU of 0.5."""
    found = _pointed_at(answer)
    wanted = np.array(question.boxes_xyxy).reshape(-1, 4)
    if not len(wanted):
        return answer.status.value == "NOT_FOUND" and not len(found)
    if not len(found):
        return False
    overlap = iou(wanted, found) >= 0.5
    if question.family == "all":
        return len(found) == len(wanted) and bool(overlap.any(1).all())
    return bool(overlap[0, 0])


def _pointed_at(answer: Grounding) -> np.ndarray:
    boxes = [p.boxes_xyxy for p in answer.phrases if p.role in ("target", "mention")]
    return np.concatenate([np.zeros((0, 4)), *boxes])


def ask_about_photographs(predictor: Predictor, photographs: list[Photograph]) -> PhotoReport:
    """Ask every question, each picture seen once, and report."""
    report, seen, perception = PhotoReport(), None, None
    asked = list(photo_questions(photographs))
    for number, question in enumerate(asked):
        if question.photograph is not seen:
            seen = question.photograph
            perception = predictor.perceive(np.asarray(read(seen)[0]))
        answer = predictor.ground(perception, question.command)
        right = is_right(question, answer)
        report.families[question.family].append(right)
        report.names[question.name].append(right)
        wanted = np.array(question.boxes_xyxy).reshape(-1, 4)
        covered = (iou(wanted, perception.boxes_xyxy) >= 0.5).any(1)
        report.families["proposal_recall"] += covered.tolist()
        if not right:
            sure = max((float(p.scores[0]) for p in answer.phrases if len(p.scores)), default=0.0)
            report.wrong.append((sure, question, answer))
        if number % 25 == 0:
            print(f"\r{number} of {len(asked)} questions", end="", file=sys.stderr)
    print(file=sys.stderr)
    return report


def photo_table(report: PhotoReport) -> str:
    """Return a report as text: families with goals, then names from worst to best."""
    found = report.to_dict()
    lines = [f"{'photographs':<16} {'accuracy':>8} {'goal':>6} {'asked':>6}"]
    for family, row in found["families"].items():
        goal = f"{GOALS[family]:.2f}" if family in GOALS else ""
        lines.append(f"{family:<16} {row['accuracy']:>8.3f} {goal:>6} {row['questions']:>6}")
    by_accuracy = sorted(found["names"].items(), key=lambda item: item[1]["accuracy"])
    shares = [f"{name} {row['accuracy']:.2f} of {row['questions']}" for name, row in by_accuracy]
    lines += ["", "by name, worst first:"]
    lines += [", ".join(shares[at : at + 5]) for at in range(0, len(shares), 5)]
    return "\n".join(lines)


def show_worst(report: PhotoReport, folder: Path) -> int:
    """Write pictures of the surest wrong answers; return how many.

    What should have been answered is green, what was answered red.
    """
    folder.mkdir(parents=True, exist_ok=True)
    worst = sorted(report.wrong, key=lambda item: -item[0])[:WORST]
    for number, (sure, question, answer) in enumerate(worst):
        image = read(question.photograph)[0]
        scale = max(1.0, 480 / image.width)
        image = image.resize((round(image.width * scale), round(image.height * scale)))
        image = _with_caption(image, f"{question.command}: {answer.status.value} {sure:.2f}")
        draw = ImageDraw.Draw(image)
        for colour, boxes in (("red", _pointed_at(answer)), ("lime", question.boxes_xyxy)):
            for box in boxes:
                draw.rectangle([float(v) * scale for v in box], outline=colour, width=3)
        image.save(folder / f"{number:02d}-{question.family}-{question.name}.jpg".replace(" ", "-"))
    return len(worst)


def _with_caption(image: Image.Image, text: str) -> Image.Image:
    """Return a picture with a line of text below it."""
    higher = Image.new("RGB", (image.width, image.height + 22), "black")
    higher.paste(image)
    ImageDraw.Draw(higher).text((6, image.height + 4), text, fill="white")
    return higher
