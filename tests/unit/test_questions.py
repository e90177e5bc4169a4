"""Questions about a picture: each answer follows from what the picture holds."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from groma_ros.sim.scene import COLOURS
from groma_ros.train import names
from groma_ros.train.questions import FAMILIES, UNKNOWN, Truth, ask, ask_many, first_by, related

CUP, BOOK, BALL = map(names.number_of, ("cup", "book", "ball"))
EVERY_KIND = frozenset(range(len(names.NAMES)))
RED, BLUE = COLOURS.index("red"), COLOURS.index("blue")


def scene(*things, hidden=()) -> Truth:
    """Build a picture from (kind, colour, centre x, centre y, side, distance)."""
    rows = np.array(things, dtype=np.float64).reshape(-1, 6)
    half = rows[:, 4:5] / 2
    boxes = np.concatenate([rows[:, 2:4] - half, rows[:, 2:4] + half], axis=1)
    return Truth(
        rows[:, 0].astype(int), rows[:, 1].astype(int), boxes, rows[:, 5], hidden, EVERY_KIND, True
    )


TWO_CUPS = scene(
    (CUP, RED, 0.2, 0.5, 0.1, 1.0),
    (CUP, BLUE, 0.8, 0.5, 0.2, 0.7),
    (BOOK, RED, 0.5, 0.5, 0.2, 0.85),
)


def many(truth, family, count=60):
    rng = np.random.default_rng(3)
    return [q for _ in range(count) if (q := ask(truth, rng, family))]


def test_an_empty_picture_is_only_asked_for_what_is_absent():
    empty = scene()
    assert many(empty, "absent")
    for family in FAMILIES:
        for question in many(empty, family, 10):
            assert question.family == "absent" and question.objects == ()


def test_unique_names_one_object_by_kind_and_colour():
    for question in many(TWO_CUPS, "unique"):
        assert len(question.objects) == 1


def test_a_kind_that_stands_there_twice_is_never_asked_for_as_if_it_were_one():
    for question in many(TWO_CUPS, "kind"):
        assert question.objects == (2,)


def test_ambiguous_answers_with_every_fitting_object():
    assert {q.objects for q in many(TWO_CUPS, "ambiguous")} == {(0, 1)}


def test_a_hidden_object_makes_its_kind_unaskable():
    truth = scene((CUP, RED, 0.2, 0.5, 0.1, 1.0), hidden=((BALL, BLUE),))
    asked = [q.phrase for q in many(truth, "absent", 400)]
    assert not any("ball" in p.split() or "sphere" in p.split() for p in asked)


@pytest.mark.parametrize(
    ("which", "winner"),
    [("leftmost", 0), ("rightmost", 1), ("nearest", 1), ("farthest", 0), ("biggest", 1)],
)
def test_superlatives(which, winner):
    assert first_by(which, TWO_CUPS, (0, 1)) == winner


def test_a_tie_has_no_winner():
    tie = scene((CUP, RED, 0.50, 0.2, 0.1, 1.0), (CUP, RED, 0.51, 0.8, 0.1, 1.0))
    for which in ("leftmost", "rightmost", "nearest", "biggest"):
        assert first_by(which, tie, (0, 1)) is None


@pytest.mark.parametrize(
    ("which", "fits"),
    [
        ("left", (True, False)),
        ("right", (False, True)),
        ("front", (False, True)),
        ("behind", (True, False)),
    ],
)
def test_relations_to_the_book(which, fits):
    assert tuple(related(which, TWO_CUPS, i, 2, (0, 1)) for i in (0, 1)) == fits


def test_next_to_needs_a_clear_nearest():
    assert related("near", TWO_CUPS, 0, 2, (0, 1)) is None
    moved = scene(
        (CUP, RED, 0.4, 0.5, 0.1, 1), (CUP, BLUE, 0.9, 0.5, 0.1, 1), (BOOK, RED, 0.5, 0.5, 0.2, 1)
    )
    assert related("near", moved, 0, 2, (0, 1)) is True
    assert related("near", moved, 1, 2, (0, 1)) is False


def random_picture(seed: int) -> Truth:
    rng, n = np.random.default_rng(seed), seed % 9
    corners = np.sort(rng.random((n, 2, 2)), axis=1).reshape(n, 4)
    kind, colour = rng.integers(0, len(names.NAMES), n), rng.integers(0, len(COLOURS), n)
    return Truth(kind, colour, corners, rng.random(n) + 0.3, (), EVERY_KIND, True)


pictures = st.integers(0, 10_000).map(random_picture)


@settings(max_examples=60, deadline=None)
@given(pictures, st.integers(0, 1000))
@example(random_picture(201), 111)
def test_every_answer_is_among_the_objects_and_every_phrase_has_words(truth, seed):
    for question in ask_many(truth, np.random.default_rng(seed), 12):
        assert question.phrase.strip() == question.phrase != ""
        assert "  " not in question.phrase and "a orange" not in question.phrase
        assert all(0 <= i < len(truth.kind) for i in question.needs())


@settings(max_examples=60, deadline=None)
@given(pictures, st.integers(0, 1000))
def test_what_is_asked_as_absent_is_absent(truth, seed):
    rng = np.random.default_rng(seed)
    question = ask(truth, rng, "absent_colour") if len(truth.kind) else None
    if question:
        assert question.objects == ()
        shown = {
            (COLOURS[c], names.NAMES[k].name) for k, c in zip(truth.kind, truth.colour, strict=True)
        }
        # Side by side: "my orange cow" is not the orange orange.
        assert not any(f" {c} {k} " in f" {question.phrase} " for c, k in shown)


def photograph(*things, complete=(), hidden=()) -> Truth:
    """Build a picture of which only some names are known: no distances, most colours unknown."""
    known = scene(*things)
    return Truth(
        known.kind,
        known.colour,
        known.box_xyxy_norm,
        np.zeros(len(known.kind)),
        hidden,
        frozenset(complete),
    )


def test_what_may_be_there_unlabelled_is_never_said_to_be_absent():
    cups = photograph((CUP, UNKNOWN, 0.2, 0.5, 0.1, 0), complete=(CUP, BOOK))
    words = {*names.singulars(BALL), *names.plurals(BALL)}
    asked = many(cups, "absent", 300)
    assert asked and not any(words & set(q.phrase.split()) for q in asked)
    assert any(set(names.singulars(BOOK)) & set(q.phrase.split()) for q in asked)


def test_lists_and_comparisons_need_all_instances_and_distances_a_measured_one():
    pair = ((CUP, UNKNOWN, 0.2, 0.5, 0.1, 0), (CUP, UNKNOWN, 0.8, 0.5, 0.3, 0))
    assert not many(photograph(*pair), "all") and not many(photograph(*pair), "superlative")
    counted = photograph(*pair, complete=(CUP,))
    assert {q.objects for q in many(counted, "all")} == {(0, 1)}
    compared = {q.family for q in many(counted, "superlative", 200)}
    assert "leftmost" in compared and not compared & {"nearest", "farthest"}


def test_a_colour_that_is_not_known_is_not_asked_for():
    part = photograph(
        (CUP, RED, 0.2, 0.5, 0.1, 0), (CUP, UNKNOWN, 0.8, 0.5, 0.1, 0), complete=(CUP,)
    )
    assert not many(part, "unique") and not many(part, "absent_colour")
    clear = photograph((CUP, RED, 0.2, 0.5, 0.1, 0), (CUP, BLUE, 0.8, 0.5, 0.1, 0), complete=(CUP,))
    assert many(clear, "unique") and many(clear, "absent_colour")


def test_a_thing_that_may_be_called_so_too_makes_a_name_unaskable():
    box, cereal = names.number_of("box"), names.number_of("cereal")
    both = scene((box, RED, 0.2, 0.5, 0.1, 1.0), (cereal, BLUE, 0.8, 0.5, 0.2, 0.7))
    assert not many(both, "kind") and many(both, "unique")


def test_a_group_fits_all_its_kinds():
    apple, banana = names.number_of("apple"), names.number_of("banana")
    two = scene((apple, RED, 0.2, 0.5, 0.1, 1.0), (banana, BLUE, 0.8, 0.5, 0.2, 0.7))
    fruit = [q for q in many(two, "all", 800) if q.phrase in ("fruits", "the fruits")]
    assert fruit and all(q.objects == (0, 1) for q in fruit)
