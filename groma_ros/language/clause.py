"""Define the parse of one clause, and parse the things that a clause excludes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from groma_ros.language.exclusions import (
    excluded_adjective,
    starts_with_place,
    take_exclusion,
)
from groma_ros.language.noun_phrases import (
    Token,
    parse_noun_phrases,
    preposition_length,
    words_of,
)
from groma_ros.values.commands import CommandPhrase


@dataclass(frozen=True)
class Clause:
    """Hold the parse of one clause.

    kind        "command"; "name" for a bare noun phrase; "statement" for what is only said of
                things; "forbidden" for what shall not be done; "unknown" for the rest
    action      as in `Command`
    phrases     the noun phrases of the clause, in the order they were found
    preposition the words that join target and destination, or empty
    refers      whether the object is a pronoun, so that another clause names the target
    words       the words of the clause as they were said
    """

    kind: str
    action: str = ""
    phrases: tuple[CommandPhrase, ...] = ()
    preposition: str = ""
    refers: bool = False
    words: str = ""

    def of_role(self, role: str) -> tuple[CommandPhrase, ...]:
        """Return the phrases with that role, in the order they were said."""
        return tuple(p for p in self.phrases if p.role == role)


def excluded_things(text: str, tokens: list[Token], role: str) -> tuple[CommandPhrase, ...]:
    """Return excluded things, in the role "excluded target" or "excluded destination".

    `role` "place" means that an excluded place is a destination ("put it in the bowl, not on the
    plate"); elsewhere a place describes the excluded thing ("the cup that is not on the plate").
    """
    if not tokens:
        return ()
    tokens = [replace(t, word="and") if t.word in ("or", "nor") else t for t in tokens]
    words = words_of(tokens)
    described = [w for w in words if w not in ("and", "one", "ones")]
    if "and" in words[:-1] and excluded_adjective(described):
        at = words.index("and")  # "not blue or green": neither of them
        return excluded_things(text, tokens[:at], role) + excluded_things(
            text, tokens[at + 1 :], role
        )
    if starts_with_place(words) and role == "place":
        tokens, role = tokens[preposition_length(words, 0) :], "destination"
    elif starts_with_place(words):
        span = tokens[0].start, tokens[-1].end
        return (CommandPhrase(text[slice(*span)], span, "excluded target"),)
    role = "target" if role == "place" else role
    kept, more = take_exclusion(tokens)
    found = [p for p in parse_noun_phrases(text, kept, role) if p.role == role]
    return tuple(replace(p, role=f"excluded {role}") for p in found) + excluded_things(
        text, more, role
    )
