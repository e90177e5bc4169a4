"""The stored data set: shards of JPEG pictures with their truth, written whole and read lazily."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from groma_ros.sim.photo import decode_jpeg, encode_jpeg
from groma_ros.sim.scene import COLOURS, KINDS, Scene, SceneObject

SEG_SIDE = 64
NOTHING = 255


@dataclass(frozen=True)
class StoredScene:
    """Hold one stored picture.

    jpeg: bytes at native resolution; size_hw: its height and width; seg (64, 64) uint8: object
    index that covers most of each cell of the picture squashed to a square, 255 none; objects,
    hidden: as in Scene, hidden ones with names only.
    """

    jpeg: bytes
    size_hw: tuple[int, int]
    seg: np.ndarray
    objects: tuple[SceneObject, ...]
    hidden: tuple[tuple[str, str], ...]

    def rgb(self) -> np.ndarray:
        """Return the picture (H, W, 3) uint8 RGB."""
        return decode_jpeg(self.jpeg)


def squash_index_map(index_map, side: int = SEG_SIDE) -> np.ndarray:
    """Return (side, side) uint8: the most frequent index of each cell of the squashed map."""
    fine = 4 * side
    big = cv2.resize(
        np.where(index_map < 0, NOTHING, index_map).astype(np.uint8),
        (fine, fine),
        interpolation=cv2.INTER_NEAREST,
    )
    cells = big.reshape(side, 4, side, 4).transpose(0, 2, 1, 3).reshape(side, side, 16)
    cells = np.sort(cells, -1)
    counts = (cells[..., :, None] == cells[..., None, :]).sum(-1)
    return np.take_along_axis(cells, counts.argmax(-1)[..., None], -1)[..., 0]


def write_shard(path: Path, scenes: Sequence[Scene], qualities: Sequence[int]) -> None:
    """Write scenes as one npz file; the file appears whole or not at all."""
    jpegs = [encode_jpeg(s.rgb, q) for s, q in zip(scenes, qualities, strict=True)]
    shown = [o for s in scenes for o in s.objects]
    hidden = [o for s in scenes for o in s.hidden]
    only_shown = [np.where(s.index_map >= len(s.objects), -1, s.index_map) for s in scenes]
    arrays = {
        "jpeg": np.frombuffer(b"".join(jpegs), np.uint8),
        "jpeg_offsets": _offsets([len(j) for j in jpegs], np.int64),
        "size_hw": np.array([s.rgb.shape[:2] for s in scenes], np.int32).reshape(-1, 2),
        "seg": np.array([squash_index_map(m) for m in only_shown], np.uint8),
        "seed": np.array([s.seed for s in scenes], np.int64),
        "object_offsets": _offsets([len(s.objects) for s in scenes], np.int32),
        "kind": _indices(KINDS, [o.kind for o in shown]),
        "colour": _indices(COLOURS, [o.colour for o in shown]),
        "box_xyxy": np.array([o.box_xyxy for o in shown], np.float32).reshape(-1, 4),
        "position_m": np.array([o.position_m for o in shown], np.float32).reshape(-1, 3),
        "hidden_offsets": _offsets([len(s.hidden) for s in scenes], np.int32),
        "hidden_kind": _indices(KINDS, [o.kind for o in hidden]),
        "hidden_colour": _indices(COLOURS, [o.colour for o in hidden]),
    }
    for name in ("visible_fraction", "area_px", "distance_m", "size_m"):
        arrays[name] = np.array([getattr(o, name) for o in shown], np.float32)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(part, "wb") as file:
        np.savez(file, **arrays)
    os.replace(part, path)


def read_shard(path) -> Iterator[StoredScene]:
    """Yield the stored scenes of a shard in order; pictures stay JPEG until asked for.

    Raises ValueError for a file that is no shard.
    """
    try:
        with np.load(path) as file:
            data = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a shard of pictures: {error}") from error
    if "jpeg_offsets" not in data:
        raise ValueError(f"{path} is not a shard of pictures: it lacks jpeg_offsets")
    for k in range(len(data["size_hw"])):
        yield _stored(data, k)


def _stored(data, k: int) -> StoredScene:
    first, last = data["object_offsets"][k : k + 2]
    objects = tuple(
        SceneObject(
            KINDS[data["kind"][i]],
            COLOURS[data["colour"][i]],
            data["box_xyxy"][i],
            float(data["visible_fraction"][i]),
            float(data["area_px"][i]),
            float(data["distance_m"][i]),
            data["position_m"][i],
            float(data["size_m"][i]),
        )
        for i in range(first, last)
    )
    first, last = data["hidden_offsets"][k : k + 2]
    hidden = tuple(
        (KINDS[data["hidden_kind"][i]], COLOURS[data["hidden_colour"][i]])
        for i in range(first, last)
    )
    start, end = data["jpeg_offsets"][k : k + 2]
    height, width = data["size_hw"][k]
    return StoredScene(
        data["jpeg"][start:end].tobytes(),
        (int(height), int(width)),
        data["seg"][k],
        objects,
        hidden,
    )


def _offsets(lengths, dtype) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(dtype)


def _indices(names, chosen) -> np.ndarray:
    return np.array([names.index(name) for name in chosen], np.uint8)
