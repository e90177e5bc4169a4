"""Choose objects, paints and poses for one scene, without interpenetration."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from groma_ros.sim.library import all_shapes, shapes_by_kind
from groma_ros.sim.meshes import rotation_about
from groma_ros.sim.scene import COLOURS, KINDS, WIDE

MAX_OBJECTS = 10
_COUNTS = np.array([6, 7, 13, 16, 17, 15, 11, 8, 4, 3]) / 100
_NATURAL = {
    "banana": ("yellow", "yellow", "yellow", "green"),
    "apple": ("red", "red", "green", "yellow"),
    "box": ("brown", "brown", "white"),
    "marker": ("black", "blue", "red", "green"),
    "plate": ("white", "white", "blue"),
    "can": ("red", "blue", "green"),
}
_LYING = {"cup": 0.1, "bottle": 0.15, "can": 0.13, "glass": 0.06, "box": 0.3}
_STANDING_BOOK = 0.2
_SAUCER = 0.2
_UNEQUAL = frozenset(KINDS) - {"cube", "ball"}


@dataclass(frozen=True)
class Placed:
    """One object in the world: vertex v of its shape is at position + rotation @ (scale * v)."""

    kind: str
    colour: str
    shape: int
    scale: np.ndarray
    rotation: np.ndarray
    position: np.ndarray

    @cached_property
    def points(self) -> np.ndarray:
        """Return the object's vertices (V, 3) in the world, metres."""
        return all_shapes()[self.shape].vertices * self.scale @ self.rotation.T + self.position


@dataclass(frozen=True)
class Footprint:
    """An upright box on the table: centre, half sides, heading, and its height range."""

    x: float
    y: float
    half_x: float
    half_y: float
    heading: float


def footprints_overlap(a: Footprint, b: Footprint, margin: float = 0.004) -> bool:
    """Return whether two oriented rectangles come closer than margin metres (separating axes)."""
    dx, dy = b.x - a.x, b.y - a.y
    turn = b.heading - a.heading
    c, s = abs(math.cos(turn)), abs(math.sin(turn))
    for first, second in ((a, b), (b, a)):
        ca, sa = math.cos(first.heading), math.sin(first.heading)
        along = abs(dx * ca + dy * sa)
        across = abs(-dx * sa + dy * ca)
        if along > first.half_x + second.half_x * c + second.half_y * s + margin:
            return False
        if across > first.half_y + second.half_x * s + second.half_y * c + margin:
            return False
    return True


def choose_names(rng, count: int | None = None) -> list[tuple[str, str]]:
    """Return (kind, colour) of each object; kinds and colours repeat often."""
    count = int(rng.choice(MAX_OBJECTS, p=_COUNTS)) + 1 if count is None else count
    kinds = [str(k) for k in rng.choice(KINDS, count, replace=rng.random() < 0.1)]
    if count >= 2 and rng.random() < 0.5:
        copies = min(count, int(rng.integers(2, 5)))
        kinds[:copies] = [kinds[0]] * copies
    kinds = [kinds[int(k)] for k in rng.permutation(count)]
    colours = [_colour_for(rng, kind) for kind in kinds]
    if count >= 3 and rng.random() < 0.3:
        shared = int(rng.integers(count))
        for k in rng.choice(count, min(int(rng.integers(2, 4)), count), replace=False):
            colours[int(k)] = colours[shared]
    return list(zip(kinds, colours, strict=True))


def _colour_for(rng, kind: str) -> str:
    natural = _NATURAL.get(kind)
    if natural and rng.random() < (0.4 if kind in ("banana", "apple") else 0.15):
        return str(rng.choice(natural))
    return str(rng.choice(COLOURS))


def _pose(rng, kind: str) -> np.ndarray:
    """Return a (3, 3) rotation without heading: upright, lying or, for books, standing."""
    if rng.random() < _LYING.get(kind, 0.0):
        if kind == "box":
            return rotation_about("xy"[int(rng.integers(2))], np.pi / 2)
        side = rotation_about("z", rng.uniform(-0.9, 0.9) + (np.pi if rng.random() < 0.5 else 0))
        roll = rotation_about("y", np.pi / 2) if kind != "cup" else rotation_about("x", np.pi / 2)
        return roll @ (side if kind != "cup" else rotation_about("z", rng.uniform(-0.7, 0.7)))
    if kind == "book" and rng.random() < _STANDING_BOOK:
        return rotation_about("x", np.pi / 2) @ rotation_about("y", np.pi / 2 * rng.integers(0, 2))
    if kind == "book" and rng.random() < 0.25:
        return rotation_about("x", np.pi)
    if kind == "marker":
        return rotation_about("x", rng.uniform(0, 2 * np.pi))
    if kind == "apple" and rng.random() < 0.3:
        return rotation_about("y", rng.uniform(0.2, 1.3))
    return np.eye(3)


def _scale(rng, kind: str, wide: bool) -> np.ndarray:
    scale = np.full(3, rng.uniform(0.8, 1.25))
    if wide and kind in _UNEQUAL and rng.random() < 0.4:
        thin = 0.35 if kind in ("plate", "book", "marker") else 0.2
        scale *= [1, 1, 1 + thin * rng.uniform(-1, 1)]
    if kind in _UNEQUAL:
        round_kind = kind not in ("box", "book", "banana")
        x, y, z = rng.uniform(0.92, 1.08, 3) if not round_kind else [1, 1, rng.uniform(0.9, 1.12)]
        scale = scale * [x, y, z]
    return scale


def place_objects(rng, split: str, names: list[tuple[str, str]]) -> list[Placed]:
    """Return the objects that found a free place, near the origin, on the plane z = 0."""
    drafts, saucers = _drafts(rng, split, names)
    area = sum(float(np.prod((high - low)[:2])) for *_, low, high in drafts)
    density = rng.uniform(0.16, 0.55)
    aspect = rng.uniform(0.5, 2.0)
    side = math.sqrt(area / density)
    region = np.array([side * math.sqrt(aspect), side / math.sqrt(aspect)]) / 2
    taken: list[Footprint] = []
    out: list[Placed] = []
    stacks = _stacks(rng, drafts, saucers)
    tops: dict[int, int] = {}
    for number, (kind, colour, index, scale, pose, low, high) in enumerate(drafts):
        half, middle = (high - low)[:2] / 2, (high + low)[:2] / 2
        below = stacks.get(number)
        if below is not None and below in tops:
            base = out[tops[below]]
            heading = rng.uniform(0, 2 * np.pi)
            turn = rotation_about("z", heading)
            lift = _support_height(drafts[below], kind)
            spot = base.position[:2] + rng.uniform(-0.004, 0.004, 2)
            position = np.array(
                [*(spot - (turn[:2, :2] @ middle)), base.position[2] + lift - low[2]]
            )
            out.append(Placed(kind, colour, index, scale, turn @ pose, position))
            continue
        for attempt in range(30):
            heading = rng.uniform(0, 2 * np.pi)
            spread = region * (1 + 0.04 * attempt)
            x, y = rng.uniform(-1, 1, 2) * spread
            mark = Footprint(x, y, float(half[0]), float(half[1]), heading)
            if not any(footprints_overlap(mark, other) for other in taken):
                turn = rotation_about("z", heading)
                position = np.array([*(np.array([x, y]) - turn[:2, :2] @ middle), -low[2]])
                tops[number] = len(out)
                taken.append(mark)
                out.append(Placed(kind, colour, index, scale, turn @ pose, position))
                break
    return out


def _drafts(rng, split: str, names):
    """Return ([(kind, colour, shape, scale, pose, low, high)], {cup: the saucer added under it})."""
    drafts, saucers = [], {}
    for kind, colour in names:
        choices = shapes_by_kind(split)[kind]
        index = choices[int(rng.integers(len(choices)))]
        scale = _scale(rng, kind, split == WIDE)
        cup = _draft(kind, colour, index, scale, _pose(rng, kind))
        if kind == "cup" and np.allclose(cup[4], np.eye(3)) and rng.random() < _SAUCER:
            tint = colour if rng.random() < 0.65 else _colour_for(rng, "plate")
            drafts.append(_saucer(rng, split, cup, tint))
            saucers[len(drafts)] = len(drafts) - 1
        drafts.append(cup)
    return drafts, saucers


def _draft(kind, colour, index, scale, pose):
    points = all_shapes()[index].vertices * scale @ pose.T
    return kind, colour, index, scale, pose, points.min(0), points.max(0)


def _saucer(rng, split: str, cup, colour: str):
    """Return the draft of a small plate a little wider than the cup that will stand on it."""
    choices = shapes_by_kind(split)["plate"]
    index = choices[int(rng.integers(len(choices)))]
    width = float((cup[6] - cup[5])[:2].max()) * rng.uniform(1.15, 1.65)
    return _draft(
        "plate", colour, index, np.full(3, width / all_shapes()[index].size[0]), np.eye(3)
    )


def _stacks(rng, drafts, taken: dict[int, int]) -> dict[int, int]:
    """Return {upper: lower} for pairs that may stand on each other; the lower one comes first."""
    pairs = dict(taken)
    if rng.random() > 0.45:
        return pairs
    for upper in range(1, len(drafts)):
        for lower in range(upper):
            used = upper in pairs or lower in pairs or lower in pairs.values()
            if not used and _fits_on(drafts[upper], drafts[lower]) and rng.random() < 0.6:
                pairs[upper] = lower
    return pairs


def _fits_on(upper, lower) -> bool:
    base, top = lower[6] - lower[5], upper[6] - upper[5]
    if not np.allclose(lower[4], np.eye(3)) or upper[0] == "marker" and lower[0] != "book":
        return False
    room = {"plate": 0.62, "book": 0.95, "bowl": 0.6, "box": 0.9}.get(lower[0], 0.0)
    if lower[0] == "bowl" and upper[0] not in ("apple", "ball", "cube"):
        return False
    return bool(top[:2].max() <= room * base[:2].min()) and top[2] < 0.25


def _support_height(lower, kind: str) -> float:
    height = float(lower[6][2] - lower[5][2])
    if lower[0] == "plate":
        return height * 0.3
    if lower[0] == "bowl":
        return height * 0.3
    return height + 0.001
