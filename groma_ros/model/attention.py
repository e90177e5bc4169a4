"""Scaled dot-product attention, by torch's fused kernel or step by step."""

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


def split_heads(projected: Tensor, head_size: int) -> Tensor:
    """Split (B, L, heads * size) into (B, heads, L, size)."""
    return projected.unflatten(-1, (-1, head_size)).transpose(1, 2)


def causal_mask(length: int, known: int, device: torch.device) -> Tensor:
    """Return (1, 1, L, known + L) bool: a position sees what is known, its past and itself."""
    seen = torch.ones(length, known + length, dtype=torch.bool, device=device)
    return seen.tril(known)[None, None]


def fused_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Attend from (B, heads, L, size) to (B, heads, K, size); return (B, L, heads * size).

    `mask` broadcasts to (B, heads, L, K): bool, True where a position sees another, or float, to
    be added to the scores. Without one every position sees all, or with `causal` its past alone.
    """
    attended = F.scaled_dot_product_attention(
        query, key, value, mask, dropout_p=dropout, is_causal=causal
    )
    return attended.transpose(1, 2).flatten(2)  # (B, heads, L, size) to (B, L, heads * size)


def eager_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Attend as `fused_attention` does; also return the probabilities (B, heads, L, K)."""
    if causal:
        mask = causal_mask(query.shape[2], 0, query.device)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5  # (B, heads, L, K)
    if mask is not None:
        if mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        else:
            scores = scores + mask
    probabilities = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    kept = F.dropout(probabilities, dropout, training=dropout > 0)
    return (kept @ value).transpose(1, 2).flatten(2), probabilities
