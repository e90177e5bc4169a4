"""Values are checked where they are made, and can't be changed afterwards."""

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from groma_ros.values.answers import Grounding, Phrase, Status


def test_a_phrase_without_boxes_has_empty_arrays():
    phrase = Phrase("the cup", (0, 7), [], [])
    assert phrase.boxes_xyxy.shape == (0, 4) and phrase.scores.shape == (0,)
    assert phrase.boxes_xyxy.dtype == np.float32


@pytest.mark.parametrize(
    ("boxes", "scores", "role", "words"),
    [
        ([[0, 0, 1, 1]], [], "target", "1 boxes and 0 scores"),
        ([0, 0, 1], [1], "target", "can't be read"),
        ([[0, 0, 1, 1]], [1], "hero", "'hero' is none of"),
    ],
)
def test_a_phrase_that_contradicts_itself_is_refused(boxes, scores, role, words):
    with pytest.raises(ValueError, match=words):
        Phrase("the cup", (0, 7), boxes, scores, role)


@pytest.mark.parametrize("span", [(0, 8), (-1, 3), (5, 4)])
def test_spans_lie_in_the_text(span):
    with pytest.raises(ValueError, match="outside the text of 7 characters"):
        Grounding(Status.NOT_FOUND, "the cup", (Phrase("the cup", span, [], []),))


def test_values_can_not_be_changed():
    boxes = np.ones((1, 4))
    phrase = Phrase("the cup", (0, 7), boxes, [0.5])
    boxes[:] = 9
    assert (phrase.boxes_xyxy == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        phrase.boxes_xyxy[0, 0] = 3
    with pytest.raises(FrozenInstanceError):
        phrase.text = "the can"


def test_an_answer_becomes_plain_json():
    phrase = Phrase("the cup", (6, 13), [[1.234567, 2, 3, 4]], [0.123456])
    answer = Grounding(Status.GROUNDED, "Found the cup.", (phrase,), "pick", {"ground": 1.23456})
    assert json.loads(json.dumps(answer.to_dict())) == {
        "status": "GROUNDED",
        "action": "pick",
        "text": "Found the cup.",
        "reason": "",
        "timings_ms": {"ground": 1.23},
        "phrases": [
            {
                "text": "the cup",
                "span": [6, 13],
                "boxes_xyxy": [[1.23, 2.0, 3.0, 4.0]],
                "scores": [0.1235],
                "role": "target",
            }
        ],
    }
    assert answer.target is phrase and Grounding(Status.ERROR, "").target is None


def test_statuses_are_their_names():
    assert all(status == status.name and str(status) == status.name for status in Status)
