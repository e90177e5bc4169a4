"""The shapes of the world: random variants of every kind, some kept back for tests."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from groma_ros.sim import clutter, plain, things, vessels
from groma_ros.sim.meshes import Mesh
from groma_ros.sim.scene import KINDS

VARIANTS = 36
HELD_OUT = 6
CLUTTER_VARIANTS = 5
ONLY_TRAIN = 80
"""More variants of each kind that only training shows; every second one is a plain one."""
ODDMENTS = 60

_MAKERS = {
    "cup": vessels.cup,
    "glass": vessels.glass,
    "bottle": vessels.bottle,
    "can": vessels.can,
    "bowl": vessels.bowl,
    "plate": vessels.plate,
    "box": things.box,
    "ball": things.ball,
    "cube": things.cube,
    "banana": things.banana,
    "apple": things.apple,
    "book": things.book,
    "marker": things.marker,
}


@dataclass(frozen=True)
class Shape:
    """One variant of a kind in metres, standing on z = 0, its footprint about the origin.

    kind is one of KINDS or a clutter name; parts are (role, mesh); split says which pictures may
    show it.
    """

    kind: str
    number: int
    split: str
    parts: tuple[tuple[str, Mesh], ...]

    @cached_property
    def vertices(self) -> np.ndarray:
        """Return all vertices (V, 3) metres."""
        return np.concatenate([mesh.vertices for _, mesh in self.parts])

    @cached_property
    def size(self) -> np.ndarray:
        """Return the sides (3,) of the bounding box in metres."""
        return self.vertices.max(0) - self.vertices.min(0)


def make_variant(kind: str, number: int) -> Shape:
    """Return variant `number` of a kind or clutter name; the same shape on every call."""
    rng = np.random.default_rng([hash_name(kind), number])
    if kind == "oddment" or number >= VARIANTS:
        maker = (
            plain.MAKERS.get(kind, plain.oddment)
            if number % 2 or kind == "oddment"
            else _MAKERS[kind]
        )
        return Shape(kind, number, "train", tuple(maker(rng)))
    maker, last, held = (
        (_MAKERS[kind], VARIANTS, HELD_OUT)
        if kind in _MAKERS
        else (clutter.MAKERS[kind], CLUTTER_VARIANTS, 1)
    )
    split = "test" if number >= last - held else "train"
    return Shape(kind, number, split, tuple(maker(rng)))


def hash_name(name: str) -> int:
    """Return a number for a name that is the same on every machine and run."""
    return int.from_bytes(name.encode()[:8].ljust(8, b"\0"), "little") % (2**31)


@lru_cache(maxsize=1)
def all_shapes() -> tuple[Shape, ...]:
    """Return every variant of every kind and of the clutter; the same list on every call."""
    shapes = [make_variant(kind, n) for kind in KINDS for n in range(VARIANTS + ONLY_TRAIN)]
    shapes += [make_variant(name, n) for name in clutter.MAKERS for n in range(CLUTTER_VARIANTS)]
    shapes += [make_variant("oddment", n) for n in range(ODDMENTS)]
    return tuple(shapes)


@lru_cache(maxsize=4)
def shapes_by_kind(split: str) -> dict[str, tuple[int, ...]]:
    """Return, for a split, the indices into all_shapes() of each kind and clutter name."""
    out: dict[str, list[int]] = {}
    for index, shape in enumerate(all_shapes()):
        if shape.split == split:
            out.setdefault(shape.kind, []).append(index)
    return {kind: tuple(indices) for kind, indices in out.items()}
