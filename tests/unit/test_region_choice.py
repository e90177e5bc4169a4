"""What probabilities of regions mean: pure functions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groma_ros.inference.region_choice import (
    choose_regions,
    list_probabilities,
    renormalised_steps,
)

APART = np.array([[10 * i, 0, 10 * i + 8, 8] for i in range(4)], np.float32)


def fits(probabilities, boxes=APART, refusal_threshold=0.5, ambiguity_ratio=0.5):
    return choose_regions(np.array(probabilities), boxes, refusal_threshold, ambiguity_ratio)


def test_without_regions_nothing_fits():
    assert fits([1.0], np.zeros((0, 4), np.float32)) == []


@pytest.mark.parametrize(
    ("probabilities", "wanted"),
    [
        ([0.1, 0.7, 0.1, 0.0, 0.1], [1]),
        ([0.1, 0.2, 0.1, 0.0, 0.6], []),
        ([0.3, 0.2, 0.1, 0.0, 0.4], [0, 1]),  # the end is likeliest, but not above its threshold
        ([0.2, 0.4, 0.35, 0.0, 0.05], [1, 2, 0]),
        ([0.19, 0.4, 0.35, 0.0, 0.06], [1, 2]),
    ],
)
def test_the_likeliest_and_its_rivals_fit_unless_nothing_does(probabilities, wanted):
    assert fits(probabilities) == wanted


def test_regions_over_the_same_thing_count_as_one():
    boxes = APART.copy()
    boxes[2] = boxes[1] + 1
    assert fits([0.0, 0.5, 0.45, 0.0, 0.05], boxes) == [1]
    assert fits([0.35, 0.2, 0.2, 0.2, 0.05], boxes) == [0, 1, 3]


def test_each_of_several_sure_answers_is_sure():
    thirds = np.array([1 / 3, 1 / 3, 0.0, 1 / 3, 0.0])
    steps = renormalised_steps([0, 1, 3], thirds)
    np.testing.assert_allclose(list_probabilities([0, 1, 3], steps), 1.0)
    halves = np.array([0.4, 0.4, 0.0, 0.0, 0.2])
    steps = renormalised_steps([0, 1], halves)
    np.testing.assert_allclose(list_probabilities([0, 1], steps), [0.8, 0.4 / 0.6], rtol=1e-6)
    assert list_probabilities([], []).shape == (0,)


@given(st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5), st.floats(0.05, 1.0))
def test_probabilities_are_probabilities_and_the_best_comes_first(weights, share):
    probabilities = np.array(weights) / sum(weights)
    chosen = fits(probabilities, refusal_threshold=1.0, ambiguity_ratio=share)
    assert chosen[0] == int(probabilities[:-1].argmax())
    assert all(probabilities[i] >= share * probabilities[chosen[0]] - 1e-9 for i in chosen)
    sure = list_probabilities(chosen, renormalised_steps(chosen, probabilities))
    assert (sure >= 0).all() and (sure <= 1).all()
    assert sure[0] == pytest.approx(probabilities[chosen].sum(), abs=1e-6)
