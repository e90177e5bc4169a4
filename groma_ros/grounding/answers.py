"""Turn what the model said into words for people and region numbers: pure functions.

`parse_answer` reads the markup of grounded chat, `compose` writes the sentence for answers that
were pointed at one phrase at a time, and `judge` gives the status. Nothing here raises on what a
model may say; malformed markup is read as its docstring says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from groma_ros.groma.tokens import SPECIAL_PATTERN
from groma_ros.grounding.values import Command, CommandPhrase, Status

_REGION = re.compile(r"<r(\d+)>")
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
    opened: int | None = None
    attached = False
    for piece, mark in _pieces(marked):
        number = _REGION.fullmatch(mark)
        if piece:
            begin = _gap(text, piece)
            text, attached = begin + piece, False
            if opened == -1:
                opened = len(begin)
        if mark in ("<p>", "</p>", "<roi>") and opened is not None:
            if opened >= 0:
                phrases.append((opened, len(text), []))
                attached = True
            opened = None
        if mark == "<p>":
            opened = -1
        if number and int(number[1]) < region_count:
            if not attached:
                phrases.append((len(text), len(text), []))
                attached = True
            regions = phrases[-1][2]
            if int(number[1]) not in regions:
                regions.append(int(number[1]))
    if opened is not None and opened >= 0:
        phrases.append((opened, len(text), []))
    return text, [AnswerPhrase(text[a:b], (a, b), tuple(r)) for a, b, r in phrases]


def _pieces(marked: str) -> list[tuple[str, str]]:
    """Return (plain text, the mark after it) pairs; the last mark is empty."""
    pairs, start = [], 0
    for mark in SPECIAL_PATTERN.finditer(marked):
        pairs.append((" ".join(marked[start : mark.start()].split()), mark.group()))
        start = mark.end()
    return [*pairs, (" ".join(marked[start:].split()), "")]


def _gap(text: str, piece: str) -> str:
    """Return `text` with a space at its end where `piece` needs one before it."""
    return text if not text or text[-1] in "([" or piece[0] in _CLOSING else text + " "


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

    An anchor inside another phrase ("the plate" of "the mug next to the plate") is not said
    again; its span lies in that phrase.
    """
    phrases = command.phrases
    holders = [_holder(p, phrases) for p in phrases]
    said = [(i, n) for i, n in enumerate(counts) if holders[i] is None]
    found = [(i, n) for i, n in said if n == 1 or (n and phrases[i].plural)]
    text, starts = "", {}
    sentences = [("Counted" if command.action == "count" else "Found", "and", found)]
    sentences += [(f"{n} things fit", "", [(i, 1)]) for i, n in said if (i, n) not in found and n]
    sentences += [("Could not find", "or", [(i, 1) for i, n in said if n == 0])]
    for opening, joint, items in sentences:
        for k, (i, n) in enumerate(items):
            between = f" {joint} " if k == len(items) - 1 else ", "
            text += (f" {opening} " if text else f"{opening} ") if k == 0 else between
            starts[i] = len(text)
            many = phrases[i].plural and (n > 1 or command.action == "count")
            text += phrases[i].text + (f" ({n})" if many else "")
        text += "." if items else ""
    spans = []
    for i, phrase in enumerate(phrases):
        holder = holders[i]
        start = starts[i] if holder is None else (
            starts[holder] + phrase.span[0] - phrases[holder].span[0]
        )
        spans.append((start, start + len(phrase.text)))
    return text, spans


def _holder(phrase: CommandPhrase, phrases: Sequence[CommandPhrase]) -> int | None:
    """Return the index of the longest phrase that `phrase` is a part of, or None."""
    start, end = phrase.span
    around = [
        (other.span[1] - other.span[0], -i)
        for i, other in enumerate(phrases)
        if other is not phrase and other.span[0] <= start and end <= other.span[1]
        and other.span != phrase.span
    ]
    return -max(around)[1] if around else None


def _quoted(texts: Sequence[str]) -> str:
    return " or ".join(f'"{t}"' for t in texts)
