"""Parse the questions that boxes answer: where, is there, how many, what do you see."""

from __future__ import annotations

from dataclasses import replace

from groma_ros.language import lexicon as lex
from groma_ros.language.clause import Clause, excluded_things
from groma_ros.language.exclusions import take_exclusion
from groma_ros.language.noun_phrases import (
    Token,
    parse_noun_phrases,
    relation_anchors,
    words_of,
)
from groma_ros.language.word_tables import longest_match
from groma_ros.values.commands import CommandPhrase


def parse_everything_question(text: str, tokens: list[Token]) -> Clause | None:
    """Parse "what do you see?", which every thing in the picture answers."""
    words = words_of(tokens)
    _, length = longest_match(lex.EVERYTHING_QUESTIONS, words)
    if not length or set(words[length:]) - lex.WHOLE_SCENES - lex.DETERMINERS - {"on", "in", ","}:
        return None
    start, end = tokens[0].start, tokens[length - 1].end
    whole = CommandPhrase(text[start:end], (start, end), plural=True, everything=True)
    return Clause("command", "find", (whole,))


def parse_question(text: str, tokens: list[Token]) -> Clause | None:
    """Parse the questions that a box answers: where, is there, how many."""
    words = words_of(tokens)
    _, length = longest_match(lex.PLACE_QUESTIONS, words)
    if length:
        length += _question_verb_length(words[length:])
        if words[length : length + 1] == ["to"]:
            return Clause("unknown")
        rest = tokens[length:]
        while rest and rest[-1].word in lex.PLACE_QUESTION_ENDS:
            rest = rest[:-1]
        return _found(text, "find", rest)
    _, length = longest_match(lex.EXISTENCE_QUESTIONS, words)
    if length and not words[0].startswith("there"):
        rest = tokens[length:-1] if words[-1] in ("left", "available") else tokens[length:]
        return _found(text, "find", rest)
    _, length = longest_match(lex.COUNT_QUESTIONS, words)
    if length:
        rest = tokens[length:]
        end = next((i for i, t in enumerate(rest) if t.word in lex.AUXILIARIES), len(rest))
        counted = rest[: end - 1] if end and rest[end - 1].word == "there" else rest[:end]
        found = _found(text, "count", counted)
        phrases = tuple(_counted(p) for p in found.phrases)
        return replace(found, phrases=phrases + relation_anchors(text, rest[end:]))
    return None


def _counted(phrase: CommandPhrase) -> CommandPhrase:
    """Return a target to be counted: plural, and everything for "things"."""
    if phrase.role != "target":
        return phrase
    general = phrase.text.lower() in lex.ANY_THING
    return replace(phrase, plural=True, everything=phrase.everything or general)


def _found(text: str, action: str, tokens: list[Token]) -> Clause:
    """Return a command about the noun phrases of `tokens`, without what they exclude."""
    kept, excluded = take_exclusion(tokens)
    phrases = parse_noun_phrases(text, kept, "target")
    return Clause("command", action, phrases + excluded_things(text, excluded, "target"))


def _question_verb_length(words: list[str]) -> int:
    """Return the length in words of "is", "can I find" or "did you put" after "where"."""
    subject = 1 if words[:1] and words[0] in lex.AUXILIARIES else 0
    if words[subject : subject + 1] and words[subject] in lex.SUBJECTS:
        seeking = words[subject + 1 : subject + 2]
        return subject + 1 + (bool(seeking) and seeking[0] in lex.SEEKING)
    return subject if len(words) > 1 and words[0] != "can" else 0
