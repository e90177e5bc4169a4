"""The most memory a call takes, on a GPU or of this process."""

import ctypes
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

_MIB = 2**20
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def extra_mb(device: torch.device, call: Callable[[], object]) -> float:
    """Return by how many MiB memory rose at most while `call` ran, above what was held before.

    Without a GPU and without Linux's /proc the peak cannot be reset: then NaN.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / _MIB
    try:
        _return_freed_memory()
        _RESET.write_text("5")
        before = _status_kib("VmRSS")
    except OSError:
        call()
        return float("nan")
    call()
    return (_status_kib("VmHWM") - before) / 2**10


def peak_mb(device: torch.device) -> float:
    """Return the most memory in MiB taken so far: on the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MIB
    unit = _MIB if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _return_freed_memory() -> None:
    """Let glibc hand back what it keeps of freed memory; what takes it again would not count."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status_kib(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise OSError(f"{_STATUS} has no {name}")
