"""The embeddings of names and colours, which region tokens are pulled towards."""

from __future__ import annotations

import torch
from torch import Tensor

from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.groma import Groma
from groma_ros.sim.scene import COLOURS
from groma_ros.train import names


class WordTables:
    """Know the pieces of each name and colour, and which other names are right for a name.

    kinds, colours: (n, most) pieces, -1 where a name has fewer. also_right: (names, names), true
    where a thing of the first name may also be called by the second.
    """

    def __init__(self, tokenizer: GromaTokenizer) -> None:
        self.kinds = name_pieces(tokenizer, [name.name for name in names.NAMES])
        self.colours = name_pieces(tokenizer, list(COLOURS))
        self.also_right = torch.zeros(len(names.NAMES), len(names.NAMES), dtype=torch.bool)
        for number in range(len(names.NAMES)):
            self.also_right[number, list(names.overlapping(number) - {number})] = True

    def logits(self, tokens: Tensor, model: Groma) -> tuple[Tensor, Tensor]:
        """Score the names (n, names) and the colours (n, 10) of region tokens (n, D)."""
        scale = tokens.shape[-1] ** -0.5
        kinds, colours = (mean_embeddings(model, p) for p in (self.kinds, self.colours))
        return tokens @ kinds.T * scale, tokens @ colours.T * scale


def name_pieces(tokenizer: GromaTokenizer, words: list[str]) -> Tensor:
    """Return the pieces of each word or words, (n, most), filled up with -1."""
    first = len(tokenizer.encode("a", add_bos=False))
    pieces = [tokenizer.encode("a " + word, add_bos=False)[first:] for word in words]
    most = max(map(len, pieces))
    return torch.tensor([ids + [-1] * (most - len(ids)) for ids in pieces])


def mean_embeddings(model: Groma, pieces: Tensor) -> Tensor:
    """Return the mean embedding (n, D) of each row's pieces (n, most)."""
    there = (pieces >= 0)[..., None]
    return (model.embed_ids(pieces.clamp(min=0)) * there).sum(1) / there.sum(1)
