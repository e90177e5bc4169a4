"""Show a small decoder where to look.

A decoder of this size does not find out by itself that it has to point. What makes it learn
within minutes is supervised attention: a few heads are told what to look at, where an answer
begins and where it points. This changes training only; the model remains a plain Llama.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

POINT, WEIGH, ANCHOR, READ, NAME = range(5)
"""What a hinted head looks at: the answer's region, the regions compared, a relation's anchor, the
words of the phrase that is asked for, and, from a region's feature, its `<r_i>`."""


@dataclass(frozen=True)
class Hint:
    """Say that a head, at one place of a turn, looks at some regions, or at places of the turn."""

    head: int
    place: int
    seen: tuple[int, ...]


def hinted_heads(layers: int) -> dict[int, tuple[int, int]]:
    """Return (layer, head) of each hint: first read and name, then compare, then point."""
    return {
        READ: (0, 1),
        NAME: (0, 0),
        WEIGH: (layers - 3, 0),
        ANCHOR: (layers - 3, 1),
        POINT: (layers - 2, 0),
    }


def hint_loss(before: dict[int, Tensor], attentions: dict[int, Tensor], hints) -> Tensor:
    """Return -log of the attention that hinted heads pay to what they should see.

    Args:
        before, attentions: of the prefixes and of the turns, (rows, heads, places, columns) a
            layer. hints: (head, row, place, columns), NAME in the prefixes.
    Returns:
        a mean over each kind of hint, summed over the kinds: shared out over them, none is strong
        enough to start the pointing.
    """
    total = torch.zeros(())
    for kind, (layer, head) in hinted_heads(len(attentions)).items():
        mine = [
            (row, at, column, 1.0 / len(columns))
            for k, row, at, columns in hints
            if k == kind
            for column in columns
        ]
        if not mine:
            continue
        row, at, column, share = zip(*mine, strict=True)
        rows = (before if kind == NAME else attentions)[layer]
        paid = rows[list(row), head, list(at), list(column)].float()
        share = torch.tensor(share)
        total = total - (share * paid.clamp(min=1e-6).log()).sum() / share.sum()
    return total
