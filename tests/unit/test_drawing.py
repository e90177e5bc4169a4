"""The annotated picture: same size, colours by role, and no size that breaks it."""

import numpy as np
import pytest

from groma_ros.drawing import ROLE_RGB, draw, font_for
from groma_ros.values.answers import Grounding, Phrase, Status


def grounding(*boxes, role="target", text="the red cup", status=Status.GROUNDED) -> Grounding:
    sentence = f"Found {text}."
    span = (6, 6 + len(text))
    phrase = Phrase(text, span, np.array(boxes), np.full(len(boxes), 0.9), role)
    return Grounding(status, sentence, (phrase,))


def test_an_answer_without_boxes_changes_the_bar_alone():
    rgb = np.full((240, 320, 3), 90, np.uint8)
    shown = draw(rgb, Grounding(Status.NOT_FOUND, "Could not find the red cup."), "the red cup")
    rows = np.flatnonzero((shown != rgb).any(axis=(1, 2)))
    assert shown.shape == rgb.shape and shown.dtype == np.uint8
    assert rows[0] > 200 and rows[-1] == 239
    assert (rgb == 90).all()


@pytest.mark.parametrize("role", ROLE_RGB)
def test_a_box_is_outlined_in_the_colour_of_its_role(role):
    rgb = np.zeros((480, 640, 3), np.uint8)
    shown = draw(rgb, grounding([200, 100, 400, 300], role=role))
    for y, x in ((100, 300), (299, 300), (200, 200), (200, 399)):
        assert tuple(shown[y, x]) == ROLE_RGB[role]
    assert not shown[200, 300].any() and not shown[200, 410].any()


def test_labels_of_neighbours_do_not_cover_each_other():
    rgb = np.zeros((480, 640, 3), np.uint8)
    one = draw(rgb, grounding([100, 200, 200, 300]))
    two = draw(rgb, grounding([100, 200, 200, 300], [110, 205, 205, 310]))
    filled = [(p == ROLE_RGB["target"]).all(axis=2).sum() for p in (one, two)]
    assert filled[1] > 1.8 * filled[0]


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 300), (300, 2), (24, 32), (2160, 3840)])
@pytest.mark.parametrize("text", ["cup", "", "x" * 300, "die gr\u00fcne T\u00e4sse \u65e5\u672c"])
def test_any_size_and_text_can_be_drawn(size_hw, text):
    height, width = size_hw
    boxes = [[0, 0, width, height], [width, height, width, height], [0, 0, 0.4, 0.4]]
    shown = draw(np.zeros((*size_hw, 3), np.uint8), grounding(*boxes, text=text), text * 2)
    assert shown.shape == (*size_hw, 3)


@pytest.mark.parametrize("size_hw", [(240, 320), (480, 640), (1080, 1920)])
def test_a_long_command_leaves_room_for_the_answer(size_hw):
    """A person has to see what was answered, not the command alone."""
    height, width = size_hw
    rgb = np.full((height, width, 3), 90, np.uint8)
    short = draw(rgb, grounding([5, 5, 50, 50]), "the red cup")
    long = draw(rgb, grounding([5, 5, 50, 50]), "put the red cup left of the blue book " * 3)

    def bar(picture):
        return np.flatnonzero((picture[:, -1] != 90).any(axis=1))

    assert len(bar(long)) > 1.6 * len(bar(short))
    assert bar(long)[0] > 0.8 * height
    second_row = long[(bar(long)[0] + height) // 2 :, : width // 2]
    assert (second_row > 200).any()


@pytest.mark.parametrize("role", ROLE_RGB)
def test_a_box_is_set_off_from_a_thing_of_its_own_colour(role):
    rgb = np.full((480, 640, 3), ROLE_RGB[role], np.uint8)
    shown = draw(rgb, grounding([200, 100, 400, 300], role=role))
    across = shown[200, 190:215].astype(int).sum(axis=1)
    assert across.min() < 0.5 * sum(ROLE_RGB[role])


@pytest.mark.parametrize("size_hw", [(240, 320), (480, 640), (720, 1280), (1080, 1920)])
def test_letters_can_be_read_at_any_size(size_hw):
    font = font_for(size_hw[::-1])
    ascent, descent = font.getmetrics()
    assert ascent + descent >= 12
    assert 0.02 < (ascent + descent) / size_hw[0] < 0.07
