"""Greedy decoding as free functions; the engine knows nothing of text.

A cache holds the keys and values of everything read so far. A fork of it makes one prefix (picture
and regions) serve many commands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from groma_ros.model.groma import Groma
from groma_ros.speed.kv_cache import KeyValueCache

if TYPE_CHECKING:
    from groma_ros.inference.fixed_decoder import FixedDecoder


@torch.no_grad()
def prefill(
    model: Groma, embeds: Tensor, cache: KeyValueCache | None = None
) -> tuple[Tensor, KeyValueCache]:
    """Read embeddings (1, L, D) after what `cache` holds.

    Returns the hidden state (1, D) of the last position, which predicts the next token, and the
    cache, extended in place.
    """
    read = model.llm.model(embeds, cache, wanted=slice(-1, None))
    return read.hidden[:, -1], read.cache


@torch.no_grad()
def decode_one(model: Groma, token_id: int, cache: KeyValueCache) -> tuple[Tensor, KeyValueCache]:
    """Read one token after what `cache` holds; returns as `prefill` does."""
    return prefill(model, model.embed_ids(torch.tensor([[token_id]])), cache)


@contextmanager
def token_reader(
    model: Groma, cache: KeyValueCache, fixed: FixedDecoder | None = None
) -> Iterator[Callable[[int], Tensor]]:
    """Lend a function that reads one more token after `cache` and returns its hidden state (1, D).

    It is the one of `fixed` where there is one that is free and fits; else `cache` is extended.
    """
    if fixed is not None and fixed.acquire(cache):
        try:
            yield fixed.read
        finally:
            fixed.release()
    else:
        yield lambda token_id: decode_one(model, token_id, cache)[0]


@torch.no_grad()
def greedy(
    model: Groma,
    hidden: Tensor,
    cache: KeyValueCache,
    allowed_mask: Tensor | None = None,
    stop_ids: Collection[int] = (),
    max_new_tokens: int = 256,
) -> Iterator[tuple[int, float]]:
    """Yield the likeliest token and its log-probability, one after the other.

    `hidden` (1, D) and `cache` come from `prefill`. `allowed_mask` (vocab_size,) bool
    leaves only its True tokens; the log-probability is over those. A stop token is yielded and
    ends the sequence. `cache` holds every token yielded but the last one.
    """
    for index in range(max_new_tokens):
        logits = model.logits(hidden)[0].float()
        if allowed_mask is not None:
            logits = logits.masked_fill(~allowed_mask, -torch.inf)
        logprob, token = logits.log_softmax(-1).max(-1)
        token_id = int(token)
        yield token_id, float(logprob)
        if token_id in stop_ids or index + 1 == max_new_tokens:
            return
        hidden, cache = decode_one(model, token_id, cache)
