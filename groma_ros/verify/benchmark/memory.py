"""Measure the memory that this process or its GPU holds, and the most that a call takes.

psutil tells what a process holds but neither its peak on Linux nor how to start that anew, so the
peak is read from /proc.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

MIB = 2**20
_KIB = 2**10
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def extra_mb(device: torch.device, call: Callable[[], object]) -> float:
    """Return by how many MiB memory rose at most while `call` ran, above what was held before.

    The result is NaN where neither a GPU nor Linux's /proc can tell a peak.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / MIB
    try:
        _return_freed_memory()
        _RESET.write_text("5")  # the peak starts anew from what is held now
        before = held_bytes()
    except OSError:
        call()
        return float("nan")
    call()
    return (_status_bytes("VmHWM") - before) / MIB


def peak_bytes(device: torch.device) -> int:
    """Return the most memory taken so far: on the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def held_bytes() -> int:
    """Return the memory that this process holds; raise OSError without Linux's /proc."""
    return _status_bytes("VmRSS")


def _return_freed_memory() -> None:
    """Let glibc hand back what it keeps of freed memory; a call that took it would cost nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status_bytes(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * _KIB
    raise OSError(f"{_STATUS} has no {name}")
