"""Convert a checkpoint's weights to safetensors, one tensor in memory at a time.

The source may be the released checkpoint with its pickled shards, or any folder that `load_groma`
reads. Tied tensors are written once and stale rotary frequencies are left out. The files beside the
weights are copied unchanged.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from groma_ros.checkpoint.load import check_names, empty_groma, expected_shapes, is_stale
from groma_ros.checkpoint.read import tensors, weight_files
from groma_ros.checkpoint.tensor_names import canonical_name
from groma_ros.checkpoint.write import (
    Entry,
    require_empty,
    require_room,
    shard_names,
    split,
    write_index,
    write_safetensors,
)
from groma_ros.model.config import GromaConfig

NEIGHBOURS = (
    "config.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "preprocessor_config.json",
)


def convert(
    source: Path, target: Path, dtype: torch.dtype | None, shard_bytes: int
) -> Iterator[tuple[int, int]]:
    """Write `source` into the new folder `target`; yield bytes written so far and in all.

    `dtype` None keeps the type of every tensor; no file but one with a single larger tensor exceeds
    `shard_bytes`. Raises ValueError where the weights do not fit the configuration, `target` is not
    empty, or the disk has no room.
    """
    require_empty(target)
    config = GromaConfig.from_folder(source)
    files = weight_files(source)
    check_names(files, expected_shapes(empty_groma(config)), config)
    plan = _plan(files, dtype)
    total = sum(entry.size for entry in plan)
    require_room(target, total)
    target.mkdir(parents=True, exist_ok=True)
    shards = split(plan, shard_bytes)
    names = shard_names("model", ".safetensors", len(shards))
    values = _values(files, dtype)
    done = 0
    for name, shard in zip(names, shards, strict=True):
        # A shard takes as many values as it has entries and leaves the rest to the next one.
        own = (next(values) for _ in shard)
        for entry in write_safetensors(target / name, shard, own):
            done += entry.size
            yield done, total
    if len(shards) > 1:
        write_index(target / "model.safetensors.index.json", dict(zip(names, shards, strict=True)))
    for name in NEIGHBOURS:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _plan(files: list[Path], dtype: torch.dtype | None) -> list[Entry]:
    """List the tensors that will be written, in the order of `_values`."""
    return [
        Entry(canonical_name(name), tuple(tensor.shape), _kept(tensor, dtype))
        for name, tensor in _untied(files)
    ]


def _values(files: list[Path], dtype: torch.dtype | None) -> Iterator[Tensor]:
    """Yield each tensor in the type in which it will be written."""
    for _, tensor in _untied(files):
        yield tensor.to(_kept(tensor, dtype))


def _untied(files: list[Path]) -> Iterator[tuple[str, Tensor]]:
    """Yield name and tensor of weight files, one of each tied pair and no stale one."""
    seen = set()
    for path in files:
        for name, tensor in tensors(path):
            if not is_stale(name) and canonical_name(name) not in seen:
                seen.add(canonical_name(name))
                yield name, tensor


def _kept(tensor: Tensor, dtype: torch.dtype | None) -> torch.dtype:
    return tensor.dtype if dtype is None or not tensor.is_floating_point() else dtype
