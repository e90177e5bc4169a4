"""Say only what an answer may hold: grammar of the markup, and greedy decoding under it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import NamedTuple

import torch
from torch import Tensor

from groma_ros.groma.generate import prefill
from groma_ros.groma.model import Groma
from groma_ros.groma.tokenizer import GromaTokenizer


class Cancelled(Exception):
    """Tell that the caller withdrew the command while the model was answering."""


class Step(NamedTuple):
    """Hold one token said, and its probability among the tokens allowed at that place."""

    token_id: int
    probability: float


class AnswerGrammar:
    """Know which tokens may come next in an answer about a picture with n regions.

    In text: words, `<p>`, and the end. In a phrase: words, and `</p>` once it has one. After a
    phrase: `<roi>` as well as text. In `<roi>`: regions that exist and were not named since it
    opened, and `</roi>`. With `pointing` the answer starts inside `<roi>` and ends with it.
    """

    def __init__(
        self, tokenizer: GromaTokenizer, region_count: int, pointing: bool, device: torch.device
    ):
        token = tokenizer.token_id
        self._p, self._p_end = token("<p>"), token("</p>")
        self._roi, self._roi_end = token("<roi>"), token("</roi>")
        self._end = self._roi_end if pointing else tokenizer.eos_id
        words = torch.zeros(len(tokenizer), dtype=torch.bool, device=device)
        words[: tokenizer.vocab_size] = True
        words[[tokenizer.bos_id, tokenizer.eos_id, token("<unk>")]] = False
        text = _with(words, self._p, tokenizer.eos_id)
        regions = [tokenizer.region_token_id(i) for i in range(region_count)]
        self._masks = {
            "text": text,
            "phrase start": words,
            "phrase": _with(words, self._p_end),
            "after phrase": _with(text, self._roi),
            "roi": _with(torch.zeros_like(words), self._roi_end, *regions),
        }
        self._left = self._masks["roi"]
        self._regions_left = region_count
        self._region_count = region_count
        self._state = "roi" if pointing else "text"
        self.done = False

    def allowed(self) -> Tensor:
        """Return which tokens may come next, (vocab_size,) bool."""
        return self._left if self._state == "roi" else self._masks[self._state]

    def forced(self) -> int | None:
        """Return the only token that may come next, None where there is a choice."""
        return self._roi_end if self._state == "roi" and self._regions_left == 0 else None

    def take(self, token_id: int) -> None:
        """Move on by a token."""
        if self._state == "roi" and token_id != self._roi_end:
            self._left = self._left.clone()
            self._left[token_id] = False
            self._regions_left -= 1
        elif token_id == self._roi:
            self._state, self._left = "roi", self._masks["roi"]
            self._regions_left = self._region_count
        elif token_id == self._p:
            self._state = "phrase start"
        elif token_id == self._p_end:
            self._state = "after phrase"
        else:
            self._state = "phrase" if self._state.startswith("phrase") else "text"
        self.done = token_id == self._end


def _with(mask: Tensor, *token_ids: int) -> Tensor:
    mask = mask.clone()
    mask[list(token_ids)] = True
    return mask


@torch.inference_mode()
def decode(
    model: Groma,
    embeds: Tensor,
    cache,
    grammar: AnswerGrammar,
    max_new_tokens: int,
    cancel: Event | None = None,
) -> Iterator[Step]:
    """Yield the likeliest allowed tokens after a prompt (1, L, D) that follows `cache`.

    `cache` is extended in place: give a fork. The token that ends the answer is yielded too.
    A token without alternative costs no call of the model. Raises Cancelled between two tokens
    once `cancel` is set.
    """
    unread = embeds
    for _ in range(max_new_tokens):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        token_id, probability = grammar.forced(), 1.0
        if token_id is None:
            hidden, cache = prefill(model, unread, cache)
            unread = unread[:, :0]
            logits = model.logits(hidden)[0].float().masked_fill(~grammar.allowed(), -torch.inf)
            best = logits.softmax(-1).max(-1)
            token_id, probability = int(best.indices), float(best.values)
        grammar.take(token_id)
        yield Step(token_id, probability)
        if grammar.done:
            return
        said = model.embed_ids(torch.tensor([[token_id]], device=model.device))
        unread = torch.cat((unread, said), dim=1)
