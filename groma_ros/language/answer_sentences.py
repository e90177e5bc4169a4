"""Write the sentence, status and reason of an answer from the number of boxes of each phrase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groma_ros.values.answers import Status
from groma_ros.values.commands import Command, CommandPhrase


@dataclass(frozen=True)
class PhraseOutcome:
    """Hold how the search for one phrase ended.

    count    number of boxes
    note     what is to be said about it besides, such as why there is no box; else empty
    doubtful whether it stays open which of the boxes are meant
    """

    count: int
    note: str = ""
    doubtful: bool = False


def status_and_reason(
    phrases: Sequence[CommandPhrase], outcomes: Sequence[PhraseOutcome | int]
) -> tuple[Status, str]:
    """Return status and reason for the outcome of each phrase of a command.

    Only targets decide the status: NOT_FOUND if one has no box, AMBIGUOUS if a singular one has
    several or one is doubtful, else GROUNDED. The reason names a missing destination or anchor,
    and what was excluded. An int is an outcome of that many boxes.
    """
    ended = [PhraseOutcome(o) if isinstance(o, int) else o for o in outcomes]
    found = list(zip(phrases, ended, strict=True))
    missing = [p.text for p, o in found if o.count == 0 and not o.note]
    reasons = [f"nothing in the picture fits {_quoted(missing)}"] if missing else []
    reasons += [o.note for _, o in found if o.note]
    excluded = list(dict.fromkeys(e.query for p in phrases for e in p.excluded))
    reasons += [f"excluded: {', '.join(_quoted([e]) for e in excluded)}"] if excluded else []
    targets = [(p, o) for p, o in found if p.role == "target"] or found
    if any(o.count == 0 for _, o in targets):
        return Status.NOT_FOUND, "; ".join(reasons)
    rivals = [(p, o) for p, o in targets if o.count > 1 and not p.plural]
    several = [f'{o.count} things fit "{p.text}"' for p, o in rivals]
    if several or any(o.doubtful for _, o in targets):
        return Status.AMBIGUOUS, "; ".join([*several, *reasons])
    return Status.GROUNDED, "; ".join(reasons)


def answer_sentence(command: Command, counts: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """Return a sentence about a command's phrases, and the (start, end) span of each phrase.

    `counts` holds the number of boxes of each phrase. An anchor inside another phrase ("the
    plate" of "the mug next to the plate") is not repeated; its span lies in that phrase.
    """
    phrases = command.phrases
    enclosing = [_enclosing_phrase(p, phrases) for p in phrases]
    written = [i for i, outer in enumerate(enclosing) if outer is None]
    missing = [i for i in written if counts[i] == 0]
    several = [i for i in written if counts[i] > 1 and not phrases[i].plural]
    found = [i for i in written if i not in missing + several]
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
    for i, outer in enumerate(enclosing):
        if outer is not None:
            starts[i] = starts[outer] + phrases[outer].text.find(phrases[i].text)
    return text, [(starts[i], starts[i] + len(p.text)) for i, p in enumerate(phrases)]


def _enclosing_phrase(phrase: CommandPhrase, phrases: Sequence[CommandPhrase]) -> int | None:
    """Return the index of the longest phrase that encloses `phrase`, or None."""
    start, end = phrase.span
    around = [
        (other.span[1] - other.span[0], -i)
        for i, other in enumerate(phrases)
        if other is not phrase
        and other.span[0] <= start
        and end <= other.span[1]
        and other.span != phrase.span
        and phrase.text in other.text
    ]
    return -max(around)[1] if around else None


def _quoted(texts: Sequence[str]) -> str:
    return " or ".join(f'"{t}"' for t in texts)
