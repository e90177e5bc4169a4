"""What is asked of the model's thread and what it answers: frozen values, free of ROS."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.settings import Settings
from groma_ros.values.answers import AnswerEvent, Grounding, Status

FROM_MODEL, FROM_TRACKER = "model", "tracker"
"""Whether the language model answered, or what it found before was followed."""
Event = Frame | AnswerEvent
"""A step towards an answer."""


@dataclass(frozen=True, eq=False)
class Request:
    """Ask one thing about the newest image.

    text         the command, or the question about the region (empty: what is this?)
    command_id   number of the command, 0 for a question about a region
    frames       where the image comes from
    deadline_s   `time.monotonic()` at which waiting for a first image ends
    settings     the node's settings when the request was made
    region_xyxy  None for a command, else the region in source pixels that is asked about
    among_xyxy   the boxes in source pixels that an answer may point at; empty: all
    dialogue_id  number of the dialogue that a command belongs to; None: it stands alone
    cancel       set when nobody wants the answer any more; also ends a request under way
    gives_way    whether it is cancelled while it waits, where the queue is full and a newer one
                 comes
    mode         how the command is read (see `language.command_modes`)
    follows      whether the things of the command's last answer are followed, without the language
                 model where they are all seen
    companions   the other cameras that the command goes to: their images are perceived in one batch
    on_event     is told, in the model's thread, of each step towards the answer: the frame that is
                 looked at, then what `Predictor.stream` yields; None: only the answer is wanted
    """

    text: str
    command_id: int
    frames: LatestFrame[Frame]
    deadline_s: float
    settings: Settings
    region_xyxy: tuple[float, float, float, float] | None = None
    among_xyxy: tuple[tuple[float, float, float, float], ...] = ()
    dialogue_id: int | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    gives_way: bool = False
    mode: str = ""
    follows: bool = False
    companions: tuple[LatestFrame[Frame], ...] = ()
    on_event: Callable[[Event], None] | None = None

    @property
    def regions_only(self) -> bool:
        """Say whether the image is looked at without the language model."""
        return self.follows


@dataclass(frozen=True, eq=False)
class Result:
    """Answer one request.

    frame       the image that was looked at and its calibration, None where there was no image
    rgb         (H, W, 3) uint8 source image, None where there was none or it could not be read
    latency_ms  from the start of work to the answer, without waiting in the queue or for an image
    source      FROM_MODEL or FROM_TRACKER
    fault       traceback of an error in the code rather than in what was asked; else empty
    """

    request: Request
    grounding: Grounding
    frame: Frame | None = None
    rgb: np.ndarray | None = None
    latency_ms: float = 0.0
    fault: str = ""
    source: str = FROM_MODEL

    @property
    def header(self) -> Any:
        """Return the header (std_msgs/Header) of the source image, None where there was none."""
        return self.frame and self.frame.image.header


@dataclass(frozen=True, eq=False)
class Look:
    """Ask for the regions of the newest image, without a command.

    frames     where the image comes from
    oldest_s   oldest image that is looked at, in seconds of ROS time; 0: any
    on_result  is told the regions, in the model's thread
    cancel     set when nobody wants them any more
    """

    frames: LatestFrame[Frame]
    oldest_s: float
    on_result: Callable[[Regions], None]
    cancel: threading.Event = field(default_factory=threading.Event)
    regions_only: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Regions:
    """Say what the proposer found in one image.

    frame       the image; None where there was none that is young enough
    boxes_xyxy  (n, 4) in pixels of the source image, best first
    scores      (n,) objectness in [0, 1]
    problem     why the image could not be looked at; else empty
    """

    frame: Frame | None = None
    boxes_xyxy: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    problem: str = ""


def failure(status: Status, reason: str) -> Grounding:
    """Return an answer without boxes that says why in its text and its reason."""
    return Grounding(status, f"I can't answer: {reason}.", reason=reason)
