"""Write tensors to weight files: one tensor in memory at a time, split into shards with an index.

The layout of a file is fixed first, from names, shapes and types alone; then values are written
where they belong. `safetensors.torch.save_file` is not used because it holds a whole shard in
memory: 257 MiB for a shard of 256 MiB, where the way here takes 17 MiB.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

_DTYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class Entry(NamedTuple):
    """What the layout of a file needs to know of a tensor.

    same_as  name of the earlier entry that holds the values of a tied tensor, "" for its own
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    same_as: str = ""

    @property
    def size(self) -> int:
        """Number of bytes of the values."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def split(entries: Iterable[Entry], limit: int) -> list[list[Entry]]:
    """Share entries out, in order, over shards of at most `limit` bytes.

    An entry larger than `limit` has a shard of its own.
    """
    shards: list[list[Entry]] = [[]]
    size = 0
    for entry in entries:
        if not entry.same_as and size + entry.size > limit and shards[-1]:
            shards.append([])
            size = 0
        shards[-1].append(entry)
        size += 0 if entry.same_as else entry.size
    return shards


def shard_names(stem: str, suffix: str, count: int) -> list[str]:
    """Return the names that transformers gives to shards; a single file has no number."""
    if count == 1:
        return [f"{stem}{suffix}"]
    return [f"{stem}-{i:05}-of-{count:05}{suffix}" for i in range(1, count + 1)]


def require_empty(folder: Path) -> None:
    """Raise ValueError unless `folder` is absent or an empty folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not an empty folder; name a new one")


def require_room(folder: Path, size: int) -> None:
    """Raise ValueError where the disk of `folder` has no room for `size` bytes."""
    parent = folder.absolute()
    while not parent.exists():
        parent = parent.parent
    free = shutil.disk_usage(parent).free
    if free < size * 1.01:
        raise ValueError(
            f"{folder} needs {size / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB free"
        )


def write_index(path: Path, shards: dict[str, list[Entry]]) -> None:
    """Write the JSON index that says which of the `shards` (by file name) holds which tensor."""
    total = sum(e.size for entries in shards.values() for e in entries if not e.same_as)
    places = {e.name: file for file, entries in shards.items() for e in entries}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def write_safetensors(
    path: Path, entries: list[Entry], values: Iterable[Tensor]
) -> Iterator[Entry]:
    """Write a safetensors file; yield each entry once it is on disk.

    `values` come in the order of `entries`. Raises ValueError where one has another shape or type
    than its entry. Source: https://github.com/huggingface/safetensors#format
    """
    header: dict[str, dict] = {"__metadata__": {"format": "pt"}}
    end = 0
    for entry in entries:
        start, end = end, end + entry.size
        header[entry.name] = {
            "dtype": _DTYPES[entry.dtype],
            "shape": list(entry.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for entry, tensor in zip(entries, values, strict=True):
            file.write(raw_bytes(tensor, entry))
            yield entry


def raw_bytes(tensor: Tensor, entry: Entry) -> memoryview:
    """Return the bytes of a tensor; raise ValueError where it is not what `entry` announces."""
    if tensor.dtype != entry.dtype or tuple(tensor.shape) != entry.shape:
        raise ValueError(
            f"{entry.name} is {tuple(tensor.shape)} {tensor.dtype}, not {entry.shape} "
            f"{entry.dtype} as planned"
        )
    return tensor.contiguous().flatten().view(torch.uint8).numpy().data
