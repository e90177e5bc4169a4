"""Frames for `groma live`: the newest of a camera, or every one of a video file, by OpenCV."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

CAMERA_RATE_HZ = 15.0  # of the video that is written; about what groma-nano answers on a laptop
UNKNOWN_RATE_HZ = 10.0
MOST_HZ = 240.0


class Source(Protocol):
    """Give frames (H, W, 3) uint8 RGB, meant for `rate_hz`.

    `length` is how many there are, 0 where nobody knows.
    """

    rate_hz: float
    length: int

    def __iter__(self) -> Iterator[np.ndarray]: ...

    def close(self) -> None: ...


def opencv() -> Any:
    """Return OpenCV, which says nothing by itself; raise ValueError where it is absent."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ModuleNotFoundError:
        raise ValueError(
            "needs OpenCV: pip install opencv-python, or opencv-python-headless for files alone"
        ) from None
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


class VideoFile:
    """Every frame of a video file, once."""

    def __init__(self, cv2: Any, path: Path) -> None:
        """Open the file and read its first frame; raise ValueError where that can't be done."""
        if not path.is_file():
            raise ValueError(f"there is no video {path}")
        self._cv2 = cv2
        self._capture = cv2.VideoCapture(str(path))
        good, self._first = self._capture.read()
        if not good:
            raise ValueError(
                f"{path} is no video that OpenCV can read; give an .mp4, or convert it to one"
            )
        self.rate_hz = _usable_rate(self._capture.get(cv2.CAP_PROP_FPS))
        self.length = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[np.ndarray]:
        good, bgr = True, self._first
        while good:
            yield self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)
            good, bgr = self._capture.read()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def _usable_rate(rate_hz: float) -> float:
    """Return the rate that a file claims, as MPEG-4 can write it; another where it can't be so."""
    believable = math.isfinite(rate_hz) and 0.1 <= rate_hz <= MOST_HZ
    return round(rate_hz, 2) if believable else UNKNOWN_RATE_HZ


class Camera:
    """The newest frame of a camera; a thread takes the others out of the driver's queue."""

    rate_hz, length = CAMERA_RATE_HZ, 0

    def __init__(self, cv2: Any, number: int) -> None:
        """Open the camera; raise ValueError where there is none."""
        self._cv2, self._number = cv2, number
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise ValueError(
                f"camera {number} can't be opened: is it there, and free? --camera N takes another "
                "one, --video FILE a file"
            )
        self._changed = threading.Condition()
        self._newest: np.ndarray | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="groma-camera", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        """Keep the newest frame until the camera gives no more, or `close`."""
        good = True
        while good and not self._ended:
            try:
                good, bgr = self._capture.read()
            except self._cv2.error:
                good = False
            with self._changed:
                self._newest = bgr if good else self._newest
                self._ended = self._ended or not good
                self._changed.notify()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield each time the newest frame that was not there before.

        Raises ValueError where the camera never gives one; says on stderr when it gives no more.
        """
        seen = False
        while (bgr := self._take()) is not None:
            seen = True
            yield self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)
        if not seen:
            raise ValueError(f"camera {self._number} gives no pictures; --camera N takes another")
        print(f"camera {self._number} gives no more pictures", file=sys.stderr)

    def _take(self) -> np.ndarray | None:
        """Wait for a new frame and take it, (H, W, 3) uint8 BGR; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended)
            bgr, self._newest = self._newest, None
        return bgr

    def close(self) -> None:
        """Let the camera go."""
        with self._changed:
            self._ended = True
        self._thread.join(5.0)
        if not self._thread.is_alive():  # a capture that is released while it reads crashes
            self._capture.release()
