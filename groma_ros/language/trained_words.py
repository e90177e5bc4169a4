"""Say a noun phrase in the few words that a model of a closed vocabulary was trained on.

A small model knows "the nearest cup" and "the blue book", and neither "the cup closest to the
robot" nor "this book that has a blue color". What stands on the one table of a scene need not be
told apart by it.
"""

from __future__ import annotations

import re

from groma_ros.language import lexicon as lex

_COLOUR = "|".join(sorted(lex.COLOURS))
_SURFACE = "table|tabletop|desk|counter|countertop|workbench|worktop|work surface|surface"
_VIEWER = rf"(?:the |your )?(?:{'|'.join(sorted(lex.VIEWERS))})"
_THE = r"(?:the |your |my |this |that )?"
_COLOURED = re.compile(
    r" (?:that is|that's|that are|which is|which are|that has|which has|with|of|in) "
    rf"(?:(?:the|a|an) )?(?:colou?r )?({_COLOUR})(?: in)?(?: colou?r)?(?: and [a-z]+-sized)?$"
)
_END = r"(?= (?:and|with|that|which)\b|$)"
_PLACES = (
    ("nearest", rf"(?:that is )?(?:the )?(?:closest|nearest|close|near) to {_VIEWER}"),
    ("farthest", rf"(?:that is )?(?:the )?(?:farthest|furthest) (?:away )?from {_VIEWER}"),
    ("farthest", rf"(?:at|in|from|on) the (?:very )?(?:back|rear)(?: of {_THE}(?:{_SURFACE}))?"),
    ("nearest", rf"(?:at|in|from|on) the (?:very )?front(?: of {_THE}(?:{_SURFACE}))?|in front"),
    ("leftmost", rf"(?:that is )?(?:on|to|at|from) {_THE}(?:far |very )?left(?: side)?"),
    ("rightmost", rf"(?:that is )?(?:on|to|at|from) {_THE}(?:far |very )?right(?: side)?"),
)
_WHERE = tuple((word, re.compile(rf" (?:{pattern}){_END}")) for word, pattern in _PLACES)
_ON_THE_TABLE = re.compile(
    rf" (?:that (?:is|are|stands?|lies?) )?(?:standing |lying |sitting )?"
    rf"(?:on top of|on|at|from|off|upon) {_THE}(?:{_SURFACE}){_END}"
)
_DETERMINER = re.compile(rf"^(?:(?:{'|'.join(sorted(lex.DETERMINERS))}) )?")


def in_trained_words(phrase: str) -> str:
    """Return a lower-case noun phrase in words that a small model knows; else as it is."""
    said = " ".join(word for word in phrase.lower().split() if word != "single")
    plain = _ON_THE_TABLE.sub("", said)
    for word, pattern in _WHERE:
        shorter = pattern.sub("", plain)
        if shorter != plain:
            plain = _described(shorter, word)
            break
    coloured = _COLOURED.search(plain)
    if coloured:
        head = plain[: coloured.start()]
        plain = f"{head.rsplit(' ', 1)[0]} {coloured[1]} {head.rsplit(' ', 1)[-1]}".strip()
        plain = plain if " " in head else f"{coloured[1]} {head}"
    return re.sub(r"\ba (?=[aeiou])", "an ", plain) if plain != said else phrase


def _described(phrase: str, word: str) -> str:
    """Return "the nearest red cup" for "the red cup"; one superlative is enough."""
    if any(w in lex.SUPERLATIVES for w in phrase.split()):
        return phrase
    start = _DETERMINER.match(phrase).end()
    determiner = phrase[:start]
    return f"{determiner if determiner != 'a ' else 'the '}{word} {phrase[start:]}"
