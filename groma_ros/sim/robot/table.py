"""What lies on the robot's table: things that a gripper can take, at places that it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from groma_ros.sim.kinds import Kind, kind_named
from groma_ros.sim.library import Library, Shape
from groma_ros.sim.poses import rotation_about

HALF_REACH_M = np.array([0.16, 0.26])
"""Of the table about its middle: where the gripper comes from above."""
GAP_M = 0.04
"""Between two things: room for a finger of the open gripper."""
WIDEST_M = 0.06
"""What the gripper is to take is narrower: it opens by 10 cm, and a place may be off by 1 cm."""
LONGEST_M = 0.15
ATTEMPTS, LAYOUTS = 100, 60


@dataclass(frozen=True, eq=False)
class TableThing:
    """Hold one thing on the table: vertex v of its shape is at `position + turn @ (scale * v)`.

    position (3,) metres in the table's frame: z up from the top, x away from the robot
    """

    kind: Kind
    colour: str
    shape: Shape
    scale: float
    turn: np.ndarray
    position: np.ndarray

    @property
    def name(self) -> str:
        """Return "red cup"."""
        return f"{self.colour} {self.kind.name}"

    @property
    def size_m(self) -> np.ndarray:
        """Return the sides (3,) of its own bounding box."""
        return self.shape.size_m * self.scale

    @property
    def radius_m(self) -> float:
        """Return the radius of the circle about its footprint."""
        return float(np.linalg.norm(self.size_m[:2])) / 2


def lay_table(
    rng: Generator, library: Library, wanted: Sequence[tuple[str, str]], split: str = "test"
) -> list[TableThing]:
    """Return things of the wanted (colour, kind) at free places, in the order they were asked for.

    Raises ValueError where one of them finds no place.
    """
    drafts = []
    for colour, name in wanted:
        kind = kind_named(name, library.kinds)
        shape = library.choose(rng, split, name, scanned=False)
        turn = rotation_about("z", rng.uniform(0, 2 * np.pi))
        scale = _scale(shape, bool(kind.carries))
        drafts.append(TableThing(kind, colour, shape, scale, turn, np.zeros(3)))
    for _ in range(LAYOUTS):
        places = _free_places(rng, drafts)
        if places is not None:
            return [
                replace(draft, position=np.array([*place, -_lowest(draft)]))
                for draft, place in zip(drafts, places, strict=True)
            ]
    raise ValueError(f"{len(drafts)} things find no room on the table")


def _lowest(draft: TableThing) -> float:
    """Return the height of a thing's lowest point above its origin."""
    return float(draft.shape.vertices[:, 2].min()) * draft.scale


def _free_places(rng: Generator, drafts: Sequence[TableThing]) -> list[np.ndarray] | None:
    """Return where each thing stands (2,), the largest placed first; None where one has no room."""
    order = sorted(range(len(drafts)), key=lambda i: -drafts[i].radius_m)
    places: dict[int, np.ndarray] = {}
    for number in order:
        for _ in range(ATTEMPTS):
            place = rng.uniform(-HALF_REACH_M, HALF_REACH_M)
            apart = [
                np.linalg.norm(place - at) - drafts[other].radius_m - drafts[number].radius_m
                for other, at in places.items()
            ]
            if min(apart, default=1.0) > GAP_M:
                places[number] = place
                break
        else:
            return None
    return [places[number] for number in range(len(drafts))]


def _scale(shape: Shape, carries: bool) -> float:
    """Return what makes a shape fit the gripper; what things are put on is up to 16 cm wide."""
    if carries:
        return min(1.0, 0.16 / float(shape.size_m[:2].max()))
    narrow, longest = float(np.sort(shape.size_m[:2])[0]), float(shape.size_m.max())
    return min(1.0, WIDEST_M / narrow, LONGEST_M / longest)
