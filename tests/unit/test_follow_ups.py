"""What a follow-up points back to."""

import pytest

from groma_ros.language.command_parser import parse_command
from groma_ros.language.follow_ups import resolve


@pytest.mark.parametrize(
    ("command", "last", "wanted"),
    [
        ("pick up the red cup", "", "pick up the red cup"),
        ("pick up the book", "the red cup", "pick up the book"),
        ("and the one behind it?", "the red cup", "and the cup behind the red cup?"),
        ("and the one behind it?", "", "and the one behind it?"),
        ("the blue one", "a red cup", "the blue cup"),
        ("what about the blue one?", "the red cup", "the blue cup?"),
        ("And how about the green ones", "the red cups", "the green cups"),
        ("the green ones", "the red cup", "the green cups"),
        ("put it into the bowl", "the mug next to the plate", "put the mug into the bowl"),
        ("pick it up", "Apple", "pick the Apple up"),
        ("bring me that", "the apple", "bring me the apple"),
        ("give me that one", "an apple", "give me the apple"),
        ("put that on the plate", "the apple", "put the apple on the plate"),
        ("that book", "the apple", "that book"),
        ("find the cup that is left of it", "my book", "find the cup that is left of the book"),
        ("one of the cups", "the apple", "one of the cups"),
        ("which one is red?", "the apple", "which one is red?"),
        ("take the other one", "the left marker", "take the other marker"),
        ("I see a red cup. Pick it up.", "the apple", "I see a red cup. Pick it up."),
        ("the red cup, pick it up", "the apple", "the red cup, pick it up"),
        ("what colour is it?", "the box", "what colour is the box?"),
    ],
)
def test_what_points_back_is_put_in_words(command, last, wanted):
    assert resolve(command, last) == wanted


def test_a_resolved_follow_up_is_a_command_about_a_thing():
    command = parse_command(resolve("and the one behind it?", "the red cup"))
    assert command.action == "find"
    assert command.target.text == "the cup behind the red cup"
