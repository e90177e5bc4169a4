"""Read several questions about one picture in one forward: each sees the picture, none the others.

They lie behind each other after the kept keys and values of the picture. A block mask hides them
from each other, and the positions of each one go on where the picture's end, so every question is
read as if it were alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from groma_ros.inference.decode import prefill
from groma_ros.model.groma import Groma
from groma_ros.speed.kv_cache import KeyValueCache


@torch.no_grad()
def read_turns(
    model: Groma, turns: Sequence[Tensor], prefix: KeyValueCache
) -> tuple[Tensor, KeyValueCache]:
    """Read embedded turns [(L_i, D)] after `prefix`, which stays as it is.

    Returns the hidden state (k, D) of each turn's last position, and a cache that holds the prefix
    and then all turns; `turn_cache` cuts one turn's out of it.
    """
    if len(turns) == 1:
        return prefill(model, turns[0][None], prefix.fork())
    lengths, known = [len(turn) for turn in turns], prefix.length
    position = torch.cat([torch.arange(n) for n in lengths]).to(model.device) + known
    mask = block_mask(lengths, known, model.device)
    embeds = torch.cat(list(turns))[None]
    ends = torch.tensor(lengths, device=model.device).cumsum(0) - 1
    read = model.llm.model(embeds, prefix.fork(), position[None], mask, ends)
    return read.hidden[0], read.cache


def block_mask(lengths: Sequence[int], known: int, device: torch.device) -> Tensor:
    """Return (1, 1, S, known + S) bool: a position sees the prefix and its own past."""
    owner = torch.repeat_interleave(torch.tensor(list(lengths), device=device))
    own = (owner[:, None] == owner[None]).tril()
    return torch.cat((own.new_ones(len(owner), known), own), dim=1)[None, None]


def turn_cache(cache: KeyValueCache, known: int, start: int, end: int) -> KeyValueCache:
    """Return a cache of the prefix, of `known` places, and the turn at `start` to `end`."""
    return cache.spans((0, known), (known + start, known + end))
