"""Read folders of labelled photographs.

A folder holds `photos.jsonl`, a line of JSON a photograph, or a COCO file: `annotations.json`, or
`instances.json`, with `images`, `annotations` and `categories`. A line of photos.jsonl has

file, width, height    the picture, below the folder, and its size in pixels
objects                [{"name", "box_xyxy" in pixels, "crowd" (optional, a group boxed as one)}]
complete               names of which every instance is boxed; "*80" is all names of COCO
split, source          optional: "train" (the default) or "val"; where the picture is from
teacher                optional: [{"name", "box_xyxy", "score"}], what detectors found

In a COCO file every category is complete, and `iscrowd` marks a group. Its split is "train" but for
images with a "split" of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from groma_ros.train.views import Labelled, Thing, Truth, clear_colour
from groma_ros.values.boxes import iou

COCO_FILES = ("annotations.json", "instances.json")
COLOURLESS = ("person", "dog", "cat", "hand")
"""Names of things whose middle tells no colour that people would call them by."""
SURE_GUESS = 0.3
"""A detector's box with a lower score is passed over."""


@dataclass(frozen=True)
class LabelledBox:
    """A box of a photograph: pixels, right and bottom exclusive."""

    name: str
    box_xyxy: tuple[float, float, float, float]
    crowd: bool = False
    score: float = 1.0


@dataclass(frozen=True)
class Photograph:
    """One photograph and what is known about it; see the docstring of the module."""

    path: Path
    file: str
    size_wh: tuple[int, int]
    objects: tuple[LabelledBox, ...]
    complete: tuple[str, ...] = ()
    guesses: tuple[LabelledBox, ...] = ()
    split: str = "train"
    source: str = "photograph"


def read_photographs(folder: str | Path, split: str = "") -> list[Photograph]:
    """Return a folder's photographs, or those of one split.

    Raises FileNotFoundError where there is no list of labels, ValueError naming the file and the
    row that is at fault.
    """
    folder = Path(folder)
    lines = folder / "photos.jsonl"
    if lines.is_file():
        found = _from_lines(lines)
    else:
        file = next((folder / name for name in COCO_FILES if (folder / name).is_file()), None)
        if file is None:
            raise FileNotFoundError(
                f"{folder} has neither photos.jsonl nor {' nor '.join(COCO_FILES)}"
            )
        found = _from_coco(file)
    found = [photograph for photograph in found if split in ("", photograph.split)]
    if not found:
        raise ValueError(f"{folder} has no photograph of the split {split!r}")
    return found


def _from_lines(path: Path) -> list[Photograph]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            found.append(
                Photograph(
                    path.parent / row["file"],
                    row["file"],
                    (int(row["width"]), int(row["height"])),
                    tuple(_box(o) for o in row["objects"]),
                    tuple(row.get("complete", ())),
                    tuple(_box(o) for o in row.get("teacher", ())),
                    row.get("split", "train"),
                    row.get("source", "photograph"),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{path}, line {number}: {what}") from None
    return found


def _box(row: dict) -> LabelledBox:
    x1, y1, x2, y2 = map(float, row["box_xyxy"])
    if not (x1 < x2 and y1 < y2):
        raise ValueError(f"the box {row['box_xyxy']} of {row['name']!r} has no area")
    return LabelledBox(
        row["name"], (x1, y1, x2, y2), bool(row.get("crowd")), float(row.get("score", 1.0))
    )


def _from_coco(path: Path) -> list[Photograph]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        names = {category["id"]: category["name"] for category in data["categories"]}
        boxes: dict[int, list[LabelledBox]] = {image["id"]: [] for image in data["images"]}
        for note in data["annotations"]:
            x, y, width, height = map(float, note["bbox"])
            if width > 0 and height > 0:
                crowd = bool(note.get("iscrowd"))
                box = (x, y, x + width, y + height)
                boxes[note["image_id"]].append(LabelledBox(names[note["category_id"]], box, crowd))
        return [
            Photograph(
                path.parent / image["file_name"],
                image["file_name"],
                (int(image["width"]), int(image["height"])),
                tuple(boxes[image["id"]]),
                tuple(names.values()),
                split=image.get("split", "train"),
                source="coco",
            )
            for image in data["images"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: {what}") from None


def labelled(photographs: list[Photograph]) -> list[Callable[[], Labelled]]:
    """Return what reads each photograph, RGB, with its truth."""
    return [lambda photograph=photograph: read(photograph) for photograph in photographs]


def read(photograph: Photograph) -> Labelled:
    """Decode a photograph and bring what is known of it to fractions of the picture.

    Groups that are boxed as one thing, and things of hardly a pixel, become hidden. Raises
    ValueError where the file is no picture.
    """
    try:
        image = Image.open(photograph.path).convert("RGB")
    except OSError as error:
        raise ValueError(f"{photograph.path} is no picture: {error}") from None
    rgb, scale = np.asarray(image), np.array([*photograph.size_wh] * 2, dtype=float)
    things, guesses, hidden = [], [], []
    for item in photograph.objects:
        box = tuple((np.array(item.box_xyxy) / scale).clip(0, 1).tolist())
        if item.crowd or min(box[2] - box[0], box[3] - box[1]) < 0.004:
            hidden.append((item.name, ""))
            continue
        colour = "" if item.name in COLOURLESS else clear_colour(rgb, box)
        things.append(Thing(item.name, colour, box))
    for item in photograph.guesses:
        box = tuple((np.array(item.box_xyxy) / scale).clip(0, 1).tolist())
        if item.score < SURE_GUESS or min(box[2] - box[0], box[3] - box[1]) < 0.01:
            continue
        others = np.array([t.box for t in things + guesses]).reshape(-1, 4)
        if not (iou(np.array([box]), others) > 0.5).any():
            guesses.append(Thing(item.name, "", box))
    return image, Truth(photograph.source, things, guesses, hidden, list(photograph.complete))
