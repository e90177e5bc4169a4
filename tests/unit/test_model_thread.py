"""The model's thread loads, answers one at a time, skips what was cancelled, and ends."""

import queue
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from groma_ros.language.follow_ups import resolve
from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.model_thread import Answerer, ModelThread
from groma_ros.ros.pending_requests import new_request
from groma_ros.ros.requests import Request
from groma_ros.ros.settings import Settings
from groma_ros.values.answers import Grounding, Phrase, Status

PATIENCE_S = 60.0


class Predictor:
    """Echo the command; `gate` holds it up."""

    def __init__(self):
        self.gate, self.entered, self.heard = threading.Event(), threading.Event(), []

    def perceive_all(self, rgbs):
        nothing = SimpleNamespace(boxes_xyxy=np.zeros((0, 4)), features=np.zeros((0, 2)))
        return [nothing for _ in rgbs]

    def ground(self, perception, command, max_new_tokens, cancel):
        self.heard.append(command)
        self.entered.set()
        assert self.gate.wait(PATIENCE_S)
        return Grounding(Status.GROUNDED, command)


def frame(width=2):
    image = SimpleNamespace(
        header="header", encoding="mono8", width=width, height=1, step=2, is_bigendian=0, data=b"ab"
    )
    return Frame(image)


def request(text, frames, wait_s=PATIENCE_S):
    return Request(text, 1, frames, time.monotonic() + wait_s, Settings(max_new_tokens=16))


@pytest.fixture
def frames():
    latest = LatestFrame()
    latest.put(frame())
    return latest


def test_the_error_of_loading_is_kept_for_who_waits():
    def load():
        raise OSError("no such weights")

    thread = ModelThread(load, print)
    with pytest.raises(OSError, match="no such weights"):
        thread.loaded.result(PATIENCE_S)
    assert thread.stop(PATIENCE_S)


def test_without_an_image_there_is_no_answer_after_the_deadline():
    results = queue.Queue()
    thread = ModelThread(Predictor, results.put)
    thread.submit(request("cup", LatestFrame(), wait_s=0.0))
    result = results.get(timeout=PATIENCE_S)
    assert (result.grounding.status, result.header, result.rgb) == (Status.NO_IMAGE, None, None)
    assert thread.stop(PATIENCE_S)


def test_a_cancelled_request_is_not_begun(frames):
    predictor, results = Predictor(), queue.Queue()
    thread = ModelThread(lambda: predictor, results.put)
    first, second, third = (request(text, frames) for text in ("first", "second", "third"))
    for one in (first, second, third):
        thread.submit(one)
    assert predictor.entered.wait(PATIENCE_S)
    second.cancel.set()
    predictor.gate.set()
    assert [results.get(timeout=PATIENCE_S).request for _ in "ab"] == [first, third]
    assert predictor.heard == ["first", "third"]
    assert thread.stop(PATIENCE_S)


def test_a_frame_that_cannot_be_read_is_an_error_with_its_header():
    results, frames = queue.Queue(), LatestFrame()
    frames.put(frame(width=3))
    thread = ModelThread(Predictor, results.put)
    thread.submit(request("cup", frames))
    result = results.get(timeout=PATIENCE_S)
    assert (result.grounding.status, result.header) == (Status.ERROR, "header")
    assert result.grounding.reason == (
        "image step is 2 bytes, but 3 pixels of mono8 take 3; "
        "its publisher must set step to the bytes of a row"
    )
    assert thread.stop(PATIENCE_S)


def test_stopping_is_patient_only_as_long_as_it_is_told(frames):
    predictor = Predictor()
    thread = ModelThread(lambda: predictor, lambda result: None)
    thread.submit(request("cup", frames))
    assert predictor.entered.wait(PATIENCE_S)
    assert not thread.stop(0.0)
    predictor.gate.set()
    assert thread.stop(PATIENCE_S)


class Talker:
    """Find the words of a command as they are, in pictures of any kind."""

    perceive_all = Predictor.perceive_all

    def ground(self, perception, command, max_new_tokens, cancel):
        phrase = command.removeprefix("pick up ")
        start = len(command) - len(phrase)
        found = Phrase(phrase, (start, len(command)), [[0, 0, 1, 1]], [1.0])
        return Grounding(Status.GROUNDED, command, (found,))

    def dialogue(self, perception):
        return TalkersDialogue(self, perception)


class TalkersDialogue:
    """Put follow-ups in words as the real Dialogue does."""

    def __init__(self, talker, perception):
        self.talker, self.perception, self.last = talker, perception, ""

    def ground(self, command, **options):
        answer = self.talker.ground(self.perception, resolve(command, self.last), **options)
        self.last = answer.target.text
        return answer


def words(answerer, frames, text, dialogue_id):
    """Return what a command was understood as."""
    asked = new_request(text, frames, Settings(), command_id=1, dialogue_id=dialogue_id)
    return answerer.answer(asked).grounding.text


def test_a_command_points_back_to_the_last_target_of_its_dialogue(frames):
    answerer = Answerer(Talker())
    assert words(answerer, frames, "pick up the red cup", 1) == "pick up the red cup"
    assert words(answerer, frames, "pick up it", 1) == "pick up the red cup"
    assert words(answerer, frames, "pick up the blue one", 1) == "pick up the blue cup"


def test_a_command_points_back_on_a_new_frame_too(frames):
    """A camera brings a new picture before a person has finished the next sentence."""
    answerer = Answerer(Talker())
    words(answerer, frames, "pick up the red cup", 1)
    frames.put(frame())
    assert words(answerer, frames, "pick up it", 1) == "pick up the red cup"


def test_a_new_dialogue_knows_nothing_of_the_one_before(frames):
    answerer = Answerer(Talker())
    words(answerer, frames, "pick up the red cup", 1)
    assert words(answerer, frames, "pick up it", 2) == "pick up it"


def test_a_command_that_stands_alone_neither_points_back_nor_is_pointed_back_to(frames):
    answerer = Answerer(Talker())
    words(answerer, frames, "pick up the red cup", 1)
    assert words(answerer, frames, "pick up it", None) == "pick up it"
    words(answerer, frames, "pick up the blue can", None)
    assert words(answerer, frames, "pick up it", 1) == "pick up the red cup"
