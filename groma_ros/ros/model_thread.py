"""The thread that owns the model: requests in, results out, one at a time.

It touches no publisher, logger or other part of ROS. Whoever receives its results, through `emit`,
moves them to the executor's thread.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from groma_ros.ros import image_codec
from groma_ros.ros.latest_frame import Mailbox
from groma_ros.values.answers import Grounding, Status

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor


@dataclass(frozen=True, eq=False)
class Request:
    """Ask one thing about the newest image.

    text         the command, or the question about the region (empty: what is this?)
    command_id   number of the command
    frames       where the image comes from (sensor_msgs/Image or CompressedImage)
    deadline_s   `time.monotonic()` at which waiting for a first image ends
    max_new_tokens  longest answer
    region_xyxy  None for a command, else the region in source pixels that is asked about
    cancel       set when nobody wants the answer any more; ends also one under way
    """

    text: str
    command_id: int
    frames: Mailbox
    deadline_s: float
    max_new_tokens: int
    region_xyxy: tuple[float, float, float, float] | None = None
    cancel: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, eq=False)
class Result:
    """Answer one request.

    header      of the source image, None where there was no image
    rgb         (H, W, 3) uint8 source image, None where there was none or it could not be read
    latency_ms  from the start of work to the answer; waiting for an image and in a queue excluded
    fault       traceback of an error in the code rather than in what was asked; else empty
    """

    request: Request
    grounding: Grounding
    header: Any = None
    rgb: np.ndarray | None = None
    latency_ms: float = 0.0
    fault: str = ""


@dataclass(frozen=True, eq=False)
class Seen:
    """Keep what the model made of one image message, for further requests about the same one."""

    frame: Any
    rgb: np.ndarray
    perception: Any


class Worker:
    """Load a predictor in its own thread, then answer requests in the order they came."""

    def __init__(self, load: Callable[[], Predictor], emit: Callable[[Result], None]):
        """Start loading; `loaded` becomes done, with the error if there was one."""
        self.loaded: Future[None] = Future()
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._load = load
        self._emit = emit
        self._thread = threading.Thread(target=self._run, name="groma-model", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Queue a request; its result comes through `emit`, unless it is cancelled before."""
        self._requests.put(request)

    def stop(self, timeout_s: float | None = None) -> bool:
        """End after the request under way and let the predictor go; return whether that is done.

        A request ends early where it is cancelled. `timeout_s` None waits as long as it takes.
        """
        self._requests.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            predictor = self._load()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for `loaded`
            self.loaded.set_exception(error)
            return
        self.loaded.set_result(None)
        seen = None
        for request in iter(self._requests.get, None):
            if not request.cancel.is_set():
                result, seen = answer(predictor, request, seen)
                self._emit(result)


def answer(predictor: Predictor, request: Request, seen: Seen | None) -> tuple[Result, Seen | None]:
    """Answer a request on the newest frame; an image that was `seen` is not perceived again.

    Never raises: what can't be answered has status NO_IMAGE or ERROR and the reason.
    """
    frame = request.frames.newest(request.deadline_s)
    if frame is None:
        return Result(request, failure(Status.NO_IMAGE, "no image came in time")), seen
    started_s = time.monotonic()
    rgb, fault = None, ""
    try:
        if seen is None or seen.frame is not frame:
            rgb = image_codec.to_rgb(frame)
            seen = Seen(frame, rgb, predictor.perceive(rgb))
        rgb = seen.rgb
        grounding = _ask(predictor, request, seen.perception)
    except ValueError as error:
        grounding = failure(Status.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - the thread lives on to answer the next request
        grounding = failure(Status.ERROR, f"{type(error).__name__}: {error}")
        fault = traceback.format_exc()
    latency_ms = 1e3 * (time.monotonic() - started_s)
    return Result(request, grounding, frame.header, rgb, latency_ms, fault), seen


def failure(status: Status, reason: str) -> Grounding:
    """Return an answer without boxes that says why in its text and its reason."""
    return Grounding(status, f"I can't answer: {reason}.", reason=reason)


def _ask(predictor: Predictor, request: Request, perception) -> Grounding:
    options = {"max_new_tokens": request.max_new_tokens, "cancel": request.cancel}
    if request.region_xyxy is None:
        return predictor.ground(perception, request.text, **options)
    return predictor.describe(perception, [request.region_xyxy], request.text, **options)
