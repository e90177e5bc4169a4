"""Decode only what an answer may hold: the grammar of its markup, and greedy decoding under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.inference.decode import prefill, token_reader
from groma_ros.inference.fixed_decoder import FixedDecoder
from groma_ros.inference.region_choice import ChosenRegion
from groma_ros.model.groma import Groma
from groma_ros.speed.kv_cache import KeyValueCache


class Cancelled(Exception):
    """Tell that the caller withdrew the command while the model was answering."""


def stop_if_cancelled(cancel: Event | None) -> None:
    """Raise Cancelled once `cancel` is set."""
    if cancel is not None and cancel.is_set():
        raise Cancelled


class DecodedToken(NamedTuple):
    """Hold one token of an answer.

    probability           among the tokens allowed at that place
    region_probabilities  (n + 1,) of every region and, last, of the end of the list, where the
                          token was one of these; else None
    """

    token_id: int
    probability: float
    region_probabilities: np.ndarray | None = None


class RegionTokens:
    """Know the tokens that may stand in `<roi>` for a picture with n regions.

    `tokens` are `<r0>` to `<r{n-1}>` and `</roi>`, which `roi` opens; `ids` (n + 1,) holds them on
    the device.
    `background` are regions that are no thing, or the same thing as one that is asked about: they
    have no probability. `outside` are regions that are not asked about: they compete, and no answer
    points at them.
    """

    def __init__(
        self,
        tokenizer: GromaTokenizer,
        count: int,
        device: torch.device,
        background: Sequence[int] = (),
        outside: Sequence[int] = (),
    ) -> None:
        first = tokenizer.region_token_id(0)
        self.count, self.background, self.outside = count, list(background), list(outside)
        self.roi = tokenizer.token_id("<roi>")
        self.tokens = [*range(first, first + count), tokenizer.token_id("</roi>")]
        self.ids = torch.tensor(self.tokens, device=device)

    @torch.inference_mode()
    def probabilities(self, model: Groma, hidden: Tensor, taken: Sequence[int] = ()) -> np.ndarray:
        """Return the probability (..., n + 1) of each token of `ids` after hidden states (..., D).

        Regions that were `taken` already have none, nor has the background. The temperature is the
        model's calibration.
        """
        logits = model.added_logits(hidden, self.ids).float() / model.config.pointing.temperature
        logits[..., [*taken, *self.background]] = -torch.inf
        return logits.softmax(-1).cpu().numpy()

    @torch.inference_mode()
    def decode_region_list(
        self,
        model: Groma,
        probabilities: np.ndarray,
        cache: KeyValueCache,
        cancel: Event | None = None,
        fixed: FixedDecoder | None = None,
    ) -> Iterator[ChosenRegion]:
        """Yield the regions of a list, the likeliest at each step, until the list ends.

        `probabilities` (n + 1,) are those of the first token after `<roi>`, which `cache` ends
        with; it is extended in place, or `fixed` goes on from it. Raises Cancelled between two
        tokens once `cancel` is set.
        """
        taken: list[int] = []
        with token_reader(model, cache, fixed) as read:
            while (region := int(probabilities.argmax())) != self.count:
                yield ChosenRegion(region, probabilities)
                taken.append(region)
                if len(taken) == self.count:
                    return
                stop_if_cancelled(cancel)
                hidden = read(self.tokens[region])
                probabilities = self.probabilities(model, hidden[0], taken)


class AnswerGrammar:
    """Know which tokens may come next in an answer about a picture with regions.

    In text: words, `<p>`, and the end. In a phrase: words, and `</p>` once it has one. After a
    phrase: `<roi>` as well as text. In `<roi>`: regions that exist and were not named since it
    opened, and `</roi>`.
    """

    def __init__(
        self, tokenizer: GromaTokenizer, region_tokens: RegionTokens, device: torch.device
    ) -> None:
        token = tokenizer.token_id
        self.region_tokens = region_tokens
        self._p, self._p_end = token("<p>"), token("</p>")
        self._roi, self._roi_end = token("<roi>"), token("</roi>")
        self._first, self._end = tokenizer.region_token_id(0), tokenizer.eos_id
        words = torch.zeros(len(tokenizer), dtype=torch.bool, device=device)
        words[: tokenizer.vocab_size] = True
        words[[tokenizer.bos_id, tokenizer.eos_id, token("<unk>")]] = False
        text = _with(words, self._p, tokenizer.eos_id)
        self._masks = {
            "text": text,
            "phrase start": words,
            "phrase": _with(words, self._p_end),
            "after phrase": _with(text, self._roi),
        }
        self._state = "text"
        self.taken: list[int] | None = None  # the regions named since <roi>, None outside of it
        self.done = False

    def allowed(self) -> Tensor:
        """Return which tokens may come next outside of `<roi>`, (vocab_size,) bool."""
        return self._masks[self._state]

    def advance(self, token_id: int) -> None:
        """Go on to the place after a token."""
        if self.taken is not None and token_id != self._roi_end:
            self.taken = [*self.taken, token_id - self._first]
        elif token_id == self._roi:
            self.taken = []
        elif token_id == self._roi_end:
            self.taken, self._state = None, "text"
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
def decode_answer(
    model: Groma,
    embeds: Tensor,
    cache: KeyValueCache,
    grammar: AnswerGrammar,
    max_new_tokens: int,
    cancel: Event | None = None,
    fixed: FixedDecoder | None = None,
) -> Iterator[DecodedToken]:
    """Yield the likeliest allowed tokens after a prompt (1, L, D) that follows `cache`.

    `cache` is extended in place: give a fork. The token that ends the answer is yielded too.
    `fixed` reads the tokens where it is free. Raises Cancelled between two tokens once `cancel`
    is set.
    """
    stop_if_cancelled(cancel)
    hidden, cache = prefill(model, embeds, cache)
    with token_reader(model, cache, fixed) as read:
        for left in reversed(range(max_new_tokens)):
            token = _likeliest_token(model, hidden, grammar)
            grammar.advance(token.token_id)
            yield token
            if grammar.done or not left:
                return
            stop_if_cancelled(cancel)
            hidden = read(token.token_id)


def _likeliest_token(model: Groma, hidden: Tensor, grammar: AnswerGrammar) -> DecodedToken:
    """Return the likeliest allowed token after hidden (1, D)."""
    if grammar.taken is not None:
        regions = grammar.region_tokens
        taken = [*grammar.taken, *regions.outside]
        probabilities = regions.probabilities(model, hidden[0], taken)
        best = int(probabilities.argmax())
        return DecodedToken(regions.tokens[best], float(probabilities[best]), probabilities)
    logits = model.logits(hidden)[0].float().masked_fill(~grammar.allowed(), -torch.inf)
    probability, token_id = logits.softmax(-1).max(-1)
    return DecodedToken(int(token_id), float(probability))
