"""Define a parsed command: its action and its noun phrases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CommandPhrase:
    """Hold one noun phrase of a command.

    text   the words to ask the model for, in the user's spelling
    span   (start, end) character offsets of the phrase in `Command.text`
    role   "target", "destination" or "relation"
    plural whether all things that fit are meant ("all the cans", "both cups")
    """

    text: str
    span: tuple[int, int]
    role: str = "target"
    plural: bool = False


@dataclass(frozen=True)
class Command:
    """Hold a parsed command.

    text        the user's words, exactly as they came; every span indexes them
    action      "pick", "place", "give", "find", "go", "look", "stop", ..., or "ask" for a
                question that is answered in words
    phrases     the target first; empty where the command names nothing
    preposition how target and destination are joined ("into", "to the left of"); else empty
    """

    text: str
    action: str
    phrases: tuple[CommandPhrase, ...] = ()
    preposition: str = ""

    def of_role(self, role: str) -> tuple[CommandPhrase, ...]:
        """Return the phrases with that role, in the order they were said."""
        return tuple(p for p in self.phrases if p.role == role)

    @property
    def target(self) -> CommandPhrase | None:
        """Return the first target, or None."""
        return next(iter(self.of_role("target")), None)
