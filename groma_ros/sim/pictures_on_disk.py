"""Rendered pictures on disk: shards of JPEG pictures with their truth, written and read here only.

A folder holds `shard-00000.npz`, `shard-00001.npz`, ... Each is one npz file of arrays for P
pictures, N objects that can be seen and M that hardly can:

jpeg, jpeg_offsets                 all pictures' bytes; where each begins and the last ends (P + 1,)
size_hw                            (P, 2) pixels
seg                                (P, 64, 64) uint8: the object (counted in the picture) that
                                   covers most of each cell of the squashed picture, 255 none
seed                               (P,) of the scene
object_offsets, hidden_offsets     (P + 1,) where each picture's objects begin
kind_names, colour_names           the words that numbers stand for; old shards lack them: the
                                   tabletop kinds and the ten colours. Everything in a picture that
                                   has one of these kinds is listed; other things may lie about too
kind, colour                       (N,) numbers of words; a colour of "" has no one word
box_xyxy                           (N, 4) float32 pixels of the picture, right and bottom exclusive
position_m                         (N, 3) centre in the world, z up, table top at 0
visible_fraction, area_px, distance_m, size_m    (N,) as in `SceneObject`
hidden_kind, hidden_colour         (M,)
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from groma_ros.sim.scene import COLOURS, KINDS, Scene, SceneObject

SHARD_PICTURES = 512
SEG_SIDE = 64
NOTHING = 255
_NUMBERS = ("visible_fraction", "area_px", "distance_m", "size_m")


@dataclass(frozen=True, eq=False)
class StoredObjects:
    """Hold the n visible objects of a picture, one array a field; see this module's docstring."""

    kinds: tuple[str, ...]
    colours: tuple[str, ...]
    box_xyxy: np.ndarray
    visible_fraction: np.ndarray
    area_px: np.ndarray
    distance_m: np.ndarray
    size_m: np.ndarray
    position_m: np.ndarray

    def __len__(self) -> int:
        return len(self.kinds)


class StoredPicture:
    """Give access to one picture of a shard; nothing is decoded until it is asked for."""

    def __init__(self, shard: dict[str, np.ndarray], number: int):
        self._shard = shard
        self._number = number

    @property
    def size_hw(self) -> tuple[int, int]:
        """Return height and width in pixels."""
        height, width = self._shard["size_hw"][self._number]
        return int(height), int(width)

    @property
    def seed(self) -> int:
        """Return the seed of the scene."""
        return int(self._shard["seed"][self._number])

    @property
    def seg(self) -> np.ndarray:
        """Return which object covers most of each cell, (64, 64) uint8, 255 none."""
        return self._shard["seg"][self._number]

    @property
    def jpeg(self) -> bytes:
        """Return the picture as it was stored."""
        return self._shard["jpeg"][self._range("jpeg_offsets")].tobytes()

    def image(self) -> Image.Image:
        """Decode the picture, RGB."""
        return Image.open(io.BytesIO(self.jpeg)).convert("RGB")

    @cached_property
    def objects(self) -> StoredObjects:
        """Return the objects that a person can see."""
        mine = self._range("object_offsets")
        numbers = {name: self._shard[name][mine] for name in ("box_xyxy", "position_m", *_NUMBERS)}
        return StoredObjects(
            self._words("kind_names", "kind", mine),
            self._words("colour_names", "colour", mine),
            **numbers,
        )

    @cached_property
    def hidden(self) -> tuple[tuple[str, str], ...]:
        """Return (kind, colour) of the objects that are there but can hardly be seen."""
        mine = self._range("hidden_offsets")
        kinds = self._words("kind_names", "hidden_kind", mine)
        return tuple(zip(kinds, self._words("colour_names", "hidden_colour", mine), strict=True))

    def _range(self, offsets: str) -> slice:
        start, end = self._shard[offsets][self._number : self._number + 2]
        return slice(int(start), int(end))

    def _words(self, table: str, numbers: str, mine: slice) -> tuple[str, ...]:
        return tuple(self._shard[table][self._shard[numbers][mine]].tolist())


class PictureFolder(Sequence[StoredPicture]):
    """Hold all shards of a rendered folder, or its first pictures, in memory as JPEG bytes.

    kind_names: the kinds of which every instance in the pictures is listed.
    Raises ValueError where the folder holds no shard, or a file that is none.
    """

    def __init__(self, folder: Path | str, limit: int | None = None):
        paths = sorted(Path(folder).glob("shard-*.npz"))
        if not paths:
            raise ValueError(
                f"{folder} holds no shard-*.npz; make some with `groma render {folder}`"
            )
        self._pictures: list[StoredPicture] = []
        shared: list[str] | None = None
        for path in paths:
            pictures, names = read_shard(path)
            self._pictures += pictures
            shared = names if shared is None else [name for name in shared if name in names]
            if limit and len(self._pictures) >= limit:
                break
        self._pictures = self._pictures[:limit]
        self.kind_names = tuple(shared or ())

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, number: int) -> StoredPicture:
        return self._pictures[number]


def read_shard(path: Path | str) -> tuple[list[StoredPicture], list[str]]:
    """Return a shard's pictures and kind names; raise ValueError for a file that is no shard."""
    try:
        with np.load(path) as file:
            shard = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a shard of pictures: {error}") from error
    if "jpeg_offsets" not in shard:
        raise ValueError(f"{path} is not a shard of pictures: it lacks jpeg_offsets")
    shard.setdefault("kind_names", np.array(KINDS))
    shard.setdefault("colour_names", np.array(COLOURS))
    pictures = [StoredPicture(shard, k) for k in range(len(shard["size_hw"]))]
    return pictures, shard["kind_names"].tolist()


def count_pictures(path: Path) -> int:
    """Return how many pictures a shard holds, 0 where there is none or half of one."""
    try:
        with np.load(path) as file:
            return len(file["size_hw"])
    except (OSError, ValueError, KeyError):
        return 0


def shard_plan(folder: Path, count: int) -> list[tuple[Path, int, int]]:
    """Return (path, first picture, number of pictures) of every shard of `count` pictures."""
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    starts = range(0, count, SHARD_PICTURES)
    return [
        (
            folder / f"shard-{start // SHARD_PICTURES:05d}.npz",
            start,
            min(SHARD_PICTURES, count - start),
        )
        for start in starts
    ]


def write_shard(
    path: Path, scenes: Sequence[Scene], jpegs: Sequence[bytes], kind_names: Sequence[str] = KINDS
) -> None:
    """Write scenes with their encoded pictures; the file appears whole or not at all.

    kind_names: the kinds of which every instance is listed, those that no scene shows included.
    """
    shown = [item for scene in scenes for item in scene.objects]
    hidden = [item for scene in scenes for item in scene.hidden]
    colour_names = (*COLOURS, "")
    arrays = {
        "jpeg": np.frombuffer(b"".join(jpegs), np.uint8),
        "jpeg_offsets": _offsets([len(jpeg) for jpeg in jpegs], np.int64),
        "size_hw": np.array([scene.rgb.shape[:2] for scene in scenes], np.int32).reshape(-1, 2),
        "seg": np.array([squash_index_map(_shown_only(scene)) for scene in scenes], np.uint8),
        "seed": np.array([scene.seed for scene in scenes], np.int64),
        "object_offsets": _offsets([len(scene.objects) for scene in scenes], np.int32),
        "hidden_offsets": _offsets([len(scene.hidden) for scene in scenes], np.int32),
        "kind_names": np.array(kind_names),
        "colour_names": np.array(colour_names),
        "kind": _numbers_of([item.kind for item in shown], kind_names),
        "colour": _numbers_of([item.colour for item in shown], colour_names),
        "hidden_kind": _numbers_of([item.kind for item in hidden], kind_names),
        "hidden_colour": _numbers_of([item.colour for item in hidden], colour_names),
        "box_xyxy": _stack(shown, "box_xyxy").reshape(-1, 4),
        "position_m": _stack(shown, "position_m").reshape(-1, 3),
        **{name: _stack(shown, name) for name in _NUMBERS},
    }
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(part, "wb") as file:
        np.savez(file, **arrays)
    os.replace(part, path)


def squash_index_map(index_map: np.ndarray, side: int = SEG_SIDE) -> np.ndarray:
    """Return (side, side) uint8: the most frequent index of each cell of a map (H, W), 255 none."""
    height, width = index_map.shape
    at = np.arange(4 * side) / (4 * side)
    fine = index_map[np.ix_((at * height).astype(int), (at * width).astype(int))]
    cells = np.where(fine < 0, NOTHING, fine).astype(np.uint8)
    cells = cells.reshape(side, 4, side, 4).transpose(0, 2, 1, 3).reshape(side, side, 16)
    cells = np.sort(cells, -1)
    counts = (cells[..., :, None] == cells[..., None, :]).sum(-1)
    return np.take_along_axis(cells, counts.argmax(-1)[..., None], -1)[..., 0]


def _shown_only(scene: Scene) -> np.ndarray:
    """Return the scene's index map (H, W) without the hidden objects."""
    return np.where(scene.index_map >= len(scene.objects), -1, scene.index_map)


def _stack(objects: Sequence[SceneObject], name: str) -> np.ndarray:
    return np.array([getattr(item, name) for item in objects], np.float32)


def _offsets(lengths: Sequence[int], dtype: type) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(dtype)


def _numbers_of(words: Sequence[str], table: Sequence[str]) -> np.ndarray:
    """Return the places (n,) of words in a table; raise ValueError for a word that it lacks."""
    return np.array([list(table).index(word) for word in words], np.uint16)
