"""Choose objects, paints and poses for one scene, without interpenetration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator

from groma_ros.sim.kinds import TABLETOP, Kind, kind_named
from groma_ros.sim.library import Library, Shape
from groma_ros.sim.scene import COLOURS
from groma_ros.sim.shapes.meshes import rotation_about

MAX_OBJECTS = 10
ATTEMPTS = 30
TALLEST_STACKED_M = 0.25
AS_SCANNED_SHARE = 0.5
ALWAYS_NATURAL = 0.9
"""Kinds that have a natural colour at least this often take no colour of their neighbours."""
_COUNTS = np.array([6, 7, 13, 16, 17, 15, 11, 8, 4, 3]) / 100
"""How often a scene is made of 1, 2, ... `MAX_OBJECTS` objects."""


@dataclass(frozen=True)
class Wanted:
    """Name an object that a scene shall show."""

    kind: Kind
    colour: str


@dataclass(frozen=True, eq=False)
class Draft:
    """Describe an object that has no place yet.

    scale (3,): factors of the shape's sides; pose (3, 3): rotation without heading; low, high (3,):
    corners of the scaled and posed shape's bounding box, metres from the shape's origin.
    """

    kind: Kind
    colour: str
    shape: Shape
    scale: np.ndarray
    pose: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def size_m(self) -> np.ndarray:
        """Return the sides (3,) of the bounding box, metres."""
        return self.high - self.low

    @property
    def stands(self) -> bool:
        """Return whether the shape stands as it was made."""
        return np.allclose(self.pose, np.eye(3))


@dataclass(frozen=True, eq=False)
class Placed:
    """Hold an object in the world: vertex v of its shape is at position + rotation @ (scale * v).

    scale (3,), rotation (3, 3), position (3,) metres; z is up, the table's top at 0.
    """

    kind: Kind
    colour: str
    shape: Shape
    scale: np.ndarray
    rotation: np.ndarray
    position: np.ndarray

    @cached_property
    def points(self) -> np.ndarray:
        """Return the object's vertices (V, 3) in the world, metres."""
        return self.shape.vertices * self.scale @ self.rotation.T + self.position


@dataclass(frozen=True)
class Footprint:
    """Describe an oriented rectangle on the table: centre, half sides (metres), heading (rad)."""

    x: float
    y: float
    half_x: float
    half_y: float
    heading: float


def footprints_overlap(a: Footprint, b: Footprint, margin_m: float = 0.004) -> bool:
    """Return whether two oriented rectangles come closer than a margin (separating axes)."""
    dx, dy = b.x - a.x, b.y - a.y
    turn = b.heading - a.heading
    c, s = abs(math.cos(turn)), abs(math.sin(turn))
    for first, second in ((a, b), (b, a)):
        ca, sa = math.cos(first.heading), math.sin(first.heading)
        along = abs(dx * ca + dy * sa)
        across = abs(-dx * sa + dy * ca)
        if along > first.half_x + second.half_x * c + second.half_y * s + margin_m:
            return False
        if across > first.half_y + second.half_x * s + second.half_y * c + margin_m:
            return False
    return True


def choose_contents(
    rng: Generator, kinds: tuple[Kind, ...] = TABLETOP, count: int | None = None
) -> list[Wanted]:
    """Draw the kind and colour of each object of a scene; kinds and colours repeat often."""
    count = int(rng.choice(MAX_OBJECTS, p=_COUNTS)) + 1 if count is None else count
    chosen = [kinds[int(k)] for k in rng.choice(len(kinds), count, replace=rng.random() < 0.1)]
    if count >= 2 and rng.random() < 0.5:
        copies = min(count, int(rng.integers(2, 5)))
        chosen[:copies] = [chosen[0]] * copies
    chosen = [chosen[int(k)] for k in rng.permutation(count)]
    colours = [choose_colour(rng, kind) for kind in chosen]
    if count >= 3 and rng.random() < 0.3:
        shared = int(rng.integers(count))
        for k in rng.choice(count, min(int(rng.integers(2, 4)), count), replace=False):
            if colours[shared] and chosen[int(k)].natural_share < ALWAYS_NATURAL:
                colours[int(k)] = colours[shared]
    return [Wanted(kind, colour) for kind, colour in zip(chosen, colours, strict=True)]


def choose_colour(rng: Generator, kind: Kind) -> str:
    """Draw the colour of an object of a kind: any colour, or one that the kind often has."""
    if kind.natural_colours and rng.random() < kind.natural_share:
        return str(rng.choice(kind.natural_colours))
    return str(rng.choice(COLOURS))


def _choose_pose(rng: Generator, kind: Kind) -> np.ndarray:
    """Return a (3, 3) rotation without heading."""
    return kind.lie(rng) if rng.random() < kind.lying_share else kind.rest(rng)


def _choose_scale(rng: Generator, kind: Kind, split: str) -> np.ndarray:
    """Return the factors (3,) of a shape's sides; training changes heights more."""
    scale = np.full(3, rng.uniform(0.8, 1.25))
    if kind.stretch == "none":
        return scale
    if split == "train" and rng.random() < 0.4:
        scale *= [1, 1, 1 + kind.height_spread * rng.uniform(-1, 1)]
    if kind.stretch == "sides":
        return scale * rng.uniform(0.92, 1.08, 3)
    return scale * [1, 1, rng.uniform(0.9, 1.12)]


def place_objects(
    rng: Generator, library: Library, split: str, contents: list[Wanted]
) -> list[Placed]:
    """Return the objects that found a free place, near the origin, on the plane z = 0."""
    drafts, saucers = _draft_all(rng, library, split, contents)
    half_region = _half_region(rng, drafts)
    lower_of = _choose_stacks(rng, drafts, saucers)
    taken: list[Footprint] = []
    on_table: dict[int, Placed] = {}
    out: list[Placed] = []
    for number, draft in enumerate(drafts):
        lower = lower_of.get(number)
        if lower is not None and lower in on_table:
            out.append(_stand_on(rng, draft, drafts[lower], on_table[lower]))
            continue
        found = _place_free(rng, draft, half_region, taken)
        if found is not None:
            on_table[number] = found
            out.append(found)
    return out


def _half_region(rng: Generator, drafts: list[Draft]) -> np.ndarray:
    """Return half the sides (2,) in metres of the rectangle that the objects will share."""
    area_m2 = sum(float(np.prod(draft.size_m[:2])) for draft in drafts)
    density = rng.uniform(0.16, 0.55)
    aspect = rng.uniform(0.5, 2.0)
    side_m = math.sqrt(area_m2 / density)
    return np.array([side_m * math.sqrt(aspect), side_m / math.sqrt(aspect)]) / 2


def _place_free(
    rng: Generator, draft: Draft, half_region: np.ndarray, taken: list[Footprint]
) -> Placed | None:
    """Return the object where nothing else is, and note its footprint; None for nowhere."""
    half, middle = draft.size_m[:2] / 2, (draft.high + draft.low)[:2] / 2
    for attempt in range(ATTEMPTS):
        heading = rng.uniform(0, 2 * np.pi)
        x, y = rng.uniform(-1, 1, 2) * (half_region * (1 + 0.04 * attempt))
        mark = Footprint(x, y, float(half[0]), float(half[1]), heading)
        if not any(footprints_overlap(mark, other) for other in taken):
            taken.append(mark)
            turn = rotation_about("z", heading)
            position = np.array([*(np.array([x, y]) - turn[:2, :2] @ middle), -draft.low[2]])
            return _placed(draft, turn, position)
    return None


def _stand_on(rng: Generator, draft: Draft, lower: Draft, base: Placed) -> Placed:
    """Return the object on top of another."""
    turn = rotation_about("z", rng.uniform(0, 2 * np.pi))
    middle = (draft.high + draft.low)[:2] / 2
    share = lower.kind.carrying_height
    height_m = float(lower.size_m[2])
    lift_m = height_m + 0.001 if share == 1 else height_m * share
    spot = base.position[:2] + rng.uniform(-0.004, 0.004, 2)
    z = base.position[2] + lift_m - draft.low[2]
    return _placed(draft, turn, np.array([*(spot - (turn[:2, :2] @ middle)), z]))


def _placed(draft: Draft, turn: np.ndarray, position: np.ndarray) -> Placed:
    return Placed(draft.kind, draft.colour, draft.shape, draft.scale, turn @ draft.pose, position)


def _draft_all(
    rng: Generator, library: Library, split: str, contents: list[Wanted]
) -> tuple[list[Draft], dict[int, int]]:
    """Return the drafts and, by number of a cup, the number of the saucer added before it."""
    drafts: list[Draft] = []
    saucers: dict[int, int] = {}
    for wanted in contents:
        kind = wanted.kind
        shape = library.choose(rng, split, kind.name)
        draft = (
            _draft_scan(rng, kind, shape) if shape.scan else _draft_made(rng, split, wanted, shape)
        )
        if kind.saucer_share and draft.stands and rng.random() < kind.saucer_share:
            plate = kind_named("plate", library.kinds)
            colour = wanted.colour if rng.random() < 0.65 else choose_colour(rng, plate)
            drafts.append(_saucer(rng, library, split, draft, Wanted(plate, colour)))
            saucers[len(drafts)] = len(drafts) - 1
        drafts.append(draft)
    return drafts, saucers


def _draft_made(rng: Generator, split: str, wanted: Wanted, shape: Shape) -> Draft:
    """Return the draft of a shape that was made: painted, scaled and posed as its kind is."""
    scale = _choose_scale(rng, wanted.kind, split)
    return _draft(wanted.kind, wanted.colour, shape, scale, _choose_pose(rng, wanted.kind))


def _draft_scan(rng: Generator, kind: Kind, shape: Shape) -> Draft:
    """Return the draft of a scanned thing: true size and colour, half of the time as scanned."""
    poses = shape.scan.poses
    pose = poses[0 if rng.random() < AS_SCANNED_SHARE else int(rng.integers(len(poses)))]
    return _draft(kind, shape.scan.colour, shape, np.ones(3), pose)


def _draft(kind: Kind, colour: str, shape: Shape, scale: np.ndarray, pose: np.ndarray) -> Draft:
    points = shape.vertices * scale @ pose.T
    return Draft(kind, colour, shape, scale, pose, points.min(0), points.max(0))


def _saucer(rng: Generator, library: Library, split: str, cup: Draft, plate: Wanted) -> Draft:
    """Return the draft of a small plate a little wider than the cup that will stand on it."""
    shape = library.choose(rng, split, plate.kind.name, scanned=False)
    width_m = float(cup.size_m[:2].max()) * rng.uniform(1.15, 1.65)
    scale = np.full(3, width_m / shape.size_m[0])
    return _draft(plate.kind, plate.colour, shape, scale, np.eye(3))


def _choose_stacks(rng: Generator, drafts: list[Draft], saucers: dict[int, int]) -> dict[int, int]:
    """Return {upper: lower} for pairs that may stand on each other; the lower one comes first."""
    lower_of = dict(saucers)
    if rng.random() > 0.45:
        return lower_of
    for upper in range(1, len(drafts)):
        for lower in range(upper):
            used = upper in lower_of or lower in lower_of or lower in lower_of.values()
            if not used and _fits_on(drafts[upper], drafts[lower]) and rng.random() < 0.6:
                lower_of[upper] = lower
    return lower_of


def _fits_on(upper: Draft, lower: Draft) -> bool:
    """Return whether one object may stand on another."""
    if not lower.stands or (upper.kind.stands_on and lower.kind.name not in upper.kind.stands_on):
        return False
    if lower.kind.holds and upper.kind.name not in lower.kind.holds:
        return False
    widest_m = lower.kind.carries * lower.size_m[:2].min()
    return bool(upper.size_m[:2].max() <= widest_m) and upper.size_m[2] < TALLEST_STACKED_M
