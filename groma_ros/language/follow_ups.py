"""Put in words what a follow-up points back to: "and the one behind it?" after "the red cup"."""

from __future__ import annotations

import re

from groma_ros.language import lexicon as lex
from groma_ros.language.noun_phrases import head_of, tokenise, words_of

_OPENING = re.compile(r"^\s*(?:(?:and|but|so|now|then)\s+)?(?:what|how) about\s+", re.IGNORECASE)
_ONE = re.compile(r"\b(?P<before>\w+(?:-\w+)*) one(?P<many>s?)\b(?! of\b)", re.IGNORECASE)
_POINTING = ("this", "that", "these", "those")
_ENDS = r"(?=\s*(?:[.,;!?]|$)| (?:to|into|onto|in|on|up|down|away|back|please|now|and|for)\b)"
_IT = re.compile(rf"\b(?:it|them)\b|\b(?:{'|'.join(_POINTING)})\b{_ENDS}", re.IGNORECASE)
_QUESTIONS = ("which", "what", "no", "any", "every")


def resolve(command: str, last: str) -> str:
    """Return `command` with "it", "that" and "one" replaced by what was spoken of last.

    `last` is the noun phrase of the last target ("the red cup next to the plate"), empty where
    there is none. "it", "them" and a lone "that" stand for it without its relations, "the blue one"
    for another thing of its kind. A command that points back to nothing comes back as it is.
    """
    if not last:
        return command
    thing = _definite(last)
    noun = thing.split()[-1]
    opened = _OPENING.sub("", command)

    def one(match: re.Match) -> str:
        before = match["before"].lower()
        if before in _QUESTIONS or before in lex.NUMBERS:
            return match[0]
        if before in _POINTING:
            return thing
        return f"{match['before']} {noun}" + ("s" if match["many"] and noun[-1] != "s" else "")

    return _IT.sub(thing, _ONE.sub(one, opened))


def _definite(phrase: str) -> str:
    """Return a noun phrase without its relations, with "the" for its article."""
    tokens = tokenise(phrase)
    head = head_of(words_of(tokens))
    text = phrase[tokens[0].start : tokens[len(head) - 1].end]
    first, _, rest = text.partition(" ")
    return f"the {rest}" if rest and first.lower() in lex.DETERMINERS else f"the {text}"
