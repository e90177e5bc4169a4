"""Feed rendered pictures to training: decode, crop, flip, jitter, squash to a square."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from groma_ros.sim.pictures_on_disk import PictureFolder
from groma_ros.sim.scene import COLOURS, KINDS

NO_OBJECT = 255
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32)
"""Of ImageNet, over RGB in [0, 1]."""


@dataclass(frozen=True)
class Picture:
    """One training picture, already squashed to a square.

    Attributes:
        rgb: (S, S, 3) uint8.
        boxes_xyxy_norm: (n, 4) float32, visible boxes as fractions of the square.
        kind, colour: (n,) int64 indices into KINDS and COLOURS.
        cells: (G, G) int64, the object that fills most of each cell, -1 for none.
    """

    rgb: np.ndarray
    boxes_xyxy_norm: np.ndarray
    kind: np.ndarray
    colour: np.ndarray
    cells: np.ndarray


class PictureStore:
    """The pictures of a rendered folder with their words as numbers.

    Raises:
        ValueError: the folder holds no shard.
    """

    def __init__(self, folder: Path | str, limit: int | None = None):
        self.pictures = PictureFolder(folder, limit)

    def __len__(self) -> int:
        return len(self.pictures)

    def image(self, number: int) -> Image.Image:
        return self.pictures[number].image()

    def size_wh(self, number: int) -> tuple[int, int]:
        height, width = self.pictures[number].size_hw
        return width, height

    def objects(self, number: int) -> dict[str, np.ndarray]:
        """Return the visible objects of a picture: one array a field, boxes in source pixels."""
        found = self.pictures[number].objects
        return {
            "kind": numbers_of(found.kinds, KINDS),
            "colour": numbers_of(found.colours, COLOURS),
            "box_xyxy": found.box_xyxy,
            "visible_fraction": found.visible_fraction,
            "area_px": found.area_px,
            "distance_m": found.distance_m,
        }

    def hidden(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return kinds and colours of objects that are there but can hardly be seen."""
        hidden = self.pictures[number].hidden
        kinds, colours = [kind for kind, _ in hidden], [colour for _, colour in hidden]
        return numbers_of(kinds, KINDS), numbers_of(colours, COLOURS)

    def cells(self, number: int) -> np.ndarray:
        return self.pictures[number].seg


def numbers_of(words: Sequence[str], table: tuple[str, ...]) -> np.ndarray:
    """Return the places (n,) int64 of words in a table; raise ValueError for one that it lacks."""
    return np.array([table.index(word) for word in words], dtype=np.int64)


def augmented(
    store: PictureStore, number: int, rng: np.random.Generator, side: int, grid: int
) -> Picture:
    """Return picture `number` randomly cropped, flipped, sharpened, lit and made noisy."""
    image = store.image(number)
    width, height = image.size
    crop = random_crop(rng) if rng.random() < 0.75 else (0.0, 0.0, 1.0, 1.0)
    box_px = (crop[0] * width, crop[1] * height, crop[2] * width, crop[3] * height)
    if rng.random() < 0.3:  # a coarser camera, and another program's way of scaling its picture
        coarse = int(side * rng.uniform(0.4, 1.0))
        image, box_px = image.resize((coarse, coarse), pick_filter(rng), box=box_px), None
    rgb = np.asarray(image.resize((side, side), Image.BICUBIC, box=box_px), dtype=np.float32)
    rgb = jitter(rgb, rng)
    found = store.objects(number)
    boxes, kept = crop_boxes(found["box_xyxy"] / [width, height, width, height], crop)
    cells = crop_cells(store.cells(number), crop, grid)
    if rng.random() < 0.5:
        rgb, cells = rgb[:, ::-1], cells[:, ::-1]
        boxes = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)
    number_of = np.full(256, -1, dtype=np.int64)
    number_of[kept] = np.arange(len(kept))
    return Picture(
        np.ascontiguousarray(rgb).astype(np.uint8),
        boxes.astype(np.float32),
        found["kind"][kept].astype(np.int64),
        found["colour"][kept].astype(np.int64),
        np.ascontiguousarray(number_of[cells]),
    )


def pick_filter(rng: np.random.Generator) -> Image.Resampling:
    kinds = (Image.NEAREST, Image.BOX, Image.BILINEAR, Image.BICUBIC, Image.LANCZOS)
    return kinds[int(rng.integers(len(kinds)))]


def normalised(rgb: np.ndarray) -> Tensor:
    """Return pixels (B, 3, S, S) of squashed pictures (B, S, S, 3) uint8."""
    return torch.from_numpy((rgb.astype(np.float32) / 255 - MEAN) / DEVIATION).permute(0, 3, 1, 2)


def plain(store: PictureStore, number: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the unaltered picture, (S, S, 3) uint8, and its boxes as fractions (n, 4)."""
    image = store.image(number)
    width, height = image.size
    boxes = store.objects(number)["box_xyxy"] / [width, height, width, height]
    rgb = np.asarray(image.resize((side, side), Image.BICUBIC))
    return rgb, boxes.astype(np.float32).reshape(-1, 4)


def random_crop(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return x1, y1, x2, y2 fractions; each side keeps 40 % to all of the picture."""
    w = rng.uniform(0.4, 1.0)
    h = np.clip(w * rng.uniform(0.8, 1.25), 0.4, 1.0)
    x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
    return float(x), float(y), float(x + w), float(y + h)


def crop_boxes(boxes_xyxy_norm: np.ndarray, crop, keep: float = 0.35):
    """Move boxes into a crop; return them with the indices of those that keep enough area."""
    boxes = np.asarray(boxes_xyxy_norm, dtype=np.float64).reshape(-1, 4)
    origin, size = np.array(crop[:2]), np.array(crop[2:]) - np.array(crop[:2])
    moved = ((boxes.reshape(-1, 2, 2) - origin) / size).reshape(-1, 4)
    clipped = moved.clip(0, 1)
    area = lambda b: (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    kept = np.flatnonzero(area(clipped) > keep * np.maximum(area(moved), 1e-9))
    return clipped[kept], kept


def crop_cells(cells: np.ndarray, crop, grid: int) -> np.ndarray:
    """Sample a (64, 64) object map at the centres of a grid x grid board over the crop."""
    rows, columns = cells.shape
    at = (np.arange(grid) + 0.5) / grid
    x = ((crop[0] + at * (crop[2] - crop[0])) * columns).astype(int).clip(0, columns - 1)
    y = ((crop[1] + at * (crop[3] - crop[1])) * rows).astype(int).clip(0, rows - 1)
    return cells[np.ix_(y, x)]


def jitter(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, white balance and noise, little enough to keep colour names."""
    rgb = rgb * rng.uniform(0.7, 1.3) * rng.uniform(0.92, 1.08, size=3).astype(np.float32)
    mean = rgb.mean()
    rgb = mean + (rgb - mean) * rng.uniform(0.8, 1.2)
    if rng.random() < 0.3:
        rgb = rgb + rng.normal(0, rng.uniform(1, 8), size=rgb.shape).astype(np.float32)
    return rgb.clip(0, 255)
