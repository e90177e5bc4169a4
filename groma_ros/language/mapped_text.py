"""Edit a text and keep, for each character, its offset in the original text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

INSERTED = -1
"""Offset of a character that has no place in the original text."""


@dataclass(frozen=True)
class MappedText:
    """Hold an edited text and where its characters come from.

    text    the edited text
    offsets for each character of `text`, its offset in the original text, or INSERTED; characters
            that replace others have the offset of the first of these
    """

    text: str
    offsets: tuple[int, ...]

    def __post_init__(self):
        if len(self.text) != len(self.offsets):
            raise ValueError(
                f"text has {len(self.text)} characters and {len(self.offsets)} offsets; "
                "give one offset for each character"
            )

    @classmethod
    def original(cls, text: str) -> MappedText:
        """Return an unedited text."""
        return cls(text, tuple(range(len(text))))

    def part(self, start: int, end: int) -> MappedText:
        """Return the characters from `start` to `end`."""
        return MappedText(self.text[start:end], self.offsets[start:end])

    def replaced(self, start: int, end: int, new: str) -> MappedText:
        """Return a copy whose characters from `start` to `end` are `new`."""
        if len(new) == end - start:
            inserted = self.offsets[start:end]
        else:
            first = self.offsets[start] if start < end else INSERTED
            inserted = (first,) * len(new)
        return MappedText(
            self.text[:start] + new + self.text[end:],
            self.offsets[:start] + inserted + self.offsets[end:],
        )

    def substituted(
        self, pattern: re.Pattern[str], new: str | Callable[[re.Match[str]], str]
    ) -> MappedText:
        """Return a copy in which each match of `pattern` is replaced, as `re.sub` does."""
        edited = self
        for match in reversed(list(pattern.finditer(self.text))):
            words = new(match) if callable(new) else match.expand(new)
            if words != match[0]:
                edited = edited.replaced(match.start(), match.end(), words)
        return edited

    def unwrapped(self, pattern: re.Pattern[str], group: int) -> MappedText:
        """Return a copy in which only one group of each match of `pattern` is kept."""
        edited = self
        for match in reversed(list(pattern.finditer(self.text))):
            inner = edited.part(*match.span(group))
            edited = (
                edited.part(0, match.start()) + inner + edited.part(match.end(), len(edited.text))
            )
        return edited

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the (start, end) span in the original text of a part of `text`."""
        covered = [at for at in self.offsets[start:end] if at != INSERTED]
        return (min(covered), max(covered) + 1) if covered else (0, 0)

    def __add__(self, other: MappedText) -> MappedText:
        return MappedText(self.text + other.text, self.offsets + other.offsets)
