"""The worker's thread: loads, answers one at a time, skips what was cancelled, and ends."""

import queue
import threading
import time
from types import SimpleNamespace

import pytest

from groma_ros.ros.latest_frame import Mailbox
from groma_ros.ros.model_thread import Request, Worker
from groma_ros.values.answers import Grounding, Status

PATIENCE_S = 60.0


class Predictor:
    """Echo the command; `gate` holds it up."""

    def __init__(self):
        self.gate, self.entered, self.heard = threading.Event(), threading.Event(), []

    def perceive(self, rgb):
        return rgb.shape

    def ground(self, perception, command, max_new_tokens, cancel):
        self.heard.append(command)
        self.entered.set()
        assert self.gate.wait(PATIENCE_S)
        return Grounding(Status.GROUNDED, command)


def frame(width=2):
    return SimpleNamespace(
        header="header", encoding="mono8", width=width, height=1, step=2, is_bigendian=0, data=b"ab"
    )


def request(text, frames, wait_s=PATIENCE_S):
    return Request(text, 1, frames, time.monotonic() + wait_s, 16)


@pytest.fixture
def frames():
    box = Mailbox()
    box.put(frame())
    return box


def test_the_error_of_loading_is_kept_for_who_waits():
    def load():
        raise OSError("no such weights")

    worker = Worker(load, print)
    with pytest.raises(OSError, match="no such weights"):
        worker.loaded.result(PATIENCE_S)
    assert worker.stop(PATIENCE_S)


def test_without_an_image_there_is_no_answer_after_the_deadline():
    results = queue.Queue()
    worker = Worker(Predictor, results.put)
    worker.submit(request("cup", Mailbox(), wait_s=0.0))
    result = results.get(timeout=PATIENCE_S)
    assert (result.grounding.status, result.header, result.rgb) == (Status.NO_IMAGE, None, None)
    assert worker.stop(PATIENCE_S)


def test_a_cancelled_request_is_not_begun(frames):
    predictor, results = Predictor(), queue.Queue()
    worker = Worker(lambda: predictor, results.put)
    first, second, third = (request(text, frames) for text in ("first", "second", "third"))
    for one in (first, second, third):
        worker.submit(one)
    assert predictor.entered.wait(PATIENCE_S)
    second.cancel.set()
    predictor.gate.set()
    assert [results.get(timeout=PATIENCE_S).request for _ in "ab"] == [first, third]
    assert predictor.heard == ["first", "third"]
    assert worker.stop(PATIENCE_S)


def test_a_frame_that_cannot_be_read_is_an_error_with_its_header():
    results, frames = queue.Queue(), Mailbox()
    frames.put(frame(width=3))
    worker = Worker(Predictor, results.put)
    worker.submit(request("cup", frames))
    result = results.get(timeout=PATIENCE_S)
    assert (result.grounding.status, result.header) == (Status.ERROR, "header")
    assert result.grounding.reason == "image step is 2 bytes, but 3 pixels of mono8 take 3"
    assert worker.stop(PATIENCE_S)


def test_stopping_is_patient_only_as_long_as_it_is_told(frames):
    predictor = Predictor()
    worker = Worker(lambda: predictor, lambda result: None)
    worker.submit(request("cup", frames))
    assert predictor.entered.wait(PATIENCE_S)
    assert not worker.stop(0.0)
    predictor.gate.set()
    assert worker.stop(PATIENCE_S)
