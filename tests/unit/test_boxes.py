"""Box conversions: the empty case, the non-square case, and round trips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groma_ros.values import boxes

fraction = st.floats(0.05, 0.95)
side = st.integers(1, 4096)


@pytest.mark.parametrize("empty", [[], np.zeros((0, 4)), np.zeros((0,))])
def test_no_box_stays_no_box(empty):
    assert boxes.cxcywh_to_xyxy(empty).shape == (0, 4)
    assert boxes.xyxy_to_cxcywh(empty).shape == (0, 4)
    assert boxes.to_source_pixels(empty, (480, 640)).shape == (0, 4)
    assert boxes.to_network(empty, (480, 640)).shape == (0, 4)
    assert boxes.iou(empty, [[0, 0, 1, 1]]).shape == (0, 1)
    assert boxes.iou([[0, 0, 1, 1]], empty).shape == (1, 0)


def test_x_and_y_scale_separately_on_a_wide_picture():
    got = boxes.to_source_pixels([[0.5, 0.5, 0.5, 0.5]], (100, 400))
    np.testing.assert_allclose(got, [[100, 25, 300, 75]])
    assert got.dtype == np.float32


def test_boxes_are_clipped_to_the_source():
    got = boxes.to_source_pixels([[0.0, 1.0, 0.5, 0.5]], (100, 400))
    np.testing.assert_allclose(got, [[0, 75, 100, 100]])


@settings(deadline=None)
@given(fraction, fraction, fraction, fraction, side, side)
def test_pixels_and_back(cx, cy, w, h, height, width):
    w, h = min(w, 2 * cx, 2 - 2 * cx), min(h, 2 * cy, 2 - 2 * cy)
    pixels = boxes.to_source_pixels([[cx, cy, w, h]], (height, width))
    np.testing.assert_allclose(
        boxes.to_network(pixels, (height, width)), [[cx, cy, w, h]], atol=1e-5
    )


def test_iou_values():
    got = boxes.iou([[0, 0, 2, 2], [5, 5, 5, 5]], [[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 5, 5]])
    np.testing.assert_allclose(got, [[1, 1 / 3, 0], [0, 0, 0]], atol=1e-6)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 4), max_size=5))
def test_iou_is_symmetric_and_bounded(rows):
    got = boxes.iou(rows, rows)
    assert np.allclose(got, got.T) and (got >= 0).all() and (got <= 1 + 1e-6).all()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([], "0 boxes"),
        ([1, 2, 3], r"\(3,\)"),
        ([[10, 10, 5, 20]], "empty"),
        ([[10, 10, 10, 20]], "empty"),
        ([[0, 0, float("nan"), 5]], "not finite"),
        ([[700, 10, 800, 20]], "640x480"),
    ],
)
def test_user_boxes_are_refused_with_a_reason(bad, words):
    with pytest.raises(ValueError, match=words):
        boxes.check_user_boxes(bad, (480, 640))


def test_user_boxes_are_clipped():
    got = boxes.check_user_boxes([-10, 20, 900, 40], (480, 640))
    np.testing.assert_allclose(got, [[0, 20, 640, 40]])
