"""Define a parsed command: its action and its noun phrases."""

from __future__ import annotations

from dataclasses import dataclass

SIDES = ("left", "right", "top", "bottom", "front", "back", "big", "small", "")


@dataclass(frozen=True)
class Ordinal:
    """Hold a place in a row, such as "the second from the left".

    number 1 for the first, 2 for the second; -1 for the last
    side   the side where counting starts, one of SIDES; empty if the command does not name it.
           "big" and "small" start at the biggest or smallest thing
    """

    number: int
    side: str = ""

    def __post_init__(self):
        if self.side not in SIDES:
            raise ValueError(f"side {self.side!r} is none of {', '.join(SIDES[:-1])}")


@dataclass(frozen=True)
class CommandPhrase:
    """Hold one noun phrase of a command.

    text       the phrase in the user's spelling, without marks and hesitations
    span       (start, end) character offsets of the phrase in `Command.text`
    role       "target", "destination", "relation" or "excluded"
    plural     whether all things that fit are meant ("all the cans", "both cups")
    query      the words to ask the model for; `text` if empty. They differ where the phrase
               has an ordinal or a count ("two cups": "cups") or says "one" for a noun
    excluded   phrases whose things are never meant ("all cups except the red one")
    ordinal    the place in a row that is meant, or None
    count      how many things are meant, 0 if the phrase does not say
    definite   whether the count is known to be all ("the two cups", "both cups")
    everything whether every thing in the picture is meant, of any kind
    purpose    what the thing is for ("drink from", "write with"), or empty
    """

    text: str
    span: tuple[int, int]
    role: str = "target"
    plural: bool = False
    query: str = ""
    excluded: tuple[CommandPhrase, ...] = ()
    ordinal: Ordinal | None = None
    count: int = 0
    definite: bool = False
    everything: bool = False
    purpose: str = ""

    def __post_init__(self):
        if not self.query:
            object.__setattr__(self, "query", self.text)


@dataclass(frozen=True)
class Command:
    """Hold a parsed command.

    text        the user's words, exactly as they came; every span indexes them
    action      "pick", "place", "give", "find", "go", "look", ...; "ask" for a question that is
                answered in words; "stop" or "none" where the robot shall do nothing
    phrases     the target first; empty where the command names nothing
    preposition how target and destination are joined ("into", "to the left of"); else empty
    reason      why there is nothing to look for, or which words were not understood; else empty
    """

    text: str
    action: str
    phrases: tuple[CommandPhrase, ...] = ()
    preposition: str = ""
    reason: str = ""

    def of_role(self, role: str) -> tuple[CommandPhrase, ...]:
        """Return the phrases with that role, in the order they were said."""
        return tuple(p for p in self.phrases if p.role == role)

    @property
    def target(self) -> CommandPhrase | None:
        """Return the first target, or None."""
        return next(iter(self.of_role("target")), None)
