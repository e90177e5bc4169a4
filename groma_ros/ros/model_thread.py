"""The thread that owns the model: requests in, results out, one at a time.

It touches no publisher, logger or other part of ROS. Whoever receives its results moves them to the
executor's thread.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from groma_ros.ros.following import CameraTracks
from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.requests import (
    FROM_MODEL,
    FROM_TRACKER,
    Look,
    Regions,
    Request,
    Result,
    failure,
)
from groma_ros.values.answers import Grounding, Status

if TYPE_CHECKING:
    from groma_ros.predictor import Dialogue, Perception, Predictor


OTHER_CLOCK_S = 3600.0  # an image that seems older than that was not stamped by this clock


class ModelThread:
    """Load a predictor in a thread of its own, then answer requests in the order they came."""

    def __init__(self, load: Callable[[], Predictor], on_result: Callable[[Result], None]) -> None:
        """Start loading; `loaded` becomes done, with the error if there was one.

        Both `load` and `on_result` are called in the new thread.
        """
        self.loaded: Future[None] = Future()
        self._requests: queue.SimpleQueue[Request | Look | None] = queue.SimpleQueue()
        self._load = load
        self._on_result = on_result
        self._thread = threading.Thread(target=self._run, name="groma-model", daemon=True)
        self._thread.start()

    def submit(self, request: Request | Look) -> None:
        """Queue a request; `on_result` gets its result, unless it is cancelled before it begins.

        A Look's result goes to its own `on_result`.
        """
        self._requests.put(request)

    def stop(self, timeout_s: float | None = None) -> bool:
        """End after the request under way and free the predictor; return whether that is done.

        A request that is cancelled ends early. `timeout_s` None waits as long as it takes.
        """
        self._requests.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            answerer = Answerer(self._load())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for `loaded`
            self.loaded.set_exception(error)
            return
        self.loaded.set_result(None)
        from groma_ros.ros import image_codec  # imports OpenCV: not before the model is loaded

        image_codec.warm_up()
        for request in iter(self._requests.get, None):
            if request.cancel.is_set():
                continue
            if isinstance(request, Look):
                request.on_result(answerer.look(request))
            else:
                self._on_result(answerer.answer(request))


@dataclass(frozen=True, eq=False)
class PerceivedFrame:
    """Keep what the model made of one frame, for further requests about the same one."""

    frame: Frame
    rgb: np.ndarray
    perception: Perception


class CameraView:
    """Keep what is known of one camera.

    perceived  the last frame that was looked at
    tracks     the things that are followed
    """

    def __init__(self, tracks: CameraTracks) -> None:
        self.perceived: PerceivedFrame | None = None
        self.tracks = tracks
        self._dialogue: Dialogue | None = None
        self._dialogue_is_about: tuple[int | None, PerceivedFrame | None] = None, None

    def dialogue_about(
        self, predictor: Predictor, perceived: PerceivedFrame, dialogue_id: int
    ) -> Dialogue:
        """Return the dialogue of that number about a frame.

        On a new frame the dialogue goes on with the last target's words and without what was said
        about the frame before.
        """
        if (dialogue_id, perceived) != self._dialogue_is_about:
            goes_on = self._dialogue is not None and dialogue_id == self._dialogue_is_about[0]
            last = self._dialogue.last if goes_on else ""
            self._dialogue = predictor.dialogue(perceived.perception)
            self._dialogue.last = last
            self._dialogue_is_about = dialogue_id, perceived
        return self._dialogue


def why_no_image(frames: LatestFrame[Frame], oldest_s: float) -> str:
    """Say why there is no image to answer on."""
    if frames.refusal:
        return frames.refusal
    if frames.last is None:
        return "no image came in time"
    age_s = frames.last.age_s()
    hint = ""
    if age_s > OTHER_CLOCK_S:
        hint = (
            "; its stamp is of another clock: set max_image_age_s to 0, or use_sim_time for a bag"
        )
    return f"the newest image is {age_s:.1f} s old, more than max_image_age_s {oldest_s:g}{hint}"


class Answerer:
    """Answer requests with one predictor; each camera has a `CameraView`."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._ids = itertools.count(1)  # of things, one after the other over all cameras
        self._views: WeakKeyDictionary[LatestFrame[Frame], CameraView] = WeakKeyDictionary()

    def _view(self, frames: LatestFrame[Frame]) -> CameraView:
        if frames not in self._views:
            self._views[frames] = CameraView(CameraTracks(self._ids))
        return self._views[frames]

    def answer(self, request: Request) -> Result:
        """Answer a request on the newest frame; a frame is perceived once for all its requests.

        Never raises: what can't be answered has status NO_IMAGE or ERROR and the reason.
        """
        oldest_s = request.settings.max_image_age_s
        frame = request.frames.newest(
            request.deadline_s, lambda frame: not oldest_s or frame.age_s() <= oldest_s
        )
        if frame is None:
            reason = why_no_image(request.frames, oldest_s)
            return Result(request, failure(Status.NO_IMAGE, reason))
        started_s = time.monotonic()
        rgb, fault, source = None, "", FROM_MODEL
        if request.on_event is not None:
            request.on_event(frame)
        try:
            perceived = self._perceive(request, frame)
            rgb, tracks = perceived.rgb, self._view(request.frames).tracks
            tracks.update(perceived.perception, frame, request.settings.track_lifetime_s)
            followed = tracks.followed(request.command_id) if request.follows else None
            if followed is not None:
                grounding, source = followed, FROM_TRACKER
            else:
                grounding = tracks.identified(request.command_id, self._ground(request, perceived))
        except ValueError as error:
            grounding = failure(Status.ERROR, str(error))
        except Exception as error:  # noqa: BLE001 - the thread lives on to answer the next request
            grounding = failure(Status.ERROR, f"{type(error).__name__}: {error}")
            fault = traceback.format_exc()
        latency_ms = 1e3 * (time.monotonic() - started_s)
        return Result(request, grounding, frame, rgb, latency_ms, fault, source)

    def look(self, request: Look) -> Regions:
        """Return the regions of the newest frame; commands about it then find it perceived.

        Does not wait for a frame, and does not count it as one that was answered on. Never raises.
        """
        frame = request.frames.last
        if frame is None or (request.oldest_s and frame.age_s() > request.oldest_s):
            return Regions()
        try:
            perception = self._perceive(request, frame).perception
        except Exception as error:  # noqa: BLE001 - the thread lives on to answer the next request
            return Regions(frame, problem=str(error) or type(error).__name__)
        return Regions(frame, perception.boxes_xyxy, perception.scores)

    def _perceive(self, request: Request | Look, frame: Frame) -> PerceivedFrame:
        """Return what is seen in a frame, which is perceived once; companions share its batch."""
        from groma_ros.ros import image_codec  # imports OpenCV: not before the node is active

        view = self._view(request.frames)
        if view.perceived is not None and view.perceived.frame is frame:
            return view.perceived
        if request.regions_only:
            rgb = image_codec.to_rgb(frame.image)
            view.perceived = PerceivedFrame(frame, rgb, self._predictor.look(rgb))
            return view.perceived
        batch = [(view, frame, image_codec.to_rgb(frame.image))]
        for frames in request.companions:
            other, last = self._view(frames), frames.last
            if last is None or (other.perceived is not None and other.perceived.frame is last):
                continue
            with contextlib.suppress(ValueError):  # told by the request of that camera
                batch.append((other, last, image_codec.to_rgb(last.image)))
        perceptions = self._predictor.perceive_all([rgb for _, _, rgb in batch])
        for (its, seen, rgb), perception in zip(batch, perceptions, strict=True):
            its.perceived = PerceivedFrame(seen, rgb, perception)
        return view.perceived

    def _ground(self, request: Request, perceived: PerceivedFrame) -> Grounding:
        options = {"max_new_tokens": request.settings.max_new_tokens, "cancel": request.cancel}
        if request.region_xyxy is not None:
            boxes_xyxy = [request.region_xyxy]
            return self._predictor.describe(
                perceived.perception, boxes_xyxy, request.text, **options
            )
        if request.mode:
            options["mode"] = request.mode
        method = "ground" if request.on_event is None else "stream"
        perception = perceived.perception
        if request.among_xyxy:
            perception = self._predictor.among(perception, request.among_xyxy)
        if request.dialogue_id is None:
            answer = partial(getattr(self._predictor, method), perception)
        else:
            dialogue = self._view(request.frames).dialogue_about(
                self._predictor, perceived, request.dialogue_id
            )
            answer = getattr(dialogue, method)
        if request.on_event is None:
            return answer(request.text, **options)
        for event in answer(request.text, **options):
            request.on_event(event)
        return event
