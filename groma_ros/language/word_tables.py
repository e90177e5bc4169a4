"""Build and search tables of words and phrases."""

from __future__ import annotations

_MOST_WORDS = 8


def word_set(text: str) -> frozenset[str]:
    """Return the set of words in a space-separated list."""
    return frozenset(text.split())


def phrase_table(text: str, value: object = True) -> dict[tuple[str, ...], object]:
    """Return a table of word tuples from a list separated by bars, each with `value`."""
    table = {tuple(entry.split()): value for entry in text.split("|")}
    assert max(map(len, table)) <= _MOST_WORDS
    return table


def longest_match(table: dict, sequence: list[str], start: int = 0) -> tuple[object, int]:
    """Return (value, length) of the longest entry at `start`, or (None, 0)."""
    for length in range(min(_MOST_WORDS, len(sequence) - start), 0, -1):
        value = table.get(tuple(sequence[start : start + length]))
        if value is not None:
            return value, length
    return None, 0
