"""The model's thread with the shipped weights and pictures: commands that point back."""

from types import SimpleNamespace

import pytest

from groma_ros.pictures import open_pictures
from groma_ros.predictor import Predictor
from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.model_thread import Answerer
from groma_ros.ros.pending_requests import new_request
from groma_ros.ros.settings import Settings
from groma_ros.values.answers import Status


@pytest.fixture(scope="module")
def nano():
    return Predictor.from_pretrained("nano", device="cpu")


@pytest.fixture
def ask(nano):
    """Give a function that asks on a new picture of the shipped sequence."""
    answerer, frames, pictures = Answerer(nano), LatestFrame(), open_pictures("").frames

    def ask(text, dialogue_id):
        rgb = next(pictures)
        height, width = rgb.shape[:2]
        fields = {"height": height, "width": width, "step": 3 * width, "encoding": "rgb8"}
        image = SimpleNamespace(header=None, is_bigendian=0, data=rgb.tobytes(), **fields)
        frames.put(Frame(image))
        return answerer.answer(new_request(text, frames, Settings(), 1, dialogue_id=dialogue_id))

    return ask


def test_it_is_the_last_target_on_the_next_picture_and_nothing_in_the_next_dialogue(ask):
    first = ask("find the red cup", 1).grounding
    second = ask("pick it up", 1).grounding
    assert [g.status for g in (first, second)] == [Status.GROUNDED] * 2
    assert (second.target.text, second.action) == ("the red cup", "pick")
    other = ask("pick it up", 2).grounding
    assert (other.status, other.phrases) == (Status.NOT_FOUND, ())


def test_a_command_that_stands_alone_is_answered_as_the_predictor_answers(ask, nano):
    result = ask("find the red cup", None)
    same = nano.ground(nano.perceive(result.rgb), "find the red cup")
    assert result.grounding.to_dict()["phrases"] == same.to_dict()["phrases"]
