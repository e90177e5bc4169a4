"""Depth images: kept until their colour image is answered, matched by stamp, read as metres.

Depth has to be registered to the colour camera, as REP 118 has it: the same optical frame, the
distance along the optical axis. Functions take anything with the fields of sensor_msgs/Image (or
CompressedImage), so that they are tested without ROS.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Any

import numpy as np

from groma_ros.depth import UNITS_A_METRE, metres, units_a_metre
from groma_ros.ros import rvl

KEPT = 30
"""Depth images that are kept: one second at a camera's usual rate."""
PNG_START = b"\x89PNG"
HEADER = struct.Struct("<iff")
"""Of compressed_depth_image_transport: an enum, then A and B of 32FC1's A / (value - B)."""


class DepthBuffer:
    """Keep the newest depth images, and find the one that was taken with a colour image.

    received  how many came
    """

    def __init__(self, kept: int = KEPT, max_pixels: int | None = None) -> None:
        self.received = 0
        self._max_pixels = max_pixels
        self._messages: deque[Any] = deque(maxlen=kept)

    def put(self, message: Any) -> None:
        """Keep a depth image; the oldest one goes where there are too many."""
        self.received += 1
        self._messages.append(message)

    def match(self, header: Any, slop_s: float) -> Any:
        """Return the depth image of a colour image's header (std_msgs/Header).

        It is the one of the same stamp, else the nearest one within `slop_s` seconds. Raises
        ValueError, in one line, where there is none, where it is of another optical frame, and
        where it has more than `max_pixels`.
        """
        messages = tuple(self._messages)  # another thread may add one meanwhile
        if not messages:
            raise ValueError("no depth image has come")
        taken_s = seconds(header.stamp)
        message = min(messages, key=lambda m: abs(seconds(m.header.stamp) - taken_s))
        apart_s = abs(seconds(message.header.stamp) - taken_s)
        if apart_s > slop_s:
            raise ValueError(
                f"the nearest depth image is {apart_s:.3f} s from the image, more than "
                f"depth_slop_s {slop_s:g}"
            )
        if message.header.frame_id != header.frame_id:
            raise ValueError(
                f"depth is in frame {message.header.frame_id!r} and the image in "
                f"{header.frame_id!r}; register it to the image (depth_image_proc does)"
            )
        if self._max_pixels is not None:
            check_size(message, self._max_pixels)
        return message


def check_size(message: Any, max_pixels: int) -> None:
    """Raise ValueError, in one line, for a depth image of too many pixels; decodes nothing."""
    from groma_ros.ros import compressed_images, image_codec  # imports OpenCV

    if hasattr(message, "format") and _is_rvl(message):
        size = rvl.size(bytes(message.data[HEADER.size : HEADER.size + rvl.SIZE.size]))
    elif hasattr(message, "format"):
        size = compressed_images.size(message, message.data[HEADER.size :])
    else:
        size = message.width, message.height
    image_codec.check_size(*size, max_pixels)


def seconds(stamp: Any) -> float:
    """Return a stamp (builtin_interfaces/Time) in seconds."""
    return stamp.sec + stamp.nanosec * 1e-9


def to_metres(message: Any) -> np.ndarray:
    """Return a depth image as (H, W) float32 metres, NaN where nothing was measured.

    16UC1 and mono16 are millimetres, 32FC1 metres (REP 118); compressedDepth is read where it holds
    PNG or RVL. Raises ValueError, in one line, for what is no depth.
    """
    if hasattr(message, "format"):
        return _decompressed(message)
    units_a_metre(message.encoding)  # raises for what is no depth
    from groma_ros.ros import image_encodings  # imports OpenCV: not before the node is active

    encoding = image_encodings.ENCODINGS[message.encoding]
    row_bytes = image_encodings.row_bytes(message, encoding)
    if (
        not row_bytes
        or message.step < row_bytes
        or len(message.data) < image_encodings.data_bytes(message, encoding)
    ):
        raise ValueError(
            f"depth image of {message.width}x{message.height} {message.encoding} with step "
            f"{message.step} has {len(message.data)} bytes"
        )
    (values,) = image_encodings.planes(message, encoding)  # (H, W, 1)
    return metres(values[..., 0], message.encoding)


def _is_rvl(message: Any) -> bool:
    """Say whether compressed depth is in RVL ("16UC1; compressedDepth rvl")."""
    return message.format.rpartition("compressedDepth")[2].strip().lower() == "rvl"


def _decompressed(message: Any) -> np.ndarray:
    """Read what compressed_depth_image_transport writes: a header of 12 bytes, then PNG or RVL."""
    import cv2  # not before the node is active: it takes a fifth of its start

    from groma_ros.ros import compressed_images

    encoding = message.format.partition(";")[0].strip()
    described = f"compressed depth of format {message.format!r} and {len(message.data)} bytes"
    if "compressedDepth" not in message.format or encoding not in UNITS_A_METRE:
        raise ValueError(f"{described} is no depth; give the topic that ends in /compressedDepth")
    if len(message.data) <= HEADER.size:
        raise ValueError(f"{described} is cut off")
    _, a, b = HEADER.unpack(bytes(message.data[: HEADER.size]))
    if _is_rvl(message):
        values = rvl.decode(bytes(message.data[HEADER.size :]))
    else:
        png = np.frombuffer(message.data, np.uint8)[HEADER.size :]
        if png[:4].tobytes() == PNG_START and not compressed_images.has_whole_chunks(png):
            raise ValueError(f"{described} is cut off")
        values = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 2 or values.dtype != np.uint16:
        raise ValueError(f"{described} can't be decoded; PNG with 16 bits and RVL are read")
    if encoding != "32FC1":
        return metres(values, encoding)
    with np.errstate(all="ignore"):
        inverse = np.where(values > 0, a / (values.astype(np.float32) - b), np.nan)
    return metres(inverse.astype(np.float32), encoding)
