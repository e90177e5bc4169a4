"""Answer questions about one picture that was perceived before.

"Locate ..." questions are read from the probabilities after `<roi>`: of all phrases in one forward,
and with no decoding where one thing is asked for. Lists and sentences are said token by token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

import numpy as np
import torch

from groma_ros.encoding import prompts
from groma_ros.encoding.answer_markup import AnswerPhrase, parse_answer, without_repetitions
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.inference.answer_grammar import (
    AnswerGrammar,
    Cancelled,
    Regions,
    Step,
    decode,
    stop_if,
)
from groma_ros.inference.perception import Perception, now_ms
from groma_ros.inference.region_choice import fitting, list_probabilities, one_after_the_other
from groma_ros.inference.shared_prefix import read_turns, turn_cache
from groma_ros.language.answer_sentences import answer_sentence, status_and_reason
from groma_ros.model.groma import Groma
from groma_ros.speed.kv_cache import KeyValueCache
from groma_ros.values.answers import (
    AnswerEvent,
    BoxFound,
    Grounding,
    Phrase,
    PhraseOpened,
    Status,
    TextPiece,
)
from groma_ros.values.commands import Command, CommandPhrase

HALF_A_CHARACTER = "\ufffd"  # what a tokenizer gives for the first bytes of a character
NO_THING = 'the command names no thing to look for; name it, as in "pick up the red cup"'
SHORTEST_ANSWER = 16  # tokens that a question has to leave room for


@dataclass(frozen=True, eq=False)
class Asked:
    """Keep what the model says right after `<roi>`: chances (n + 1,), and how to go on from it."""

    chances: np.ndarray
    cache: Callable[[], KeyValueCache]


class Answering:
    """Answer about one picture; `cancel` is looked at before every call of the model."""

    def __init__(
        self,
        model: Groma,
        tokenizer: GromaTokenizer,
        perception: Perception,
        max_new_tokens: int,
        cancel: Event | None,
    ):
        self.model, self.tokenizer, self.perception = model, tokenizer, perception
        self.max_new_tokens, self.cancel = max_new_tokens, cancel
        self.regions = Regions(tokenizer, len(perception.scores), model.device)
        self.said: list[int] = []  # questions and answers so far, as they stand in a conversation
        self.start = now_ms(model.device)

    def answer_all(self, commands: Sequence[Command]) -> list[Grounding]:
        """Answer several commands; the phrases of all of them are read in one forward."""
        try:
            asked = iter(self.ask([p for c in commands for p in c.phrases]))
        except Cancelled:
            return [self.finished(c, cancelled()) for c in commands]
        mine = [[next(asked) for _ in c.phrases] for c in commands]
        return [list(self.events(c, a))[-1] for c, a in zip(commands, mine, strict=True)]

    def events(
        self, command: Command, asked: list[Asked] | None = None, target_only: bool = False
    ) -> Iterator[AnswerEvent]:
        """Yield an answer as it comes to be; the last event is the Grounding.

        `asked` holds what `ask` returned for the command's phrases, if that was done before.
        """
        try:
            if command.action == "ask":
                events = self._chat(command.text, target_only)
            elif not command.phrases:
                answer = Grounding(Status.NOT_FOUND, "Nothing to look for.", reason=NO_THING)
                events = iter((TextPiece(answer.text), answer))
            else:
                events = self._find(command, asked or self.ask(command.phrases))
            for event in events:
                final = isinstance(event, Grounding)
                yield self.finished(command, event) if final else event
        except Cancelled:
            yield self.finished(command, cancelled())

    def finished(self, command: Command, answer: Grounding) -> Grounding:
        """Return an answer with the command's action and the times that all took."""
        ground = now_ms(self.model.device) - self.start
        timings = {**self.perception.timings_ms, "ground": ground}
        return replace(answer, action=command.action, timings_ms=timings)

    def ask(self, phrases: Sequence[CommandPhrase]) -> list[Asked]:
        """Ask for all phrases in one forward, up to the first token after `<roi>`.

        Raises Cancelled, and ValueError where a phrase is too long for the model.
        """
        if not phrases:
            return []
        stop_if(self.cancel)
        roi, room = self.tokenizer.token_id("<roi>"), self.regions.count + 1
        known = self.perception.prefix.length
        with torch.inference_mode():
            turns = [self.embed(self._query(phrase), room, roi) for phrase in phrases]
            hidden, cache = read_turns(self.model, turns, self.perception.prefix)
            chances = self.regions.chances(self.model, hidden, [])
        ends = np.cumsum([len(turn) for turn in turns]).tolist()
        return [
            Asked(chance, partial(turn_cache, cache, known, end - len(turn), end))
            for chance, turn, end in zip(chances, turns, ends, strict=True)
        ]

    def _query(self, phrase: CommandPhrase) -> str:
        form = prompts.locate_all if phrase.plural else prompts.locate
        return form(self._cased(phrase.query))

    def _find(self, command: Command, asked: list[Asked]) -> Iterator[AnswerEvent]:
        found = []
        for index, (phrase, first) in enumerate(zip(command.phrases, asked, strict=True)):
            yield PhraseOpened(index, phrase.text, phrase.role)
            picked = []
            for region, chances in self._pick(phrase, first):
                picked.append((region, chances))
                yield self._box_found(index, region, chances)
            found.append(self._boxes(picked))
            regions = [self.regions.tokens[region] for region, _ in picked]
            self._remember(self._query(phrase), "<roi>", *regions, "</roi>")
        counts = [len(scores) for _, scores in found]
        status, reason = status_and_reason(command.phrases, counts)
        text, spans = answer_sentence(command, counts)
        phrases = tuple(
            Phrase(phrase.text, span, boxes, scores, phrase.role)
            for phrase, span, (boxes, scores) in zip(command.phrases, spans, found, strict=True)
        )
        yield TextPiece(text)
        yield Grounding(status, text, phrases, reason=reason)

    def _pick(self, phrase: CommandPhrase, first: Asked) -> Iterator[tuple[int, np.ndarray]]:
        """Yield what a phrase fits: regions, and the chances (n + 1,) they were chosen from."""
        if phrase.plural:
            yield from self.regions.go_on(self.model, first.chances, first.cache(), self.cancel)
            return
        rule, boxes = self.model.config.pointing, self.perception.boxes_xyxy
        fits = fitting(first.chances, boxes, rule.nothing_above, rule.rival_share)
        yield from zip(fits, one_after_the_other(fits, first.chances), strict=True)

    def _chat(self, question: str, target_only: bool) -> Iterator[AnswerEvent]:
        """Yield an answer in words; with `target_only` it ends where its first `<roi>` closes."""
        steps: list[Step] = []
        told, text, mentions = "", "", []
        for step in self._say(self.embed(prompts.chat(self._cased(question)), SHORTEST_ANSWER)):
            steps.append(step)
            text, mentions = self._read(steps)
            if len(text) > len(told) and not text.endswith(HALF_A_CHARACTER):
                yield TextPiece(text[len(told) :])
                told = text
            if step.token_id == self.tokenizer.token_id("<p>"):
                yield PhraseOpened(len(mentions))
            region = self.tokenizer.region_index(step.token_id)
            if region is not None:
                yield self._box_found(len(mentions) - 1, region, step.chances)
            if target_only and step.token_id == self.tokenizer.token_id("</roi>"):
                break
        if len(text) > len(told):
            yield TextPiece(text[len(told) :])
        self._remember(prompts.chat(self._cased(question)), *[step.token_id for step in steps])
        ended = target_only or (bool(steps) and steps[-1].token_id == self.tokenizer.eos_id)
        yield self._told(text, mentions, steps, ended)

    def _told(
        self, text: str, mentions: list[AnswerPhrase], steps: list[Step], ended: bool
    ) -> Grounding:
        """Put an answer in words together, without what it says twice in one enumeration."""
        lists = self._lists(steps)
        picked = [next(lists) if mention.regions else [] for mention in mentions]
        text, kept = without_repetitions(text, mentions)
        phrases = tuple(
            Phrase(mentions[i].text, span, *self._boxes(picked[i]), "mention") for i, span in kept
        )
        pointed = any(picked)
        reasons = [] if pointed else ["the answer points at nothing in the picture"]
        reasons += [] if ended else [f"the answer was cut after {len(steps)} tokens"]
        status = Status.GROUNDED if pointed else Status.NOT_FOUND
        return Grounding(status, text, phrases, reason="; ".join(reasons))

    def _lists(self, steps: list[Step]) -> Iterator[list[tuple[int, np.ndarray]]]:
        """Yield the regions of each `<roi>` that names any, with the chances they came from."""
        picked: list[tuple[int, np.ndarray]] = []
        for step in steps:
            region = self.tokenizer.region_index(step.token_id)
            if region is not None:
                picked.append((region, step.chances))
            elif picked:
                yield picked
                picked = []
        if picked:
            yield picked

    def describe(self, region: int, question: str) -> tuple[str, float]:
        """Return the answer to a question about a region, and its tokens' mean probability."""
        query = prompts.refer(self._cased(question))
        steps = list(self._say(self.embed(query, SHORTEST_ANSWER, region=region)))
        score = np.exp(np.mean(np.log([max(s.probability, 1e-9) for s in steps])))
        return self._read(steps)[0], float(score)

    def _read(self, steps: list[Step]) -> tuple[str, list[AnswerPhrase]]:
        marked = self.tokenizer.decode([step.token_id for step in steps])
        return parse_answer(marked, self.regions.count)

    def _remember(self, query: str, *answer: int | str) -> None:
        """Note a question and its answer, token ids and special tokens, in the conversation."""
        said = [self.tokenizer.token_id(t) if isinstance(t, str) else t for t in answer]
        ended = [] if said[-1:] == [self.tokenizer.eos_id] else [self.tokenizer.eos_id]
        asked = self.tokenizer.encode(prompts.turn(query), add_bos=False)
        self.said += [*asked, *said, *ended]

    def _say(self, embeds: torch.Tensor) -> Iterator[Step]:
        """Yield the answer to an embedded turn (L, D), token by token."""
        used = self.perception.prefix.length + len(embeds)
        room = self.model.config.language.max_position_embeddings - used
        limit = min(self.max_new_tokens, room)
        grammar = AnswerGrammar(self.tokenizer, self.regions, self.model.device)
        cache = self.perception.prefix.fork()
        return decode(self.model, embeds[None], cache, grammar, limit, self.cancel)

    @torch.inference_mode()
    def embed(
        self, query: str, needed: int, *begun: int, region: int | None = None
    ) -> torch.Tensor:
        """Embed a query, and the tokens with which its answer has `begun`, as (L, D).

        `region` is the one the query refers to. Raises ValueError where the model then has no room
        for an answer of `needed` tokens.
        """
        model, percept = self.model, self.perception.percept
        ids = [*self.tokenizer.encode(prompts.turn(query), add_bos=False), *begun]
        read = self.perception.prefix.length + len(ids)
        most = model.config.language.max_position_embeddings
        if most - read < min(needed, self.max_new_tokens):
            raise ValueError(
                f"picture and question take {read} tokens of the model's {most}; "
                "ask something shorter"
            )
        asked = torch.tensor(ids)
        if region is not None:
            pointed = torch.tensor([region])
            percept = replace(percept, refer_indices=pointed)
            asked = model.point(asked, model.ids.refer_box, pointed)
        return model.embed_expanded(asked, percept)

    def _box_found(self, index: int, region: int, chances: np.ndarray) -> BoxFound:
        score = float(chances[region] * self.perception.scores[region])
        return BoxFound(index, self.perception.boxes_xyxy[region], score)

    def _boxes(self, picked: Sequence[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (k, 4) and scores (k,) of the regions of one list, best first."""
        regions = np.array([region for region, _ in picked], dtype=np.int64)
        sure = list_probabilities(regions.tolist(), [chances for _, chances in picked])
        scores = sure * self.perception.scores[regions]
        order = np.lexsort((regions, -scores))
        return self.perception.boxes_xyxy[regions[order]], scores[order]

    def _cased(self, text: str) -> str:
        return text.lower() if self.model.config.lowercase else text


def cancelled() -> Grounding:
    """Return the answer to what was withdrawn."""
    return Grounding(Status.CANCELLED, "", reason="the command was withdrawn")
