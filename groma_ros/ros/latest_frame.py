"""The newest frame of the camera, passed from the executor's thread to the model's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Frame:
    """Hold one image of the camera and the calibration it was taken with.

    image        sensor_msgs/Image or CompressedImage
    camera_info  sensor_msgs/CameraInfo of the image's stamp, else the last one before the image;
                 None where there was none yet
    age_s        returns how old the image is now, in seconds of ROS time
    stamp_s      when the image was taken, in seconds of ROS time
    """

    image: Any
    camera_info: Any = None
    age_s: Callable[[], float] = lambda: 0.0
    stamp_s: float = 0.0


class LatestFrame(Generic[T]):
    """Hold the newest frame that was put; one thread puts, another reads.

    received  how many frames were put
    dropped   how many of them were replaced by a newer one before anybody looked at them
    refused   how many more came and were malformed
    refusal   how many were refused and why the last one was, empty where a good one came since
    """

    def __init__(self) -> None:
        self.received = 0
        self.dropped = 0
        self.refused = 0
        self.refusal = ""
        self._changed = threading.Condition()
        self._frame: T | None = None
        self._unseen = False
        self._closed = False

    @property
    def unseen(self) -> bool:
        """Say whether there is a frame that nobody has looked at."""
        return self._unseen

    def put(self, frame: T) -> None:
        """Replace the frame; after `close` do nothing."""
        with self._changed:
            if self._closed:
                return
            self.received += 1
            self.refusal = ""
            self.dropped += self._unseen
            self._frame, self._unseen = frame, True
            self._changed.notify_all()

    def refuse(self, reason: str) -> None:
        """Count a malformed frame; the last good one is kept."""
        self.refused += 1
        images = "1 image" if self.refused == 1 else f"{self.refused} images"
        self.refusal = f"{images} refused: {reason}"

    @property
    def last(self) -> T | None:
        """Return the newest frame without counting it as looked at, None where there is none."""
        return self._frame

    def newest(self, deadline_s: float, fits: Callable[[T], bool] = lambda frame: True) -> T | None:
        """Return the newest frame, whether it was seen before or not.

        Waits for the first frame, and for a newer one where it does not fit. Returns None when
        `time.monotonic()` reaches `deadline_s` or when the frames end by `close`.
        """
        with self._changed:
            there = self._changed.wait_for(
                lambda: self._closed or (self._frame is not None and fits(self._frame)),
                max(0.0, deadline_s - time.monotonic()),
            )
            self._unseen = False
            return self._frame if there else None

    def close(self) -> None:
        """Forget the frame, wake whoever waits, and take nothing more."""
        with self._changed:
            self._frame, self._unseen, self._closed = None, False, True
            self._changed.notify_all()
