"""Answer a command by pointing: "Locate ..." questions about its noun phrases.

The answers are read from the probabilities after `<roi>`, of all phrases in one forward. A singular
phrase needs no decoding; the regions of a plural one are decoded token by token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from groma_ros.encoding import prompts
from groma_ros.inference.answer_context import AnswerContext
from groma_ros.inference.answer_grammar import stop_if_cancelled
from groma_ros.inference.region_choice import (
    ChosenRegion,
    boxes_and_scores,
    choose_regions,
    renormalised_steps,
)
from groma_ros.inference.shared_prefix import cache_of_question, read_questions
from groma_ros.language.answer_sentences import answer_sentence, status_and_reason
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

NO_PHRASE = 'the command names no thing to look for; name it, as in "pick up the red cup"'


@dataclass(frozen=True, eq=False)
class FirstRegionProbabilities:
    """What the model says right after `<roi>`, and how to go on from there.

    question_ids   the question as token ids, `<roi>` included
    probabilities  (n + 1,) of each region and, last, of the end of the list
    make_cache     returns keys and values up to `<roi>`
    """

    question_ids: list[int]
    probabilities: np.ndarray
    make_cache: Callable[[], KeyValueCache]


def ask_phrases(
    context: AnswerContext, phrases: Sequence[CommandPhrase]
) -> list[FirstRegionProbabilities]:
    """Ask for all phrases in one forward, up to the first token after `<roi>`.

    Raises Cancelled, and ValueError where a phrase is too long for the model.
    """
    if not phrases:
        return []
    stop_if_cancelled(context.cancel)
    model, prefix = context.model, context.perception.prefix
    needed, roi = context.region_tokens.count + 2, context.tokenizer.token_id("<roi>")
    asked = [[*context.question_ids(_question(context, p), needed), roi] for p in phrases]
    with torch.inference_mode():
        hidden, cache = read_questions(model, [context.embed(ids) for ids in asked], prefix)
        probabilities = context.region_tokens.probabilities(model, hidden)
    answers, end = [], prefix.length
    for ids, row in zip(asked, probabilities, strict=True):
        start, end = end, end + len(ids)
        rest = partial(cache_of_question, cache, prefix.length, start, end)
        answers.append(FirstRegionProbabilities(ids, row, rest))
    return answers


def answer_by_pointing(
    context: AnswerContext, command: Command, firsts: Sequence[FirstRegionProbabilities]
) -> Grounding:
    """Return the whole answer; `firsts` is what `ask_phrases` returned for its phrases."""
    found = []
    for phrase, first in zip(command.phrases, firsts, strict=True):
        found.append(_finish_phrase(context, first, list(_regions_of(context, phrase, first))))
    return _grounding(context, command, found)


def stream_by_pointing(
    context: AnswerContext, command: Command, firsts: Sequence[FirstRegionProbabilities]
) -> Iterator[AnswerEvent]:
    """Yield each box as it is chosen, scored by itself, and in the end the whole answer."""
    found, perception = [], context.perception
    for index, (phrase, first) in enumerate(zip(command.phrases, firsts, strict=True)):
        yield PhraseOpened(index, phrase.text, phrase.role)
        chosen = []
        for one in _regions_of(context, phrase, first):
            chosen.append(one)
            score = one.probability * float(perception.scores[one.region])
            yield BoxFound(index, perception.boxes_xyxy[one.region], score)
        found.append(_finish_phrase(context, first, chosen))
    answer = _grounding(context, command, found)
    yield TextPiece(answer.text)
    yield answer


def _question(context: AnswerContext, phrase: CommandPhrase) -> str:
    form = prompts.locate_all if phrase.plural else prompts.locate
    return form(context.in_trained_case(phrase.query))


def _regions_of(
    context: AnswerContext, phrase: CommandPhrase, first: FirstRegionProbabilities
) -> Iterator[ChosenRegion]:
    """Yield the regions that a phrase fits; raise Cancelled between two of a plural one."""
    if phrase.plural:
        yield from context.region_tokens.decode_region_list(
            context.model,
            first.probabilities,
            first.make_cache(),
            context.cancel,
            context.fixed_decoder,
        )
        return
    rule, boxes = context.model.config.pointing, context.perception.boxes_xyxy
    regions = choose_regions(
        first.probabilities, boxes, rule.refusal_threshold, rule.ambiguity_ratio
    )
    yield from map(ChosenRegion, regions, renormalised_steps(regions, first.probabilities))


def _finish_phrase(
    context: AnswerContext, first: FirstRegionProbabilities, chosen: Sequence[ChosenRegion]
) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (k, 4) and scores (k,), best first, and note question and answer."""
    tokens, tokenizer = context.region_tokens.tokens, context.tokenizer
    answer = [tokens[one.region] for one in chosen]
    context.transcript_ids += [*first.question_ids, *answer, tokens[-1], tokenizer.eos_id]
    return boxes_and_scores(chosen, context.perception.boxes_xyxy, context.perception.scores)


def _grounding(
    context: AnswerContext, command: Command, found: Sequence[tuple[np.ndarray, np.ndarray]]
) -> Grounding:
    if not command.phrases:
        return context.grounding(
            command, Status.NOT_FOUND, "Nothing to look for.", reason=NO_PHRASE
        )
    counts = [len(scores) for _, scores in found]
    status, reason = status_and_reason(command.phrases, counts)
    text, spans = answer_sentence(command, counts)
    phrases = tuple(
        Phrase(phrase.text, span, boxes, scores, phrase.role)
        for phrase, span, (boxes, scores) in zip(command.phrases, spans, found, strict=True)
    )
    return context.grounding(command, status, text, phrases, reason)
