"""Find what a command excludes: "but not the red one", "except", "instead of", "that is not red".

A robot must never take an excluded thing, so every form of exclusion leaves the words that are
looked for and comes back as a part of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from groma_ros.language import lexicon as lex
from groma_ros.language import verb_lists
from groma_ros.language.noun_phrases import (
    COMMAS,
    Token,
    find_prepositions,
    preposition_length,
    words_of,
)
from groma_ros.language.word_tables import longest_match


class Exclusion(NamedTuple):
    """Hold the tokens of a clause without an exclusion, and the tokens of the excluded things.

    kept     the tokens that stay
    excluded the tokens of the excluded thing; empty if there is none
    """

    kept: list[Token]
    excluded: list[Token]


def take_exclusion(tokens: list[Token], frame: str = "object") -> Exclusion:
    """Split the first exclusion off the tokens of a clause.

    `frame` is that of the verb (`lexicon.Verb`): where it has a destination, the destination may
    come after the excluded thing ("put all cups except the red one in the bowl").
    """
    words = words_of(tokens)
    for at in range(len(words)):
        length = _marker_length(words, at)
        if not length:
            continue
        start = at + length
        end = _excluded_end(words, start, frame if at else "object")
        if start < end:
            before = tokens[:at]
            while before and before[-1].word in COMMAS:
                before = before[:-1]
            return Exclusion(before + tokens[end:], tokens[start:end])
    return Exclusion(tokens, [])


def _marker_length(words: list[str], at: int) -> int:
    """Return the length in words of an exclusion marker at `at`, or 0."""
    _, length = longest_match(lex.EXCLUSIONS, words, at)
    if length:
        return length
    before, following = words[:at], words[at + 1 : at + 2]
    if not following:
        return 0
    if words[at] == "but" and not any(
        longest_match(table, words, at + 1)[1] for table in (lex.NEGATIONS, verb_lists.VERBS)
    ):
        general = any(w in lex.EVERYTHING | lex.GENERAL for w in before)
        return int(general and following[0] not in lex.NOT_IN_A_NAME)
    if words[at] == "not" and at == 0:
        return 1
    if words[at] == "not" and before[-1] not in lex.AUXILIARIES | {"or", "if", "and"}:
        return 1
    return 0


def _excluded_end(words: list[str], start: int, frame: str) -> int:
    """Return the index after the excluded thing."""
    for i in range(start + 1, len(words)):
        if words[i] in ("please", "because", "since", "so", "if", "but", "(", ")", "when"):
            return i
    for at, length in find_prepositions(words[start:]):
        where = tuple(words[start + at : start + at + length])
        placed = frame == "place" and where in lex.PLACINGS
        if at and (placed or (frame in ("place", "carry") and where in lex.INTO)):
            return start + at
    return len(words)


def excluded_adjective(words: list[str]) -> bool:
    """Return whether excluded words only describe ("red", "the red"), without a noun."""
    described = words[1:] if words[:1] and words[0] in lex.DETERMINERS else words
    return bool(described) and all(w in lex.COLOURS | lex.SIZES | lex.DESCRIBING for w in described)


def starts_with_place(words: list[str]) -> bool:
    """Return whether excluded words are a place ("on the plate")."""
    return bool(words) and preposition_length(words, 0) > 0
