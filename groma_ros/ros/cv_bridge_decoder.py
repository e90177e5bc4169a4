"""Decode images with cv_bridge, where it is installed and gives what image_encodings gives.

Which encodings these are is found out at first use, on a small picture of each. Of cv_bridge 3.4
with OpenCV 4.6 they are rgb, bgr, rgba, bgra, mono and bayer of 8 and 16 bits, yuv422 and
yuv422_yuy2; it knows no uyvy, yuyv or planar encoding, and makes no colour of OpenCV's own types
(8UC3, 16UC1, ...).

Three faults of its Python side are kept from it (github.com/ros-perception/vision_opencv):
- A compiled part built for numpy 1 can be imported beside numpy 2, and ends the process with a
  segmentation fault at the first conversion (issue 535).
- Rows whose padding is no whole number of pixels come out skewed (issue 115, pull request 394).
- Data in the other byte order raise AttributeError with numpy 2 (pull request 556).
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from groma_ros.ros import image_encodings
from groma_ros.ros.image_encodings import ENCODINGS

TRIAL_SIZE = 8  # pixels a side: borders and an inside for every mosaic
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CvBridgeDecoder:
    """Hold what was found out about cv_bridge.

    imgmsg_to_cv2  CvBridge's method, or None where cv_bridge can't be used
    encodings      those that it decodes as image_encodings does
    reason         why it can't be used, one line
    """

    imgmsg_to_cv2: Callable | None = None
    encodings: frozenset[str] = frozenset()
    reason: str = ""

    def takes(self, message) -> bool:
        """Tell whether cv_bridge decodes a well-formed Image rightly."""
        if message.encoding not in self.encodings:
            return False
        encoding = ENCODINGS[message.encoding]
        pixel_bytes = encoding.planes[0].channels * np.dtype(encoding.dtype).itemsize
        native = bool(message.is_bigendian) == (sys.byteorder == "big")
        return native and message.step % pixel_bytes == 0

    def decode(self, message) -> np.ndarray:
        """Return an Image that it takes as (H, W, 3) uint8 RGB."""
        # From rgb8 to rgb8 cv_bridge copies twice, where "passthrough" copies nothing.
        wanted = "passthrough" if message.encoding == "rgb8" else "rgb8"
        return self.imgmsg_to_cv2(message, wanted)


@functools.cache
def load() -> CvBridgeDecoder:
    """Import cv_bridge and try it, once; log in one line what it is used for, or why it is not."""
    spec = importlib.util.find_spec("cv_bridge")
    if spec is None or spec.origin is None:  # a mere folder of that name has no origin
        return CvBridgeDecoder(reason="cv_bridge is not installed")
    decoder = _misfit(Path(spec.origin).parent) or _tried()
    if decoder.reason:
        log.warning("cv_bridge is not used: %s", decoder.reason)
    else:
        log.info("cv_bridge decodes %s", ", ".join(sorted(decoder.encodings)))
    return decoder


def _misfit(folder: Path) -> CvBridgeDecoder | None:
    """Return why the compiled part doesn't fit numpy, without importing it; None if it fits.

    What is built with the headers of numpy 2 or later looks for the module `numpy._core`.
    """
    if int(np.__version__.partition(".")[0]) < 2:
        return None
    for library in folder.glob("boost/*.so"):
        if b"numpy._core" not in library.read_bytes():
            return CvBridgeDecoder(
                reason=f"its compiled part was built for numpy 1, and this is numpy "
                f"{np.__version__}; install numpy<2, or build cv_bridge with numpy 2"
            )
    return None


def _tried() -> CvBridgeDecoder:
    """Import cv_bridge, and keep the encodings that it decodes as image_encodings does."""
    try:
        from cv_bridge import CvBridge

        candidate = CvBridgeDecoder(CvBridge().imgmsg_to_cv2)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, images are decoded
        return CvBridgeDecoder(reason=f"it can't be imported: {_line(error)}")
    agreed, fault = set(), ""
    for name in ENCODINGS:
        message = _trial(name)
        try:
            rgb = candidate.decode(message)
        except Exception as error:  # noqa: BLE001 - an encoding that it does not know
            fault = fault or _line(error)
            continue
        if np.array_equal(rgb, image_encodings.decode(message)):
            agreed.add(name)
    if not agreed:
        return CvBridgeDecoder(reason=f"it decodes no encoding rightly; {fault or 'wrong colours'}")
    return CvBridgeDecoder(candidate.imgmsg_to_cv2, frozenset(agreed))


@dataclass(frozen=True)
class _Trial:
    """Mirror the fields of sensor_msgs/Image that decoding needs."""

    encoding: str
    width: int
    height: int
    step: int
    data: bytes
    is_bigendian: int


def _trial(name: str) -> _Trial:
    """Return a picture of noise in an encoding, in the machine's byte order."""
    encoding = ENCODINGS[name]
    channels = encoding.planes[0].channels
    step = TRIAL_SIZE * channels * np.dtype(encoding.dtype).itemsize
    empty = _Trial(name, TRIAL_SIZE, TRIAL_SIZE, step, b"", int(sys.byteorder == "big"))
    count = image_encodings.data_bytes(empty, encoding) // np.dtype(encoding.dtype).itemsize
    noise = np.random.default_rng(0).integers(0, np.iinfo(np.uint16).max, count)
    return replace(empty, data=noise.astype(encoding.dtype).tobytes())


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
