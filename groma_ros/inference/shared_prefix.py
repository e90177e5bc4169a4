"""Read several questions about one picture in one forward: each sees the picture, none the others.

They lie behind each other after the kept keys and values of the picture. A block mask hides them
from each other, and the positions of each one start where the picture's end, so that every question
is read as if it were alone. Block masks over packed sequences are of arXiv 2107.02027.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from groma_ros.model.groma import Groma
from groma_ros.speed.kv_cache import KeyValueCache


@torch.no_grad()
def read_questions(
    model: Groma, questions: Sequence[Tensor], prefix: KeyValueCache
) -> tuple[Tensor, KeyValueCache]:
    """Read embedded questions [(L_i, D)] after `prefix`, which stays as it is.

    Returns the hidden state (k, D) of each question's last position, and a cache that holds the
    prefix and then all questions; `cache_of_question` cuts one of them out of it.
    """
    if len(questions) == 1:
        read = model.llm.model(questions[0][None], prefix.fork(), wanted=slice(-1, None))
        return read.hidden[0], read.cache
    lengths, known = [len(question) for question in questions], prefix.length
    position = torch.cat([torch.arange(n) for n in lengths]).to(model.device) + known  # (S,)
    mask = block_mask(lengths, known, model.device)
    embeds = torch.cat(list(questions))[None]  # [(L_i, D)] to (1, S, D)
    ends = torch.tensor(lengths, device=model.device).cumsum(0) - 1  # (k,)
    read = model.llm.model(embeds, prefix.fork(), position[None], mask, ends)
    return read.hidden[0], read.cache


def block_mask(lengths: Sequence[int], known: int, device: torch.device) -> Tensor:
    """Return (1, 1, S, known + S) bool: a position sees the prefix and its own past."""
    owner = torch.repeat_interleave(torch.tensor(list(lengths), device=device))
    own = (owner[:, None] == owner[None]).tril()
    return torch.cat((own.new_ones(len(owner), known), own), dim=1)[None, None]


def cache_of_question(cache: KeyValueCache, known: int, start: int, end: int) -> KeyValueCache:
    """Return a cache of the first `known` positions and of those from `start` to `end`."""
    return cache.spans((0, known), (start, end))
