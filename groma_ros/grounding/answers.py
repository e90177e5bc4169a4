"""Turn what the model said into words for people and region numbers: pure functions.

`parse_answer` reads the markup of grounded chat, `compose` writes the sentence for answers that
were pointed at one phrase at a time, and `judge` gives the status. Nothing here raises on what a
model may say; malformed markup is read as its docstring says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from groma_ros.groma.tokens import SPECIAL_PATTERN
from groma_ros.grounding.values import Command, CommandPhrase, Status

_REGION = re.compile(r"<r(\d+)>")
_JOINT = re.compile(r", |,? and ")  # of an enumeration
_CLOSING = frozenset(".,;:!?)]}'’\"”%")


class AnswerPhrase(NamedTuple):
    """Hold a phrase of an answer: words, (start, end) in the clean text, region numbers."""

    text: str
    span: tuple[int, int]
    regions: tuple[int, ...]


def parse_answer(marked: str, region_count: int) -> tuple[str, list[AnswerPhrase]]:
    """Split an answer with `<p>..</p><roi>..</roi>` markup into clean text and its phrases.

    Spaces beside marks are made good: one between words, none before a full stop. Regions that
    don't exist and repetitions are dropped. A `<p>` or `<roi>` that is never closed ends at the
    next mark or at the end. Regions with no phrase right before them get an empty phrase where
    they stand. Other special tokens vanish.
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
    """Leave out items of an enumeration that point at what an earlier item of it pointed at.

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
    """Return runs of indices of phrases with nothing but a comma or an "and" between them."""
    runs: list[list[int]] = []
    for i, phrase in enumerate(phrases):
        before = phrases[i - 1].span[1] if i else 0
        if i and _JOINT.fullmatch(text[before : phrase.span[0]]):
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def judge(phrases: Sequence[CommandPhrase], counts: Sequence[int]) -> tuple[Status, str]:
    """Return status and reason for the number of boxes that each phrase of a command got.

    Targets alone decide: NOT_FOUND where one has no box, AMBIGUOUS where a singular one has
    several, else GROUNDED. A missing destination or anchor is told in the reason.
    """
    found = list(zip(phrases, counts, strict=True))
    missing = [p.text for p, n in found if n == 0]
    reason = f"nothing in the picture fits {_quoted(missing)}" if missing else ""
    targets = [(p, n) for p, n in found if p.role == "target"] or found
    if any(n == 0 for _, n in targets):
        return Status.NOT_FOUND, reason
    several = [f'{n} things fit "{p.text}"' for p, n in targets if n > 1 and not p.plural]
    if several:
        return Status.AMBIGUOUS, "; ".join([*several, *([reason] if reason else [])])
    return Status.GROUNDED, reason


def compose(command: Command, counts: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """Return a sentence about a command's phrases, and where each phrase stands in it.

    `counts` holds the number of boxes of each phrase. An anchor inside another phrase ("the
    plate" of "the mug next to the plate") is not said again; its span lies in that phrase.
    """
    phrases = command.phrases
    holders = [_holder(p, phrases) for p in phrases]
    said = [i for i, holder in enumerate(holders) if holder is None]
    missing = [i for i in said if counts[i] == 0]
    several = [i for i in said if counts[i] > 1 and not phrases[i].plural]
    found = [i for i in said if i not in missing + several]
    counting = command.action == "count"
    sentences = [("Counted" if counting else "Found", found, "and")]
    sentences += [(f"{counts[i]} things fit", [i], "") for i in several]
    sentences += [("Could not find", missing, "or")]
    text, starts = "", {}
    for opening, members, joint in sentences:
        for i in members:
            if i == members[0]:
                text += f" {opening} " if text else f"{opening} "
            else:
                text += f" {joint} " if i == members[-1] else ", "
            starts[i] = len(text)
            text += phrases[i].text
            if i in found and phrases[i].plural and (counts[i] > 1 or counting):
                text += f" ({counts[i]})"
        text += "." if members else ""
    for i, holder in enumerate(holders):
        if holder is not None:
            starts[i] = starts[holder] + phrases[i].span[0] - phrases[holder].span[0]
    return text, [(starts[i], starts[i] + len(p.text)) for i, p in enumerate(phrases)]


def _holder(phrase: CommandPhrase, phrases: Sequence[CommandPhrase]) -> int | None:
    """Return the index of the longest phrase that `phrase` is a part of, or None."""
    start, end = phrase.span
    around = [
        (other.span[1] - other.span[0], -i)
        for i, other in enumerate(phrases)
        if other is not phrase
        and other.span[0] <= start
        and end <= other.span[1]
        and other.span != phrase.span
    ]
    return -max(around)[1] if around else None


def _quoted(texts: Sequence[str]) -> str:
    return " or ".join(f'"{t}"' for t in texts)
