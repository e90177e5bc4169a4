"""Talk about one picture: a command may point back to what was spoken of before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import torch

from groma_ros.inference.answer import answer_commands, stream_answer
from groma_ros.inference.decode import prefill
from groma_ros.inference.perception import Perception
from groma_ros.language.command_modes import parse_in_mode
from groma_ros.language.command_parser import check_text
from groma_ros.language.follow_ups import resolve
from groma_ros.values.answers import AnswerEvent, Grounding, Status
from groma_ros.values.commands import Command

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor

ROOM = 256
"""Tokens that a conversation leaves free for the next question and answer."""


class Dialogue:
    """Answer one command after the other about one picture; made by `Predictor.dialogue`.

    What a command points back to ("and the one behind it?") is put in words first. A model that
    was trained on conversations also reads what was said before, once: it stays in the kept
    prefix. When the model's length is used up the oldest turns are forgotten.
    """

    def __init__(self, predictor: Predictor, perception: Perception):
        self._predictor, self._seen = predictor, perception
        self._turns: list[list[int]] = []  # questions and answers as token ids
        self._unread = 0  # how many of the last turns are not in the prefix yet
        self.perception = perception
        self.last = ""  # the noun phrase of the last target that was found

    def ground(
        self,
        command: str,
        max_new_tokens: int = 256,
        cancel: Event | None = None,
        mode: str = "",
    ) -> Grounding:
        """Answer as `Predictor.ground` does, and remember the answer."""
        parsed = parse_in_mode(resolve(check_text(command), self.last), mode)
        self._read()
        context = self._predictor.context(self.perception, max_new_tokens, cancel)
        answer = answer_commands(context, [parsed])[0]
        self._remember(context.transcript_ids, answer)
        return answer

    def stream(
        self,
        command: str,
        max_new_tokens: int = 256,
        cancel: Event | None = None,
        mode: str = "",
    ) -> Iterator[AnswerEvent]:
        """Yield events as `Predictor.stream` does, and remember the answer once it is whole."""
        parsed = parse_in_mode(resolve(check_text(command), self.last), mode)
        return self._stream(parsed, max_new_tokens, cancel)

    def _stream(
        self, parsed: Command, max_new_tokens: int, cancel: Event | None
    ) -> Iterator[AnswerEvent]:
        self._read()
        context = self._predictor.context(self.perception, max_new_tokens, cancel)
        for event in stream_answer(context, parsed):
            if isinstance(event, Grounding):
                self._remember(context.transcript_ids, event)
            yield event

    def _remember(self, transcript_ids: list[int], answer: Grounding) -> None:
        found = [p for p in answer.phrases if p.role in ("target", "mention") and len(p.scores)]
        if found:
            self.last = found[0].text
        withdrawn = answer.status is Status.CANCELLED
        if self._predictor.model.config.multi_turn and transcript_ids and not withdrawn:
            self._turns.append(transcript_ids)
            self._unread += 1

    @torch.inference_mode()
    def _read(self) -> None:
        """Bring the turns that are unread into the prefix; forget old ones where it gets long."""
        if not self._unread:
            return
        model, prefix = self._predictor.model, self.perception.prefix
        most = model.config.language.max_position_embeddings - ROOM
        kept = self._turns
        while kept and self._seen.prefix.length + sum(map(len, kept)) > most:
            kept = kept[1:]
        if len(kept) < len(self._turns):
            self._turns, self._unread, prefix = kept, len(kept), self._seen.prefix
        unread = [t for turn in self._turns[len(self._turns) - self._unread :] for t in turn]
        self._unread = 0
        if unread:
            embeds = model.embed_ids(torch.tensor([unread], device=model.device))
            _, prefix = prefill(model, embeds, prefix.fork())
        self.perception = replace(self.perception, read=lambda: prefix)
