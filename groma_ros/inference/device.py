"""Choose the device and the precision that a model runs in."""

from __future__ import annotations

from pathlib import Path

import torch

from groma_ros.model.config import GromaConfig
from groma_ros.values import precision

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in precision.DTYPES}
# From this width of the language model on, its weights' bandwidth is what a token costs.
_WIDE_LANGUAGE_MODEL = 2048


def choose_device(device: str) -> torch.device:
    """Return the device for "auto" (the GPU where there is one), "cpu", "cuda" or "cuda:N".

    Raises ValueError for another name, or where there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise ValueError(f'device {device!r} is none of "auto", "cpu", "cuda" and "cuda:N"')
    count = torch.cuda.device_count() if chosen.type == "cuda" else 1
    if (chosen.index or 0) >= count:
        raise ValueError(f'there is no device {device!r}: torch sees {count} GPUs; try "cpu"')
    return chosen


def choose_dtype(dtype: str, device: torch.device, folder: Path) -> torch.dtype:
    """Return the precision for "auto" (see `default_dtype`), "float32", "bfloat16" or "float16"."""
    if dtype == "auto":
        return default_dtype(device, GromaConfig.from_file(folder / "config.json"))
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is none of auto, {', '.join(DTYPES)}")
    return DTYPES[dtype]


def default_dtype(device: torch.device, config: GromaConfig) -> torch.dtype:
    """Return the precision to run a model in unless one is asked for.

    That is bfloat16 on a GPU that computes in it, and on a CPU that does where the language model
    is wide enough to gain from it (groma-7b, not groma-nano); else float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    wide = config.language.hidden_size >= _WIDE_LANGUAGE_MODEL
    return torch.bfloat16 if wide and _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
