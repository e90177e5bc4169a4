"""Write weights to disk one tensor at a time, split into shards with an index.

The file's layout is fixed first, from names, shapes and types alone; then values are written where
they belong. Nothing but the tensor at hand is in memory.
"""

import json
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

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
    """What a file has to know of a tensor beforehand.

    `same_as` names the entry before that holds the values of a tied one.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    same_as: str = ""

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def split(entries: Iterable[Entry], limit: int) -> list[list[Entry]]:
    """Share entries out over shards of at most `limit` bytes (a larger one is alone)."""
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
    """Return the file names transformers gives, without numbers where one file holds all."""
    if count == 1:
        return [f"{stem}{suffix}"]
    return [f"{stem}-{i:05}-of-{count:05}{suffix}" for i in range(1, count + 1)]


def require_empty(folder: Path) -> None:
    """Raise ValueError where there is something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and not an empty folder; name a new one")


def require_room(folder: Path, size: int) -> None:
    """Raise ValueError where the disk has no room for `size` bytes."""
    parent = folder.absolute()
    while not parent.exists():
        parent = parent.parent
    free = shutil.disk_usage(parent).free
    if free < size * 1.01:
        raise ValueError(
            f"{folder} needs {size / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB free"
        )


def write_index(path: Path, shards: dict[str, list[Entry]]) -> None:
    """Write which shard holds which name."""
    total = sum(e.size for entries in shards.values() for e in entries if not e.same_as)
    places = {e.name: file for file, entries in shards.items() for e in entries}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def write_safetensors(
    path: Path, entries: list[Entry], values: Iterable[Tensor]
) -> Iterator[Entry]:
    """Write a safetensors file; `values` come in the order of `entries`, which are yielded."""
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
            file.write(_bytes(tensor, entry))
            yield entry


def write_pickled(path: Path, entries: list[Entry], values: Iterable[Tensor]) -> Iterator[Entry]:
    """Write what `torch.save` writes of a dict of tensors; `values` are those not tied.

    torch lays the file out from tensors without memory and tells where each one's values go.
    """
    with FakeTensorMode(), torch.serialization.skip_data(materialize_fake_tensors=True):
        blank: dict[str, Tensor] = {}
        for entry in entries:
            tied = entry.same_as
            blank[entry.name] = blank[tied] if tied else torch.empty(entry.shape, dtype=entry.dtype)
        torch.save(blank, path)
    with FakeTensorMode():
        laid_out = torch.load(path, weights_only=True)
    untied = [entry for entry in entries if not entry.same_as]
    with path.open("r+b") as file:
        for entry, tensor in zip(untied, values, strict=True):
            file.seek(laid_out[entry.name].untyped_storage()._checkpoint_offset)
            file.write(_bytes(tensor, entry))
            yield entry


def _bytes(tensor: Tensor, entry: Entry) -> memoryview:
    if tensor.dtype != entry.dtype or tuple(tensor.shape) != entry.shape:
        raise ValueError(
            f"{entry.name} is {tuple(tensor.shape)} {tensor.dtype}, not {entry.shape} "
            f"{entry.dtype} as planned"
        )
    return tensor.contiguous().flatten().view(torch.uint8).numpy().data
