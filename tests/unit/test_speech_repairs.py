"""Hesitations vanish and corrections replace what they correct."""

import pytest

from groma_ros.language.command_parser import parse_command
from groma_ros.language.mapped_text import MappedText
from groma_ros.language.marks import single_spaces
from groma_ros.language.speech_repairs import repair_speech


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("grab uh the red cup", "grab the red cup"),
        ("um grab the uh red cup um", "grab the red cup"),
        ("pick up the the red cup", "pick up the red cup"),
        ("can you like grab the cup", "can you grab the cup"),
        ("pick up the red cup, sorry, the blue cup", "pick up the blue cup"),
        ("pick up the red cup no wait the blue one", "pick up the blue cup"),
        ("take the apple, I mean the book", "take the book"),
        ("grab the red cup or rather the blue cup", "grab the blue cup"),
        ("pick up the book scratch that the marker", "pick up the marker"),
        ("put the apple on the book actually in the bowl", "put the apple in the bowl"),
        ("put the red cup on the plate, sorry, the blue cup", "put the blue cup"),
        ("put the apple in the bowl, sorry, the plate", "put the apple in the plate"),
        ("pick up the red cup. Actually, pick up the apple.", "pick up the apple."),
        ("can you grab the red, sorry, the blue cup", "can you grab the blue cup"),
        ("actually I want the red cup", "actually I want the red cup"),
        ("no no I said the blue cup", "the blue cup"),
        ("no i mean find the orange can", "find the orange can"),
        ("I said stop", "stop"),
        ("no no", "no no"),
        ("no, the blue one", "no, the blue one"),
        ("wait for me", "wait for me"),
        ("make it red", "make it red"),
        ("I would rather have the cup", "I would rather have the cup"),
        ("take the cup rather than the can", "take the cup rather than the can"),
    ],
)
def test_the_last_word_counts(text, wanted):
    assert single_spaces(repair_speech(MappedText.original(text))).text.strip() == wanted


@pytest.mark.parametrize(
    ("said", "action", "target"),
    [
        ("no what i meant was notice a red apple maybe", "find", "a red apple"),
        ("no, not that one, the green bottle", "find", "the green bottle"),
        ("grab the green can put it in the bowl", "place", "the green can"),
        ("come on locate the red cup that's all", "find", "the red cup"),
        ("maybe i'm asking you to locate this book please", "find", "this book"),
        ("i'm ordering you to grab the red apple", "pick", "the red apple"),
        ("I would prefer the blue cup rather than the red cup", "give", "the blue cup"),
        ("pick up the red apple nice and slow", "pick", "the red apple"),
        ("pick up the rightmost can with the right arm", "pick", "the rightmost can"),
        ("Pour the contents of the red cup into the white bowl", "pour", "the red cup"),
        ("s'il vous plait pick up the red cup", "pick", "the red cup"),
        ("grab the [red](object_color) [cup](object_name)", "pick", "the red cup"),
    ],
)
def test_what_stands_around_a_spoken_command_is_no_part_of_it(said, action, target):
    command = parse_command(said)
    assert (command.action, command.target.text) == (action, target)
