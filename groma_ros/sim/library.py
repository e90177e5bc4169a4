"""The shapes of the world: random variants of every kind, some kept back for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.random import Generator

from groma_ros.sim.kinds import TABLETOP, Kind
from groma_ros.sim.scans import Scan
from groma_ros.sim.scene import SPLITS
from groma_ros.sim.shapes import clutter, plain
from groma_ros.sim.shapes.meshes import Mesh, Parts

VARIANTS = 36
HELD_OUT = 6
CLUTTER_VARIANTS = 5
ONLY_TRAIN = 80
"""More variants of each kind that only training shows; every second one is a plain one."""
BOTH = "both"
SCAN_SHARE = 0.5
SCANS_FROM = 1000
"""The number of the first scan; made variants have lower ones."""
NAMELESS = "nameless"
NAMELESS_VARIANTS = 60
NAMELESS_SEED = 1835295855


@dataclass(frozen=True, eq=False)
class Shape:
    """Hold one variant in metres, standing on z = 0, its footprint about the origin.

    name    a kind, a clutter name or `NAMELESS`; no other shape of a library has its `key`
    split   which pictures may show it, or `BOTH`
    parts   (role, mesh) of each piece that has a paint of its own
    scan    where it comes from, if it was not made; it has its own texture, size and poses
    """

    name: str
    number: int
    split: str
    parts: tuple[tuple[str, Mesh], ...]
    scan: Scan | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Return (name, number)."""
        return self.name, self.number

    @cached_property
    def vertices(self) -> np.ndarray:
        """Return all vertices (V, 3) metres."""
        return np.concatenate([mesh.vertices for _, mesh in self.parts])

    @cached_property
    def size_m(self) -> np.ndarray:
        """Return the sides (3,) of the bounding box in metres."""
        return self.vertices.max(0) - self.vertices.min(0)


@dataclass(frozen=True, eq=False)
class Library:
    """Hold the kinds of a world and all shapes; clutter: names of what may lie about."""

    kinds: tuple[Kind, ...]
    shapes: tuple[Shape, ...]
    clutter: tuple[str, ...]

    @cached_property
    def _by_split(self) -> dict[str, dict[str, list[Shape]]]:
        out: dict[str, dict[str, list[Shape]]] = {split: {} for split in SPLITS}
        for shape in self.shapes:
            for split in SPLITS if shape.split == BOTH else (shape.split,):
                out[split].setdefault(shape.name, []).append(shape)
        return out

    def shapes_of(self, split: str) -> dict[str, list[Shape]]:
        """Return the shapes that pictures of a split may show, by name."""
        return self._by_split[split]

    def choose(self, rng: Generator, split: str, name: str, scanned: bool = True) -> Shape:
        """Draw a shape of a kind or clutter name; half of the time a scan, where there is one.

        scanned: false keeps to shapes that were made, whose size may be changed.
        """
        choices = self._by_split[split][name]
        made = [shape for shape in choices if not shape.scan]
        if made and len(made) < len(choices):
            scans = [shape for shape in choices if shape.scan]
            choices = scans if scanned and rng.random() < SCAN_SHARE else made
        return choices[int(rng.integers(len(choices)))]


def count_variants(kind: Kind) -> int:
    """Return how many shapes a kind has; one with plain shapes has more of both for training."""
    return VARIANTS + ONLY_TRAIN if kind.make_plain else VARIANTS


def make_variant(kind: Kind, number: int) -> Shape:
    """Return variant `number` of a kind; the same shape on every call."""
    if number >= VARIANTS:
        maker = kind.make_plain if number % 2 else kind.make
        return _make(kind.name, number, "train", maker)
    return _make(kind.name, number, _split_of(number, VARIANTS, HELD_OUT), kind.make)


def make_clutter(name: str, number: int) -> Shape:
    """Return variant `number` of a thing that lies about; the same shape on every call."""
    return _make(name, number, _split_of(number, CLUTTER_VARIANTS, 1), clutter.MAKERS[name])


def make_nameless(number: int) -> Shape:
    """Return nameless thing `number`, which only training shows; the same one on every call."""
    rng = np.random.default_rng([NAMELESS_SEED, number])
    return Shape(NAMELESS, number, "train", tuple(plain.nameless(rng)))


def _split_of(number: int, variants: int, held_out: int) -> str:
    return "test" if number >= variants - held_out else "train"


def _make(name: str, number: int, split: str, maker: Callable[[Generator], Parts]) -> Shape:
    rng = np.random.default_rng([hash_name(name), number])
    return Shape(name, number, split, tuple(maker(rng)))


def hash_name(name: str) -> int:
    """Return a number for a name that is the same on every machine and run."""
    return int.from_bytes(name.encode()[:8].ljust(8, b"\0"), "little") % (2**31)


def clutter_beside(kinds: Sequence[Kind]) -> tuple[str, ...]:
    """Return the names of what may lie about: nothing that a person would call by one of the kinds.

    Every instance of a kind has its place in the truth.
    """
    names = {kind.name for kind in kinds}
    return tuple(
        name for name in clutter.MAKERS if not names & {name, *clutter.CALLED.get(name, ())}
    )


@lru_cache(maxsize=2)
def make_library(kinds: tuple[Kind, ...] = TABLETOP) -> Library:
    """Return every variant of every kind and of the clutter; the same library on every call."""
    made = [kind for kind in kinds if kind.make]
    nobody_asks_for = clutter_beside(kinds)
    shapes = [make_variant(kind, n) for kind in made for n in range(count_variants(kind))]
    shapes += [make_clutter(name, n) for name in nobody_asks_for for n in range(CLUTTER_VARIANTS)]
    shapes += [make_nameless(n) for n in range(NAMELESS_VARIANTS)]
    return Library(kinds, tuple(shapes), nobody_asks_for)


def add_scans(library: Library, scans: Sequence[Scan]) -> Library:
    """Return a library with scanned things, which pictures of both splits show.

    A scan of an unknown name is a kind of its own.
    """
    known = {kind.name for kind in library.kinds}
    own = dict.fromkeys(scan.name for scan in scans if scan.name not in known)
    kinds = (*library.kinds, *(Kind(name, None, None, (name,), stretch="none") for name in own))
    base = make_library(kinds)
    shapes = [
        Shape(scan.name, SCANS_FROM + number, BOTH, (("scan", scan.mesh),), scan)
        for number, scan in enumerate(scans)
    ]
    return Library(kinds, (*base.shapes, *shapes), base.clutter)
