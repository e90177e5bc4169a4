"""Scatter things that nobody asks for about the objects."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.library import NAMELESS, Library
from groma_ros.sim.paint import paint_clutter
from groma_ros.sim.placing import Footprint, Placed, footprints_overlap
from groma_ros.sim.shapes.meshes import rotation_about
from groma_ros.sim.world import Geom

ATTEMPTS = 12


def scatter_clutter(
    rng: Generator, library: Library, split: str, objects: list[Placed], reach_m: float
) -> list[Geom]:
    """Return the parts of 1 to 4 things that lie about, in about a third of the scenes."""
    out = _saucer_spoons(rng, library, split, objects)
    varied = split == "train"
    if rng.random() > (0.5 if varied else 0.36):
        return out
    taken = [_footprint(item.points) for item in objects]
    for _ in range(int(rng.integers(1, 5))):
        name = library.clutter[int(rng.integers(len(library.clutter)))]
        name = NAMELESS if varied and rng.random() < 0.5 else name
        shape = library.choose(rng, split, name)
        scale = np.full(3, rng.uniform(0.8, 1.2))
        turn = rotation_about("z", rng.uniform(0, 2 * np.pi))
        half_m = 0.08 + reach_m * (1.6 if name == "laptop" else 1.15)
        position = _free_position(rng, shape.vertices * scale @ turn.T, half_m, taken)
        if position is not None:
            out += paint_clutter(rng, split, shape, position, turn * scale)
    return out


def _free_position(
    rng: Generator, points: np.ndarray, half_m: float, taken: list[Footprint]
) -> np.ndarray | None:
    """Return where (3,) the points (V, 3) hit nothing, and note the footprint; None for nowhere."""
    for _ in range(ATTEMPTS):
        position = np.array([*rng.uniform(-half_m, half_m, 2), 0.0])
        mark = _footprint(points + position)
        if not any(footprints_overlap(mark, other) for other in taken):
            taken.append(mark)
            return position
    return None


def _saucer_spoons(
    rng: Generator, library: Library, split: str, objects: list[Placed]
) -> list[Geom]:
    """Return a spoon on about half of the plates that carry a cup."""
    out: list[Geom] = []
    if "spoon" not in library.clutter:
        return out
    for plate in objects:
        if not any(_is_saucer_of(plate, item) for item in objects) or rng.random() < 0.5:
            continue
        low, high = plate.points.min(0), plate.points.max(0)
        width_m = (high - low)[0]
        spoon = library.choose(rng, split, "spoon")
        length_m = float(spoon.size_m[0])
        scale = np.full(3, width_m * rng.uniform(0.85, 1.05) / length_m)
        turn = rotation_about("z", rng.uniform(0, 2 * np.pi))
        aside = turn @ np.array([-0.5 * length_m * scale[0], rng.uniform(0.28, 0.38) * width_m, 0])
        position = (low + high) / 2 + aside
        position[2] = high[2] + 0.001
        out += paint_clutter(rng, split, spoon, position, turn * scale)
    return out


def _is_saucer_of(plate: Placed, cup: Placed) -> bool:
    """Return whether a plate is under a cup."""
    return bool(
        cup.kind.name == "cup"
        and plate.kind.name == "plate"
        and np.linalg.norm(cup.position[:2] - plate.position[:2]) < 0.05
        and cup.position[2] > plate.position[2]
    )


def _footprint(points: np.ndarray) -> Footprint:
    """Return the rectangle along x and y about points (V, 3)."""
    low, high = points.min(0), points.max(0)
    x, y = (low + high)[:2] / 2
    return Footprint(x, y, (high[0] - low[0]) / 2, (high[1] - low[1]) / 2, 0.0)
