"""Where `groma live` shows frames: a window, a video file, or the newest picture alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

WINDOW = "groma live"
PICTURES = (".jpg", ".jpeg", ".png")
LARGEST_WINDOW = 1280, 800  # width and height in pixels
PROBE = f"import cv2; cv2.namedWindow({WINDOW!r}); cv2.waitKey(1)"


class Sink(Protocol):
    """Take annotated frames (H, W, 3) uint8 RGB; `show` says whether to go on."""

    def show(self, rgb: np.ndarray) -> bool: ...

    def close(self) -> None: ...


def has_display(cv2: Any) -> bool:
    """Say whether OpenCV can open a window here.

    A second process tries it: Qt ends the whole process where the display can't be reached.
    """
    gui = re.search(r"GUI:\s+(\S+)", cv2.getBuildInformation())
    if gui and gui[1] == "NONE":
        return False
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        return False
    quiet = {"stdin": subprocess.DEVNULL, "capture_output": True}
    try:
        tried = subprocess.run([sys.executable, "-c", PROBE], **quiet, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return False
    return tried.returncode == 0


class Window:
    """A window that shows the newest frame; q, Escape or closing it ends the show."""

    def __init__(self, cv2: Any) -> None:
        self._cv2, self._open = cv2, False

    def show(self, rgb: np.ndarray) -> bool:
        """Show a frame; return whether to go on."""
        cv2 = self._cv2
        if not self._open:
            self._open = True
            height, width = rgb.shape[:2]
            scale = min(1.0, LARGEST_WINDOW[0] / width, LARGEST_WINDOW[1] / height)
            cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(WINDOW, round(width * scale), round(height * scale))
        cv2.imshow(WINDOW, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        return key not in (27, ord("q")) and self._is_visible()

    def _is_visible(self) -> bool:
        """Say whether the window is still there; Qt raises an error once it was closed."""
        try:
            return self._cv2.getWindowProperty(WINDOW, self._cv2.WND_PROP_VISIBLE) >= 1
        except self._cv2.error:
            return False

    def close(self) -> None:
        """Close the window."""
        if self._open:
            self._cv2.destroyAllWindows()


def output_to(cv2: Any, path: Path, rate_hz: float, clock: Callable[[], float] | None) -> Sink:
    """Return what writes a file; raise ValueError for a name of no known kind or no folder.

    `clock` gives seconds: a video then lasts as long as what it shows. Without it each frame is
    written once.
    """
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: there is no folder {path.parent}")
    if path.suffix.lower() in PICTURES:
        return NewestPicture(path)
    if path.suffix.lower() == ".mp4":
        return Video(cv2, path, rate_hz, clock)
    raise ValueError(f"--out {path}: end the name in .mp4, .jpg or .png")


class NewestPicture:
    """Keep the newest frame alone in a file, which is whole at any moment."""

    def __init__(self, path: Path) -> None:
        self._path, self._partial = path, path.with_name(f".partial-{path.name}")

    def show(self, rgb: np.ndarray) -> bool:
        """Replace the file; raise ValueError where it can't be written."""
        try:
            Image.fromarray(rgb).save(self._partial)
            self._partial.replace(self._path)
        except OSError as error:
            raise ValueError(f"{self._path} can't be written: {error}") from None
        return True

    def close(self) -> None:
        """Remove what was not written to its end; the file itself is whole."""
        self._partial.unlink(missing_ok=True)


class Video:
    """Write frames as a video of the first one's size."""

    def __init__(
        self, cv2: Any, path: Path, rate_hz: float, clock: Callable[[], float] | None = None
    ) -> None:
        """Take a file's name and the pictures a second; `clock` as `output_to` does."""
        self._cv2, self._path, self._rate_hz, self._clock = cv2, path, rate_hz, clock
        self._writer: Any = None
        self._size: tuple[int, int] = (0, 0)
        self._started, self._written = 0.0, 0

    def show(self, rgb: np.ndarray) -> bool:
        """Add a frame, as often as its time takes; raise ValueError where that can't be done."""
        if self._writer is None:
            self._open((rgb.shape[1], rgb.shape[0]))
        bgr = self._cv2.cvtColor(rgb, self._cv2.COLOR_RGB2BGR)
        if (rgb.shape[1], rgb.shape[0]) != self._size:
            bgr = self._cv2.resize(bgr, self._size)
        for _ in range(self._due()):
            self._writer.write(bgr)
            self._written += 1
        return True

    def _open(self, size: tuple[int, int]) -> None:
        """Begin the file for frames of a size (width, height)."""
        codec = self._cv2.VideoWriter.fourcc(*"mp4v")
        self._size, self._started = size, self._clock() if self._clock else 0.0
        self._writer = self._cv2.VideoWriter(str(self._path), codec, self._rate_hz, size)
        if not self._writer.isOpened():
            raise ValueError(f"{self._path} can't be written; may this folder be written to?")

    def _due(self) -> int:
        """Return how often a frame is written: once, or what is missing up to now."""
        if self._clock is None:
            return 1
        return int((self._clock() - self._started) * self._rate_hz) + 1 - self._written

    def close(self) -> None:
        """End the file, so that it can be played."""
        if self._writer is not None:
            self._writer.release()
