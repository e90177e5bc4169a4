"""What answering commands about one picture needs, and how a question becomes the model's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import torch
from torch import Tensor

from groma_ros.encoding import prompts
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.inference.fixed_decoder import FixedDecoder
from groma_ros.inference.perception import Perception, now_ms
from groma_ros.model.groma import Groma
from groma_ros.values.answers import Grounding, Phrase, Status
from groma_ros.values.commands import Command


class AnswerContext:
    """Hold the model, the picture and the limits of one call of the predictor.

    max_new_tokens  the most tokens that are decoded for an answer in words
    cancel          is looked at before every call of the model
    fixed_decoder   reads tokens one by one where it is free; None for the plain path
    transcript_ids  questions and answers so far as token ids, as they stand in a conversation
    """

    def __init__(
        self,
        model: Groma,
        tokenizer: GromaTokenizer,
        perception: Perception,
        max_new_tokens: int,
        cancel: Event | None,
        fixed_decoder: FixedDecoder | None = None,
    ) -> None:
        self.model, self.tokenizer, self.perception = model, tokenizer, perception
        self.max_new_tokens, self.cancel = max_new_tokens, cancel
        self.fixed_decoder = fixed_decoder
        self.region_tokens = perception.region_tokens
        self.transcript_ids: list[int] = []
        self._start_ms = now_ms(self.region_tokens.ids.device)

    def question_ids(self, question: str, needed: int) -> list[int]:
        """Return the token ids of a question as it follows the picture.

        Raises ValueError where the model then has no room for an answer of `needed` tokens.
        """
        ids = self.tokenizer.encode(prompts.turn(question), add_bos=False)
        used = self.perception.prefix.length + len(ids)
        most = self.model.config.language.max_position_embeddings
        if most - used < min(needed, self.max_new_tokens):
            raise ValueError(
                f"picture and question take {used} tokens of the model's {most}; "
                "ask something shorter"
            )
        return ids

    @torch.inference_mode()
    def embed(self, ids: Sequence[int], region: int | None = None) -> Tensor:
        """Embed token ids as (L, D); `region` is the one that a question refers to."""
        model, percept = self.model, self.perception.percept
        asked = torch.tensor(ids)
        if region is not None:
            referred = torch.tensor([region])
            percept = replace(percept, refer_indices=referred)
            asked = model.point(asked, model.ids.refer_box, referred)
        return model.embed_expanded(asked, percept)

    def grounding(
        self,
        command: Command,
        status: Status,
        text: str,
        phrases: tuple[Phrase, ...] = (),
        reason: str = "",
    ) -> Grounding:
        """Return an answer with the command's action and the times that all took."""
        ground_ms = now_ms(self.region_tokens.ids.device) - self._start_ms
        timings_ms = {**self.perception.timings_ms, "ground": ground_ms}
        return Grounding(status, text, phrases, command.action, timings_ms, reason)

    def cancelled(self, command: Command) -> Grounding:
        """Return the answer to a command that was withdrawn."""
        return self.grounding(command, Status.CANCELLED, "", reason="the command was withdrawn")
