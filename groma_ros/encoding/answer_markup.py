"""Read the markup of an answer: `<p>..</p><roi>..</roi>` becomes clean text and phrases.

No text of a model raises an error here; the docstrings say how malformed markup is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from groma_ros.encoding.special_tokens import SPECIAL_PATTERN

_REGION = re.compile(r"<r(\d+)>")
_JOINT = re.compile(r", |,? and ")  # of an enumeration
_CLOSING = frozenset(".,;:!?)]}'’\"”%")


class AnswerPhrase(NamedTuple):
    """Hold a phrase of an answer.

    text     its words
    span     (start, end) in the clean text
    regions  the numbers of the regions that it points at
    """

    text: str
    span: tuple[int, int]
    regions: tuple[int, ...]


def parse_answer(marked: str, region_count: int) -> tuple[str, list[AnswerPhrase]]:
    """Split an answer with `<p>..</p><roi>..</roi>` markup into clean text and its phrases.

    Spaces around a mark become one between words and none before a full stop. Regions from
    `region_count` on, and repetitions, are dropped. A `<p>` or `<roi>` that is never closed ends at
    the next mark or at the end of the text. Regions without a phrase right before them get an empty
    phrase at their place. Other special tokens are removed.
    """
    text = ""
    phrases: list[tuple[int, int, list[int]]] = []
    in_phrase = after_phrase = False
    for words, mark in _pieces(marked):
        if words:
            text = _spaced(text, words)
            after_phrase = in_phrase
        if words and in_phrase:
            phrases.append((len(text), len(text) + len(words), []))
        text += words
        in_phrase = mark == "<p>"
        region = _REGION.fullmatch(mark)
        if region and int(region[1]) < region_count:
            if not after_phrase:
                phrases.append((len(text), len(text), []))
                after_phrase = True
            if int(region[1]) not in phrases[-1][2]:
                phrases[-1][2].append(int(region[1]))
    return text, [AnswerPhrase(text[a:b], (a, b), tuple(r)) for a, b, r in phrases]


def _pieces(marked: str) -> list[tuple[str, str]]:
    """Return (plain text, the mark after it) pairs; the last mark is empty."""
    pairs, start = [], 0
    for mark in SPECIAL_PATTERN.finditer(marked):
        pairs.append((" ".join(marked[start : mark.start()].split()), mark.group()))
        start = mark.end()
    return [*pairs, (" ".join(marked[start:].split()), "")]


def _spaced(text: str, words: str) -> str:
    """Return `text` with a space at its end where `words` need one before them."""
    return text if not text or text[-1] in "([" or words[0] in _CLOSING else text + " "


def without_repetitions(
    text: str, phrases: Sequence[AnswerPhrase]
) -> tuple[str, list[tuple[int, tuple[int, int]]]]:
    """Leave out items of an enumeration that point at the same regions as an earlier item.

    "a cup, a can and a cup" of two things becomes "a cup and a can". Returns the text, and the
    index and (start, end) of each phrase that is left. Another sentence may name a thing again.
    """
    new, kept, at = "", [], 0
    for run in _enumerations(text, phrases):
        new += text[at : phrases[run[0]].span[0]]
        at = phrases[run[-1]].span[1]
        pointed = [phrases[i].regions for i in run]
        items = [i for k, i in enumerate(run) if not pointed[k] or pointed[k] not in pointed[:k]]
        joints = [text[phrases[i].span[1] : phrases[j].span[0]] for i, j in pairwise(run)]
        for i in items:
            if i != items[0]:
                new += joints[-1] if i == items[-1] else joints[0]
            kept.append((i, (len(new), len(new) + len(phrases[i].text))))
            new += phrases[i].text
    return new + text[at:], kept


def _enumerations(text: str, phrases: Sequence[AnswerPhrase]) -> list[list[int]]:
    """Return runs of phrase indices with nothing but a comma or an "and" between them."""
    runs: list[list[int]] = []
    for i, phrase in enumerate(phrases):
        before = phrases[i - 1].span[1] if i else 0
        if i and _JOINT.fullmatch(text[before : phrase.span[0]]):
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs
