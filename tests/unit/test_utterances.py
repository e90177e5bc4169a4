"""Texts that ask for nothing are told from commands."""

import pytest

from groma_ros.language.command_parser import parse_command
from groma_ros.language.utterances import asks_for_nothing


@pytest.mark.parametrize(
    "text",
    [
        "Thank you.",
        "Thanks for watching!",
        "Bye.",
        "okay",
        "yes please",
        "you",
        "yes please do that",
        "Hello robot!",
        "See you next time.",
        "[BLANK_AUDIO]",
        "so",
        "Thank you very much, bye bye.",
    ],
)
def test_politeness_and_silence_ask_for_nothing(text):
    command = parse_command(text)
    assert (command.action, command.phrases) == ("none", ())
    assert command.reason == f'"{text}" asks for nothing'


@pytest.mark.parametrize("text", ["take it", "stop", "the cup", "hello cup", "see the cup"])
def test_a_word_of_a_command_asks_for_something(text):
    assert not asks_for_nothing(text.split())


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("don't pick up the red cup", "none"),
        ("never touch the red cup", "none"),
        ("leave the red cup alone", "none"),
        ("leave the cup where it is", "none"),
        ("you must not move the can", "none"),
        ("no touching the cup", "none"),
        ("stop touching the cup", "none"),
        ("ignore the red cup", "none"),
        ("do not move", "stop"),
        ("don't do it", "stop"),
        ("wait", "stop"),
        ("hold on", "stop"),
    ],
)
def test_what_is_forbidden_is_not_looked_for(text, action):
    command = parse_command(text)
    assert (command.action, command.phrases) == (action, ())
    assert command.reason or action == "stop"
