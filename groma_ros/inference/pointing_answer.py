"""Answer a command by pointing: "Locate ..." questions about its noun phrases.

The answers are read from the probabilities after `<roi>`, of all phrases in one forward. A singular
phrase needs no decoding; the regions of a plural one are decoded token by token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

from groma_ros.encoding import prompts
from groma_ros.inference.answer_context import AnswerContext
from groma_ros.inference.answer_grammar import stop_if_cancelled
from groma_ros.inference.phrase_questions import PhraseQuestion, questions_for
from groma_ros.inference.phrase_regions import (
    FirstRegionProbabilities,
    PhraseRegions,
    find_regions,
    is_plain,
    plain_regions,
)
from groma_ros.inference.region_choice import ChosenRegion, boxes_and_scores
from groma_ros.inference.shared_prefix import cache_of_question, read_questions
from groma_ros.language.answer_sentences import (
    PhraseOutcome,
    answer_sentence,
    status_and_reason,
)
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

NOTHING_ASKED = "the command asks to do nothing"
NO_PHRASE = 'the command names no thing to look for; name it, as in "pick up the red cup"'


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
    tokens = context.region_tokens
    needed = tokens.count + 2
    asked = [[*context.question_ids(_question(context, p), needed), tokens.roi] for p in phrases]
    with torch.inference_mode():
        hidden, cache = read_questions(model, [context.embed(ids) for ids in asked], prefix)
        probabilities = tokens.probabilities(model, hidden)
    answers, end = [], prefix.length
    for ids, row in zip(asked, probabilities, strict=True):
        start, end = end, end + len(ids)
        rest = partial(cache_of_question, cache, prefix.length, start, end)
        answers.append(FirstRegionProbabilities(ids, row, rest))
    return answers


def questions_of(context: AnswerContext, command: Command) -> list[PhraseQuestion]:
    """Return the questions for each phrase of a command."""
    return questions_for(command, context.model.config, context.tokenizer)


def answer_by_pointing(
    context: AnswerContext,
    command: Command,
    questions: Sequence[PhraseQuestion],
    firsts: Sequence[FirstRegionProbabilities],
) -> Grounding:
    """Return the whole answer.

    questions what `questions_of` returned for the command
    firsts    what `ask_phrases` returned for all that the questions ask, in order
    """
    found = [
        find_regions(context, question, mine)
        for question, mine in zip(questions, _by_question(questions, firsts), strict=True)
    ]
    _note_transcript(context, questions, firsts, found)
    return _grounding(context, command, found)


def stream_by_pointing(
    context: AnswerContext,
    command: Command,
    questions: Sequence[PhraseQuestion],
    firsts: Sequence[FirstRegionProbabilities],
) -> Iterator[AnswerEvent]:
    """Yield each box as it is chosen, scored by itself, and in the end the whole answer."""
    found, perception = [], context.perception
    each = zip(questions, _by_question(questions, firsts), strict=True)
    for index, (question, mine) in enumerate(each):
        yield PhraseOpened(index, question.phrase.text, question.phrase.role)
        if is_plain(question):
            chosen: list[ChosenRegion] = []
            regions = PhraseRegions(chosen)
            coming = plain_regions(context, question.asked[0], mine[0])
        else:
            regions = find_regions(context, question, mine)
            chosen, coming = [], iter(regions.chosen)
        for one in coming:
            chosen.append(one)
            score = one.probability * float(perception.scores[one.region])
            yield BoxFound(index, perception.boxes_xyxy[one.region], score)
        found.append(regions)
    _note_transcript(context, questions, firsts, found)
    answer = _grounding(context, command, found)
    yield TextPiece(answer.text)
    yield answer


def _by_question(
    questions: Sequence[PhraseQuestion], firsts: Sequence[FirstRegionProbabilities]
) -> Iterator[list[FirstRegionProbabilities]]:
    """Yield the answers to what each question asks."""
    remaining = iter(firsts)
    for question in questions:
        yield [next(remaining) for _ in question.asked]


def _question(context: AnswerContext, phrase: CommandPhrase) -> str:
    form = prompts.locate_all if phrase.plural else prompts.locate
    return form(prompts.in_case(phrase.query, context.model.config.lowercase))


def _note_transcript(
    context: AnswerContext,
    questions: Sequence[PhraseQuestion],
    firsts: Sequence[FirstRegionProbabilities],
    found: Sequence[PhraseRegions],
) -> None:
    """Note each phrase's question and answer, as they stand in a conversation."""
    tokens, eos = context.region_tokens.tokens, context.tokenizer.eos_id
    for question, mine, regions in zip(
        questions, _by_question(questions, firsts), found, strict=True
    ):
        if not question.by_name and mine:
            answer = [tokens[one.region] for one in regions.chosen]
            context.transcript_ids += [*mine[0].question_ids, *answer, tokens[-1], eos]


def _grounding(
    context: AnswerContext, command: Command, found: Sequence[PhraseRegions]
) -> Grounding:
    if not command.phrases:
        idle = command.action in ("none", "stop")
        text = "Nothing to do." if idle else "Nothing to look for."
        reason = command.reason or (NOTHING_ASKED if idle else NO_PHRASE)
        return context.grounding(command, Status.NOT_FOUND, text, reason=reason)
    pairs = zip(command.phrases, found, strict=True)
    named = [one for phrase, regions in pairs for one in _named(phrase, regions)]
    phrases = tuple(phrase for phrase, _ in named)
    outcomes = [PhraseOutcome(len(r.chosen), r.note, r.doubtful) for _, r in named]
    counts = [outcome.count for outcome in outcomes]
    status, reason = status_and_reason(phrases, outcomes)
    text, spans = answer_sentence(replace(command, phrases=phrases), counts)
    boxes, scores = context.perception.boxes_xyxy, context.perception.scores
    # Where the target is not there, nobody is to act on the bowl that it was to be put into.
    there = status is not Status.NOT_FOUND
    answered = tuple(
        Phrase(p.text, span, *boxes_and_scores(regions.chosen * there, boxes, scores), p.role)
        for (p, regions), span in zip(named, spans, strict=True)
    )
    reason = "; ".join(part for part in (reason, command.reason) if part)
    return context.grounding(command, status, text, answered, reason)


def _named(
    phrase: CommandPhrase, regions: PhraseRegions
) -> list[tuple[CommandPhrase, PhraseRegions]]:
    """Return a phrase with its regions, or one phrase for each region that has a name."""
    if not regions.names:
        return [(phrase, regions)]
    excluded = phrase.excluded
    each = []
    for name, one in zip(regions.names, regions.chosen, strict=True):
        said = CommandPhrase(name or phrase.text, phrase.span, phrase.role, excluded=excluded)
        each.append((said, PhraseRegions([one])))
        excluded = ()
    return each
