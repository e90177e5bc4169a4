"""Ordinals and counts, and the plurals that a model is asked for."""

import pytest

from groma_ros.language.command_parser import parse_command
from groma_ros.language.quantities import plural_of, singular_of
from groma_ros.values.commands import Ordinal


@pytest.mark.parametrize(
    ("text", "query", "ordinal"),
    [
        ("pick up the second cup from the left", "cups", Ordinal(2, "left")),
        ("the first red can from the right", "red cans", Ordinal(1, "right")),
        ("the last box on the right", "boxes", Ordinal(-1, "right")),
        ("the cup second from the left", "cups", Ordinal(2, "left")),
        ("2nd cup from left", "cups", Ordinal(2, "left")),
        ("the second book", "books", Ordinal(2)),
        ("the red cup", "the red cup", None),
    ],
)
def test_a_place_in_a_row_asks_for_the_whole_row(text, query, ordinal):
    target = parse_command(text).target
    assert (target.query, target.ordinal) == (query, ordinal)


def test_a_place_in_a_row_without_a_noun_counts_every_thing():
    target = parse_command("take the third from the right").target
    assert target.everything and target.ordinal == Ordinal(3, "right")


def test_the_first_of_two_places_gets_the_noun_of_the_second():
    phrases = parse_command("pick up the first and the third can from the left").phrases
    assert [(p.query, p.ordinal) for p in phrases] == [
        ("cans", Ordinal(1, "left")),
        ("cans", Ordinal(3, "left")),
    ]


@pytest.mark.parametrize(
    ("text", "query", "count", "definite"),
    [
        ("give me two cups", "cups", 2, False),
        ("pick up the two green bottles", "green bottles", 2, True),
        ("bring me 2 of the cans", "cans", 2, False),
        ("both cans", "cans", 2, True),
        ("a pair of boxes", "boxes", 2, False),
        ("pick up all three cups", "cups", 3, False),
        ("pick up the 0.5 l bottle", "the 0.5 l bottle", 0, False),
        ("all the cups", "the cups", 0, False),
    ],
)
def test_a_number_is_a_count(text, query, count, definite):
    target = parse_command(text).target
    assert (target.query, target.count, target.definite) == (query, count, definite)


@pytest.mark.parametrize(
    ("single", "several"),
    [
        ("cup", "cups"),
        ("box", "boxes"),
        ("glass", "glasses"),
        ("dish", "dishes"),
        ("berry", "berries"),
        ("toy", "toys"),
        ("knife", "knives"),
        ("person", "people"),
    ],
)
def test_plural_and_singular(single, several):
    assert plural_of(single) == several and singular_of(several) == single
    assert plural_of(several) == several and singular_of(single) == single


@pytest.mark.parametrize(
    ("text", "everything"),
    [
        ("pick up everything", True),
        ("find all the objects", True),
        ("list every thing on the table", True),
        ("what do you see?", True),
        ("tell me what you see", True),
        ("how many objects are there", True),
        ("everything in the bowl", False),
        ("all the red things", False),
        ("the biggest thing", False),
        ("all the cups", False),
    ],
)
def test_everything_is_every_thing_of_any_kind(text, everything):
    assert parse_command(text).target.everything == everything


@pytest.mark.parametrize(
    ("text", "wanted", "purpose"),
    [
        ("hand me something to drink from", "something to drink from", "drink from"),
        ("give me something to write with", "something to write with", "write with"),
        ("bring me a cup to drink from", "a cup to drink from", "drink from"),
        (
            "something to cut the apple with",
            "something to cut the apple with",
            "cut the apple with",
        ),
        ("take the marker to draw a circle", "the marker", ""),
    ],
)
def test_a_purpose_is_a_part_of_the_target(text, wanted, purpose):
    target = parse_command(text).target
    assert (target.text, target.purpose) == (wanted, purpose)
