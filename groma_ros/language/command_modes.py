"""Read a text in the way that its sender wants it read, whatever its words say."""

from __future__ import annotations

from dataclasses import replace

from groma_ros.language.command_parser import check_text, parse_command
from groma_ros.language.mapped_text import MappedText
from groma_ros.language.marks import clean_marks, single_spaces
from groma_ros.values.commands import Command, CommandPhrase

AUTO, LOCATE, LOCATE_ALL, CHAT = MODES = ("", "locate", "locate_all", "chat")
"""As the words say; the thing that they name; all things that they name; a question."""


def parse_in_mode(text: str, mode: str = AUTO) -> Command:
    """Parse `text` into a command whose spans index it; see `parse_command`.

    "chat" makes it a question that is answered in words. "locate" and "locate_all" look for what it
    names, and for the words themselves where they are no command. Raises ValueError for a text that
    `check_text` refuses, and for an unknown mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is none of {', '.join(MODES[1:])}; empty leaves it open")
    if mode == CHAT:
        return Command(check_text(text), "ask")
    command = parse_command(text)
    if mode and command.action == "ask":
        clean = single_spaces(clean_marks(MappedText.original(text)))
        span = clean.original_span(0, len(clean.text))
        command = Command(text, "find", (CommandPhrase(clean.text, span),))
    if mode == LOCATE_ALL:
        phrases = (replace(p, plural=p.plural or p.role == "target") for p in command.phrases)
        command = replace(command, phrases=tuple(phrases))
    return command
