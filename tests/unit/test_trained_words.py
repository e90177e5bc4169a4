"""What people say of a thing is put in the words that a small model was trained on."""

import pytest

from groma_ros.language.trained_words import in_trained_words


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("the cup that's blue", "the blue cup"),
        ("the cup that is blue and normal-sized", "the blue cup"),
        ("this book that has a blue color", "this blue book"),
        ("a can that has the color orange", "an orange can"),
        ("the mug with a red colour", "the red mug"),
    ],
)
def test_a_colour_that_comes_after_its_noun_goes_before_it(said, asked):
    assert in_trained_words(said) == asked


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("the cup closest to the robot", "the nearest cup"),
        ("the cup that is closest to you", "the nearest cup"),
        ("a can furthest away from me", "the farthest can"),
        ("the can from the back of the table", "the farthest can"),
        ("cup in front", "nearest cup"),
        ("the cup on the left", "the leftmost cup"),
        ("the red can on the far right side", "the rightmost red can"),
    ],
)
def test_a_place_in_the_picture_is_a_comparison(said, asked):
    assert in_trained_words(said) == asked


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("the red apple on the table", "the red apple"),
        ("the biggest cup from the table", "the biggest cup"),
        ("the bottle standing on the desk", "the bottle"),
    ],
)
def test_the_table_that_everything_stands_on_tells_nothing_apart(said, asked):
    assert in_trained_words(said) == asked


@pytest.mark.parametrize(
    "said",
    [
        "the red cup",
        "the cup next to the table",
        "the cup in front of the bowl",
        "the cup closest to the bowl",
        "the spoon to the left of the plate",
    ],
)
def test_other_places_stay(said):
    assert in_trained_words(said) == said
