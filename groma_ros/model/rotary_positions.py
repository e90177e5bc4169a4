"""Rotary position embeddings (arXiv 2104.09864) and the ways of stretching them to longer texts.

Source: modeling_rope_utils.py of transformers, whose frequencies these are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from groma_ros.model.config import LanguageConfig

REQUIRED_KEYS = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
    "yarn": ("factor",),
}
"""The kinds of `rope_scaling`, and what each has to say."""


def scaling_type(rope_scaling: dict[str, Any] | None) -> str:
    """Return what kind of scaling a `rope_scaling` asks for; "default" is none."""
    scaling = rope_scaling or {}
    return scaling.get("rope_type") or scaling.get("type") or "default"


def check_scaling(rope_scaling: dict[str, Any] | None) -> None:
    """Raise ValueError for a kind of `rope_scaling` that is not supported or lacks a value."""
    kind = scaling_type(rope_scaling)
    if kind not in REQUIRED_KEYS:
        raise ValueError(
            f"rope_scaling is of type {kind!r}; choose one of {', '.join(REQUIRED_KEYS)}"
        )
    for key in REQUIRED_KEYS[kind]:
        value = (rope_scaling or {}).get(key)
        if not isinstance(value, int | float) or not value > 0:
            raise ValueError(
                f"rope_scaling of type {kind!r} has {key} {value}; give a number above 0"
            )


def frequencies(config: LanguageConfig, text: int) -> tuple[Tensor, float]:
    """Return radians a position (head size / 2,) float32, and the factor of cosines and sines.

    `text` is the length of the text in tokens; only the dynamic kind looks at it.
    """
    scaling = config.rope_scaling or {}
    kind, size = scaling_type(config.rope_scaling), config.head_size
    base = scaling.get("rope_theta", config.rope_theta)
    if kind == "dynamic":
        most, factor = config.max_position_embeddings, scaling["factor"]
        stretched = factor * max(text, most) / most - (factor - 1)
        base = base * stretched ** (size / (size - 2))
    plain = 1.0 / base ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    if kind == "linear":
        return plain / scaling["factor"], 1.0
    if kind == "llama3":
        return _llama3(plain, scaling, _trained_length(config)), 1.0
    if kind == "yarn":
        return _yarn(plain, scaling, base, _trained_length(config))
    return plain, 1.0


def _trained_length(config: LanguageConfig) -> int:
    scaling = config.rope_scaling or {}
    return scaling.get("original_max_position_embeddings") or config.max_position_embeddings


def _llama3(plain: Tensor, scaling: dict[str, Any], trained: int) -> Tensor:
    """Slow the low frequencies down, leave the high ones, and blend those between."""
    factor, low, high = (scaling[key] for key in REQUIRED_KEYS["llama3"])
    wavelength = 2 * math.pi / plain
    slowed = torch.where(wavelength > trained / low, plain / factor, plain)
    smooth = (trained / wavelength - low) / (high - low)
    blended = (1 - smooth) * slowed / factor + smooth * slowed
    between = (wavelength >= trained / high) & (wavelength <= trained / low)
    return torch.where(between, blended, slowed)


def _yarn(
    plain: Tensor, scaling: dict[str, Any], base: float, trained: int
) -> tuple[Tensor, float]:
    """Interpolate the low frequencies, keep the high ones (arXiv 2309.00071)."""
    factor, size = scaling["factor"], 2 * len(plain)

    def dimension(rotations: float) -> float:
        return size * math.log(trained / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low = dimension(scaling.get("beta_fast") or 32)
    high = dimension(scaling.get("beta_slow") or 1)
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    if low == high:
        high += 0.001
    ramp = ((torch.arange(size // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    return plain / factor * ramp + plain * (1 - ramp), _yarn_scale(scaling)


def _yarn_scale(scaling: dict[str, Any]) -> float:
    given = scaling.get("attention_factor")
    if given is not None:
        return float(given)
    mscale, all_dims = scaling.get("mscale"), scaling.get("mscale_all_dim")

    def grown(weight: float) -> float:
        return 0.1 * weight * math.log(scaling["factor"]) + 1.0 if scaling["factor"] > 1 else 1.0

    return grown(mscale) / grown(all_dims) if mscale and all_dims else grown(1.0)
