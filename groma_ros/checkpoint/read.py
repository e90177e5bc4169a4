"""Read tensors from weight files, one at a time, so that no shard is in memory as a whole.

Shards are mapped into memory, not read: the pages of a tensor come from disk when it is copied and
are given back right after, so that only the copies count as used memory.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import pickle
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

PATTERNS = ("model*.safetensors", "pytorch_model*.bin")
FETCH = "hf download FoundationVision/groma-7b-finetune --local-dir groma-7b-finetune"
_LISTED = 10
_MADV_DONTNEED = 4


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files of a folder, safetensors before pickled ones.

    Where there is an index, its shards are the files. Raises FileNotFoundError where there is no
    weight file or a shard is missing.
    """
    for pattern in PATTERNS:
        files = sorted(folder.glob(pattern))
        for index in folder.glob(f"{pattern}.index.json"):
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            absent = sorted(shards - {path.name for path in files})
            if absent:
                raise FileNotFoundError(
                    f"{folder} lacks {first_names(absent)} of {index.name}; fetch what is "
                    f"missing, as in `{FETCH}`"
                )
            files = sorted(folder / shard for shard in shards)
        if files:
            return files
    raise FileNotFoundError(
        f"{folder} holds no {PATTERNS[0]} and no {PATTERNS[1]}; fetch the weights, as in `{FETCH}`"
    )


def tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, tensor) of a shard; the tensor lies on the CPU and is mapped from the file.

    A tensor is valid until the next one is asked for, so copy it. Pickled weights are read with
    `weights_only`, so that no code in them runs. Raises ValueError for a file that can't be read.
    """
    try:
        yield from _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) can't be read as weights: "
            f"{' '.join(str(error).split())[:600]}; fetch the file again (git alone fetches only "
            f"a pointer to it), as in `{FETCH}`"
        ) from error


def _safetensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    with safe_open(path, framework="pt") as archive:
        for name in archive.keys():  # noqa: SIM118
            tensor = archive.get_tensor(name)
            yield name, tensor
            free_pages(tensor)


def _pickled(path: Path) -> Iterator[tuple[str, Tensor]]:
    mapped = zipfile.is_zipfile(path)  # else written before torch 1.6, and read as a whole
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise ValueError(f"{path} is not a weight file: it holds more than named tensors")
    for name, tensor in state.items():
        yield name, tensor
        if mapped:
            free_pages(tensor)


def free_pages(tensor: Tensor) -> None:
    """Give back the memory pages of a tensor that is mapped from a file (on Linux).

    Its values stay readable: they come from the file again. Never call it with a tensor that owns
    its memory, whose values would be lost. safetensors and torch have no call for this.
    """
    if not sys.platform.startswith("linux") or tensor.nbytes < mmap.PAGESIZE:
        return
    start = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    length = tensor.data_ptr() + tensor.nbytes - start
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    madvise(start, length // mmap.PAGESIZE * mmap.PAGESIZE, _MADV_DONTNEED)


def first_names(names: list[str]) -> str:
    """Return the first ten of many names in one line, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(sorted(names)[:_LISTED]) + more
