"""A comparison means one of all that fit, told by the boxes."""

import pytest

from groma_ros.language.command_parser import parse_command
from groma_ros.values.commands import Ordinal


@pytest.mark.parametrize(
    ("command", "query", "side"),
    [
        ("pick up the leftmost red cup", "red cups", "left"),
        ("bring me the right-most can", "cans", "right"),
        ("take the biggest box", "boxes", "big"),
        ("the smallest ball", "balls", "small"),
        ("grab the closest knife", "knives", "front"),
    ],
)
def test_all_that_fit_are_asked_for(command, query, side):
    phrase = parse_command(command).phrases[0]
    assert (phrase.query, phrase.ordinal, phrase.plural) == (query, Ordinal(1, side), False)


@pytest.mark.parametrize(
    "command", ["the closest cup to the bowl", "the largest cups", "the cup nearest to me"]
)
def test_what_a_box_alone_does_not_tell_is_asked_of_the_model(command):
    assert parse_command(command).phrases[0].ordinal is None


def test_the_one_nearest_to_the_robot_is_no_robot():
    phrase = parse_command("pick up the one closest to the robot").phrases[0]
    assert phrase.query == "the one closest to the robot"


def test_a_comparison_without_a_noun_compares_every_thing():
    phrase = parse_command("take the farthest one").phrases[0]
    assert phrase.everything and phrase.ordinal == Ordinal(1, "back")


def test_two_comparisons_share_their_noun():
    for command in ("the leftmost and rightmost cans", "take the leftmost and the rightmost can"):
        phrases = parse_command(command).phrases
        assert [(p.query, p.ordinal) for p in phrases] == [
            ("cans", Ordinal(1, "left")),
            ("cans", Ordinal(1, "right")),
        ]
