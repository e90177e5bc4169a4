"""Answer commands about one picture: by pointing where they name things, else in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groma_ros.inference.answer_context import AnswerContext
from groma_ros.inference.answer_grammar import Cancelled
from groma_ros.inference.phrase_questions import PhraseQuestion
from groma_ros.inference.phrase_regions import FirstRegionProbabilities
from groma_ros.inference.pointing_answer import (
    answer_by_pointing,
    ask_phrases,
    questions_of,
    stream_by_pointing,
)
from groma_ros.inference.spoken_answer import answer_in_words, stream_in_words
from groma_ros.values.answers import AnswerEvent, Grounding
from groma_ros.values.commands import Command


def answer_commands(context: AnswerContext, commands: Sequence[Command]) -> list[Grounding]:
    """Answer several commands; the phrases of all of them are read in one forward.

    Raises ValueError where a command is too long for the model.
    """
    questions = [questions_of(context, command) for command in commands]
    try:
        firsts = ask_phrases(context, [p for each in questions for q in each for p in q.asked])
    except Cancelled:
        return [context.cancelled(command) for command in commands]
    answers, start = [], 0
    for command, mine in zip(commands, questions, strict=True):
        end = start + sum(len(question.asked) for question in mine)
        answers.append(_answer(context, command, mine, firsts[start:end]))
        start = end
    return answers


def _answer(
    context: AnswerContext,
    command: Command,
    questions: Sequence[PhraseQuestion],
    firsts: Sequence[FirstRegionProbabilities],
) -> Grounding:
    try:
        if command.action == "ask":
            return answer_in_words(context, command)
        return answer_by_pointing(context, command, questions, firsts)
    except Cancelled:
        return context.cancelled(command)


def stream_answer(
    context: AnswerContext, command: Command, target_only: bool = False
) -> Iterator[AnswerEvent]:
    """Yield an answer as it comes to be; the last event is the Grounding.

    `target_only` ends an answer in words where its first list of regions closes. Raises ValueError
    as `answer_commands` does.
    """
    try:
        if command.action == "ask":
            yield from stream_in_words(context, command, target_only)
        else:
            questions = questions_of(context, command)
            firsts = ask_phrases(context, [p for q in questions for p in q.asked])
            yield from stream_by_pointing(context, command, questions, firsts)
    except Cancelled:
        yield context.cancelled(command)
