"""Scaled dot-product attention step by step, for training that looks at its probabilities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

IMPLEMENTATIONS = ("sdpa", "eager")
"""`sdpa` is torch's fused kernel; `eager` computes the probabilities, as training reads them."""


def check_implementation(name: str) -> str:
    """Return the name of an implementation; raise ValueError for an unknown one."""
    if name not in IMPLEMENTATIONS:
        raise ValueError(f"attention is {name!r}; choose one of {', '.join(IMPLEMENTATIONS)}")
    return name


def eager_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Attend from (B, heads, L, size) to (B, heads, K, size).

    `mask` broadcasts to (B, heads, L, K): bool, True where a position sees another, or float, to
    be added to the scores. Returns what was attended to (B, heads, L, size) and the probabilities
    (B, heads, L, K).
    """
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5  # (B, heads, L, K)
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    elif mask is not None:
        scores = scores + mask
    probabilities = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    kept = F.dropout(probabilities, dropout, training=dropout > 0)
    return kept @ value, probabilities
