"""What a picture of the tabletop world is: kinds, colours, objects. Needs no renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groma_ros.sim.kinds import TABLETOP
from groma_ros.values.pinhole import Pinhole

KINDS = tuple(kind.name for kind in TABLETOP)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
SPLITS = ("train", "test")
"""Pictures to train on, which vary more in everything, and pictures to measure on."""

MIN_VISIBLE_PX = 80
MIN_VISIBLE_FRACTION = 0.35


@dataclass(frozen=True)
class SceneObject:
    """Describe one object of a picture.

    kind              its name
    colour            one of `COLOURS`, or empty where no one word fits
    box_xyxy          (4,) float32, tight box of its visible pixels, right and bottom exclusive
    visible_fraction  visible area over the area without occluders and border
    area_px           visible pixels
    distance_m        from the camera to the object's centre
    position_m        (3,) that centre in the world, z up, table top at 0
    size_m            longest side of its own bounding box
    """

    kind: str
    colour: str
    box_xyxy: np.ndarray
    visible_fraction: float
    area_px: float
    distance_m: float
    position_m: np.ndarray
    size_m: float

    def __post_init__(self):
        if not self.kind:
            raise ValueError("an object's kind must be a name, got an empty one")
        if self.colour not in (*COLOURS, ""):
            raise ValueError(f"colour {self.colour!r} is none of {COLOURS}, nor empty")


@dataclass(frozen=True)
class Scene:
    """Hold one rendered picture and its truth.

    rgb        (H, W, 3) uint8
    objects    what a person can see
    hidden     what is there but too small, covered or cut off to ask about
    index_map  (H, W) int16: index into objects, -1 none, len(objects) + j the hidden object j
    camera     how its optical frame falls onto pixels
    """

    rgb: np.ndarray
    objects: tuple[SceneObject, ...]
    hidden: tuple[SceneObject, ...]
    index_map: np.ndarray
    split: str
    seed: int
    camera: Pinhole | None = None

    def __post_init__(self):
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise ValueError(f"rgb must be (H, W, 3) uint8, got {self.rgb.shape} {self.rgb.dtype}")
        if self.index_map.shape != self.rgb.shape[:2]:
            raise ValueError(f"index_map is {self.index_map.shape}, picture {self.rgb.shape[:2]}")
        if self.split not in SPLITS:
            raise ValueError(f"split {self.split!r} is none of {SPLITS}")


def mask_box_xyxy(mask: np.ndarray) -> np.ndarray:
    """Return the tight box (4,) float32 of a (H, W) bool mask, zeros when it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(4, np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
