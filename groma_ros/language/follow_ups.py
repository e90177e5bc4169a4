"""Replace the pronouns of a follow-up command by the noun phrase that they refer to."""

from __future__ import annotations

import re

from groma_ros.language import lexicon as lex
from groma_ros.language.clause_splitting import split_clauses
from groma_ros.language.clauses import parse_clause
from groma_ros.language.noun_phrases import head_words, tokenise, words_of

_OPENING = re.compile(r"^\s*(?:(?:and|but|so|now|then)\s+)?(?:what|how) about\s+", re.IGNORECASE)
_ONE = re.compile(r"\b(?P<before>\w+(?:-\w+)*) one(?P<many>s?)\b(?! of\b)", re.IGNORECASE)
_POINTING = ("this", "that", "these", "those")
_ENDS = r"(?=\s*(?:[.,;!?]|$)| (?:to|into|onto|in|on|up|down|away|back|please|now|and|for)\b)"
_IT = re.compile(rf"\b(?:it|them)\b|\b(?:{'|'.join(_POINTING)})\b{_ENDS}", re.IGNORECASE)
_QUESTIONS = ("which", "what", "no", "any", "every")


def resolve(command: str, last: str) -> str:
    """Return `command` with "it", "that" and "one" replaced by the last target's words.

    "it", "them" and a lone "that" become the last target without its relations. "the blue one"
    becomes "the blue" and the noun of the last target. Other commands are returned unchanged.

    command the words of the user
    last    noun phrase of the last target ("the red cup next to the plate"), empty if none
    """
    if not last:
        return command
    thing = _definite(last)
    noun = thing.split()[-1]
    opened = _OPENING.sub("", command)

    def noun_of_one(match: re.Match[str]) -> str:
        before = match["before"].lower()
        if before in _QUESTIONS or before in lex.NUMBERS:
            return match[0]
        if before in _POINTING:
            return thing
        return f"{match['before']} {noun}" + ("s" if match["many"] and noun[-1] != "s" else "")

    named = _ONE.sub(noun_of_one, opened)
    return _IT.sub(lambda match: _thing_or_own(match, thing), named)


def _thing_or_own(match: re.Match[str], thing: str) -> str:
    """Return `thing`, or the pronoun where an earlier clause of the command names its thing."""
    before = match.string[: match.start()]
    earlier = split_clauses(tokenise(before))[:-1]
    return match[0] if any(parse_clause(before, c).phrases for c in earlier) else thing


def _definite(phrase: str) -> str:
    """Return a noun phrase without its relations, with "the" for its article."""
    tokens = tokenise(phrase)
    head = head_words(words_of(tokens))
    text = phrase[tokens[0].start : tokens[len(head) - 1].end]
    first, _, rest = text.partition(" ")
    return f"the {rest}" if rest and first.lower() in lex.DETERMINERS else f"the {text}"
