"""Look at pictures through the frozen stem once and keep what it sees: views on disk.

The stem costs more than the rest of a training step. A view is one augmented picture (cropped,
flipped, lit, made noisy), the features that the stem gives for it, and its truth. Rendered pictures
and photographs become the same thing here.

A folder holds `views-00000.features.npy` (V, FEATURES) float16, the levels of `JointStem`
flattened behind each other, `views-00000.detector.npy` (V, G, G, 81) uint8, the detector's
probability of each of its 80 names (255 is one) and, last, that anything is there (255
everywhere where no detector looked), and
`views-00000.json`, a list of truths (see `Truth`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from groma_ros.model.naming import DetectorHead
from groma_ros.model.stem import JointStem
from groma_ros.sim.colours import colour_word
from groma_ros.sim.pictures_on_disk import PictureFolder
from groma_ros.train.augment import crop_boxes, jitter, normalised, pick_filter, random_crop

SIDE = 384
"""Of the square that the stem sees, in pixels."""
LEVELS = ((112, 16), (131, 8), (192, 16), (192, 32))
"""Channels and stride of the stem's levels."""
EVERYTHING = "*"
"""Among a truth's complete names: every thing that has a name is listed."""
RENDER = "render"
"""The source of a rendered picture."""
COLOUR_PATCH = 0.5
"""Of a box's sides: the middle that tells the colour of a photographed thing."""


@dataclass(frozen=True)
class Thing:
    """One thing in a picture: its name and colour word ("" unknown), its box in fractions."""

    name: str
    colour: str
    box: tuple[float, float, float, float]
    distance_m: float = 0.0


@dataclass(frozen=True)
class Truth:
    """What is known about a picture.

    Attributes:
        source: the data set it is from.
        things: what was labelled by people or the renderer.
        guesses: what detectors found beside them, less sure.
        hidden: (name, colour) of things that are there but can hardly be seen.
        complete: names of which every instance is in `things`; EVERYTHING for all names.
    """

    source: str
    things: list[Thing]
    guesses: list[Thing] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)

    @classmethod
    def from_dict(cls, data: dict) -> Truth:
        """Invert `dataclasses.asdict` after a way through JSON."""
        things, guesses = (
            [Thing(t["name"], t["colour"], tuple(t["box"]), t["distance_m"]) for t in data[key]]
            for key in ("things", "guesses")
        )
        hidden = [(name, colour) for name, colour in data["hidden"]]
        return cls(data["source"], things, guesses, hidden, data["complete"])


Labelled = tuple[Image.Image, Truth]


def rendered(folder: str | Path) -> list[Callable[[], Labelled]]:
    """Return what reads each picture of a `groma render` folder with its truth."""
    pictures = PictureFolder(folder)

    def read(number: int) -> Labelled:
        picture = pictures[number]
        height, width = picture.size_hw
        found = picture.objects
        boxes = found.box_xyxy / np.array([width, height, width, height])
        things = [
            Thing(kind, colour, tuple(map(float, box)), float(far))
            for kind, colour, box, far in zip(
                found.kinds, found.colours, boxes, found.distance_m, strict=True
            )
        ]
        hidden = [(kind, colour) for kind, colour in picture.hidden]
        return picture.image(), Truth(RENDER, things, [], hidden, [EVERYTHING])

    return [lambda number=number: read(number) for number in range(len(pictures))]


def augmented(labelled: Labelled, rng: np.random.Generator, side: int) -> tuple[np.ndarray, Truth]:
    """Return a picture squashed to (S, S, 3) uint8, randomly altered, and its truth moved along."""
    image, truth = labelled
    width, height = image.size
    crop = (0.0, 0.0, 1.0, 1.0)
    if rng.random() < 0.75:
        crop = random_crop(rng)
    box_px = (crop[0] * width, crop[1] * height, crop[2] * width, crop[3] * height)
    flip = rng.random() < 0.5
    if rng.random() < 0.3:  # a coarser camera, another program's way of scaling
        coarse = int(side * rng.uniform(0.4, 1.0))
        image, box_px = image.resize((coarse, coarse), pick_filter(rng), box=box_px), None
    image = image.resize((side, side), Image.BICUBIC, box=box_px)
    if rng.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    rgb = np.asarray(image.convert("RGB"), dtype=np.float32)
    rgb = jitter(rgb, rng)
    if flip:
        rgb = rgb[:, ::-1]
    rgb = np.ascontiguousarray(rgb).astype(np.uint8)
    things, lost = _moved(truth.things, crop, flip)
    guesses, _ = _moved(truth.guesses, crop, flip)
    hidden = truth.hidden + [(thing.name, thing.colour) for thing in lost]
    return rgb, Truth(truth.source, things, guesses, hidden, truth.complete)


def _moved(things: list[Thing], crop: tuple, flip: bool) -> tuple[list[Thing], list[Thing]]:
    """Return the things that a crop keeps, moved along, and those that it cuts too much of."""
    if not things:
        return [], []
    boxes = np.array([thing.box for thing in things])
    moved, kept = crop_boxes(boxes, crop)
    if flip:
        moved = np.stack([1 - moved[:, 2], moved[:, 1], 1 - moved[:, 0], moved[:, 3]], axis=1)
    stay = [
        Thing(things[k].name, things[k].colour, tuple(map(float, box)), things[k].distance_m)
        for k, box in zip(kept, moved, strict=True)
    ]
    touched = (boxes[:, 0] < crop[2]) & (boxes[:, 2] > crop[0])
    touched &= (boxes[:, 1] < crop[3]) & (boxes[:, 3] > crop[1])
    gone = [things[k] for k in np.flatnonzero(touched) if k not in set(kept.tolist())]
    return stay, gone


def clear_colour(rgb: np.ndarray, box: tuple[float, float, float, float]) -> str:
    """Return the colour word of the middle of a box in (H, W, 3) uint8, "" where it has none."""
    height, width = rgb.shape[:2]
    x1, y1, x2, y2 = np.array(box) * [width, height, width, height]
    dx, dy = (x2 - x1) * (1 - COLOUR_PATCH) / 2, (y2 - y1) * (1 - COLOUR_PATCH) / 2
    patch = rgb[int(y1 + dy) : int(y2 - dy) + 1, int(x1 + dx) : int(x2 - dx) + 1].reshape(-1, 3)
    return colour_word(patch, np.ones(len(patch))) if len(patch) else ""


def blank(rng: np.random.Generator) -> Labelled:
    """Return a picture with nothing in it: dark, noisy, plain, a wall in uneven light."""
    side = SIDE
    base = np.full((side, side, 3), rng.choice([0, 8, 60, 128, 200, 255]), dtype=np.float32)
    way = rng.integers(5)
    if way >= 2:
        base[:] = rng.uniform(0, 255, 3)
    if way >= 3:  # light that falls off to one side
        x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
        base *= 1 + (rng.uniform(-0.5, 0.5) * x + rng.uniform(-0.5, 0.5) * y)[..., None]
    if way == 4:  # patches without a border
        rough = rng.uniform(0.5, 1.5, (int(rng.integers(2, 7)), int(rng.integers(2, 7)), 1))
        soft = Image.fromarray((rough[..., 0] * 127).astype(np.uint8)).resize((side, side), 3)
        base *= (np.asarray(soft, dtype=np.float32) / 127)[..., None]
    base += rng.normal(0, rng.choice([0, 2, 10, 40]), base.shape)
    image = Image.fromarray(base.clip(0, 255).astype(np.uint8))
    return image, Truth("blank", [], [], [], [EVERYTHING])


def defocused(labelled: Labelled, rng: np.random.Generator) -> Labelled:
    """Return a picture of which nothing can be made out any more, as a picture of nothing."""
    image, _ = labelled
    radius = max(image.size) * rng.uniform(0.06, 0.15)
    image = (
        image.convert("RGB")
        .resize((128, 128))
        .filter(ImageFilter.GaussianBlur(radius * 128 / max(image.size)))
    )
    return image, Truth("blank", [], [], [], [EVERYTHING])


class Detector:
    """What the published detector says of each cell of stride 16, in bytes."""

    def __init__(self, head: DetectorHead) -> None:
        self.head = head

    @torch.no_grad()
    def __call__(self, levels: Sequence[Tensor]) -> np.ndarray:
        """Return (B, G, G, 81) uint8 probabilities of names and of anything, 255 is one.

        `levels` are those of `YoloxStem`.
        """
        return (255 * self.head(levels)).round().byte().permute(0, 2, 3, 1).numpy()


def unknowing(levels: Sequence[Tensor]) -> np.ndarray:
    """Return what a detector that knows nothing says: there may be anything anywhere."""
    batch, _, height, width = levels[1].shape
    said = np.zeros((batch, height, width, 81), dtype=np.uint8)
    said[..., -1] = 255
    return said


@torch.no_grad()
def write_views(
    stem: JointStem,
    detector: Callable[[Sequence[Tensor]], np.ndarray],
    pictures: Iterator[tuple[np.ndarray, Truth]],
    folder: Path,
    shard: int,
) -> None:
    """Write one shard of views of squashed pictures; a shard that is there already is kept."""
    name = folder / f"views-{shard:05d}"
    truth_file = name.with_suffix(".json")
    if truth_file.exists():
        return
    features, guesses, truths = [], [], []
    for rgb, truth in pictures:
        levels = stem.levels(normalised(rgb[None]))
        features.append(torch.cat([level.flatten() for level in levels]).half().numpy())
        guesses.append(detector(levels[1:])[0])
        truths.append(asdict(truth))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(name.with_suffix(".features.npy"), np.stack(features))
    np.save(name.with_suffix(".detector.npy"), np.stack(guesses))
    truth_file.write_text(json.dumps(truths), encoding="utf-8")


SHARD_VIEWS = 256
SHARES = {"whole": 0.22, "partial": 0.31, "rendered": 0.42, "blank": 0.05}
"""How often a view is of a photograph in which all of COCO's names are boxed, of another one, of a
rendered picture, and of nothing; where a source is absent the others take its share."""


def make_views(
    rank: int,
    workers: int,
    pictures: list[str],
    photographs: list[str],
    start: str,
    detector: str,
    folder: str,
    count: int,
    seed: int,
) -> None:
    """Write this process's share of about `count` views of training pictures into a folder."""
    from groma_ros.train.photographs import labelled, read_photographs
    from groma_ros.train.start import start_model
    from groma_ros.train.yolox import detector_head

    torch.set_num_threads(1)
    sources: dict[str, list[Callable[[], Labelled]]] = {"whole": [], "partial": [], "rendered": []}
    for name in photographs:
        found = read_photographs(name, "train")
        for whole in (True, False):
            mine = [p for p in found if ("*80" in p.complete) is whole]
            sources["whole" if whole else "partial"] += labelled(mine)
    for name in pictures:
        sources["rendered"] += rendered(name)
    stem = start_model(start, detector)[0].perceiver.vis_encoder.stem.eval()
    last = Detector(detector_head(detector)) if detector else unknowing
    shards = -(-count // SHARD_VIEWS)
    for shard in range(rank, shards, workers):
        rng = np.random.default_rng([seed, shard])
        write_views(stem, last, drawn_views(sources, rng), Path(folder), shard)
        print(f"views: shard {shard + 1} of {shards}", flush=True)


def drawn_views(
    sources: dict[str, list[Callable[[], Labelled]]], rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, Truth]]:
    """Yield a shard of views, their sources drawn by share."""
    there = [name for name in SHARES if name == "blank" or sources[name]]
    shares = np.array([SHARES[name] for name in there])
    everything = [read for reads in sources.values() for read in reads]
    for _ in range(SHARD_VIEWS):
        name = there[int(rng.choice(len(there), p=shares / shares.sum()))]
        if name != "blank":
            reads = sources[name]
            picture = reads[int(rng.integers(len(reads)))]()
        elif rng.random() < 0.7:
            picture = blank(rng)
        else:
            picture = defocused(everything[int(rng.integers(len(everything)))](), rng)
        yield augmented(picture, rng, SIDE)


class ViewFolder:
    """Read the views of a folder by number; `refresh` finds shards that came later."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.shards: list[tuple[np.ndarray, np.ndarray]] = []
        self.truths: list[Truth] = []
        self.places: list[tuple[int, int]] = []
        self._read: set[str] = set()
        self.refresh()

    def refresh(self) -> None:
        """Read the truths of shards that are new, and map their features."""
        for file in sorted(self.folder.glob("views-*.json")):
            if file.name in self._read:
                continue
            self._read.add(file.name)
            features, detector = (
                np.load(file.with_suffix(f".{part}.npy"), mmap_mode="r")
                for part in ("features", "detector")
            )
            truths = [Truth.from_dict(d) for d in json.loads(file.read_text(encoding="utf-8"))]
            self.places += [(len(self.shards), row) for row in range(len(truths))]
            self.truths += truths
            self.shards.append((features, detector))

    def __len__(self) -> int:
        return len(self.truths)

    def levels(self, numbers: list[int]) -> tuple[Tensor, ...]:
        """Return the stem's levels of some views, (B, C, side, side) float16 each."""
        flat = torch.from_numpy(np.stack([self._row(n, 0) for n in numbers]))
        levels, at = [], 0
        for channels, stride in LEVELS:
            cells = SIDE // stride
            size = channels * cells * cells
            levels.append(flat[:, at : at + size].view(len(numbers), channels, cells, cells))
            at += size
        return tuple(levels)

    def detector(self, numbers: list[int]) -> Tensor:
        """Return what the detector says of some views, (B, G, G, 81) float32."""
        rows = np.stack([self._row(n, 1) for n in numbers])
        return torch.from_numpy(rows).float() / 255

    def _row(self, number: int, part: int) -> np.ndarray:
        shard, row = self.places[number]
        return self.shards[shard][part][row]
