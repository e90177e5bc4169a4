"""Image messages to RGB pictures, without cv_bridge.

Functions take anything with the fields of sensor_msgs/Image (or CompressedImage), so that they are
tested without ROS. Encodings: sensor_msgs/image_encodings.hpp and REP 118.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Encoding:
    """Say how one pixel is stored and how an image of them becomes RGB.

    channels  values a pixel
    dtype     of one value, in the machine's byte order
    to_rgb    an OpenCV colour conversion, a tuple that picks channels, or "gray" or "stretch"
    """

    channels: int
    dtype: type
    to_rgb: int | tuple[int, int, int] | str


RGB, BGR = (0, 1, 2), (2, 1, 0)
ENCODINGS = {
    "rgb8": Encoding(3, np.uint8, RGB),
    "bgr8": Encoding(3, np.uint8, BGR),
    "rgba8": Encoding(4, np.uint8, RGB),
    "bgra8": Encoding(4, np.uint8, BGR),
    "rgb16": Encoding(3, np.uint16, RGB),
    "bgr16": Encoding(3, np.uint16, BGR),
    "mono8": Encoding(1, np.uint8, "gray"),
    "mono16": Encoding(1, np.uint16, "gray"),
    # OpenCV's own types say nothing of colour; its pictures are BGR.
    "8UC1": Encoding(1, np.uint8, "gray"),
    "8UC3": Encoding(3, np.uint8, BGR),
    "8UC4": Encoding(4, np.uint8, BGR),
    # Depth and thermal cameras: no value is white, so the picture's own range is stretched.
    "16UC1": Encoding(1, np.uint16, "stretch"),
    "32FC1": Encoding(1, np.float32, "stretch"),
    "yuv422": Encoding(2, np.uint8, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": Encoding(2, np.uint8, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": Encoding(2, np.uint8, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": Encoding(2, np.uint8, cv2.COLOR_YUV2RGB_YUY2),
    # OpenCV names a mosaic after its second row: BayerBG has R G over G B in the corner.
    "bayer_rggb8": Encoding(1, np.uint8, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": Encoding(1, np.uint8, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": Encoding(1, np.uint8, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": Encoding(1, np.uint8, cv2.COLOR_BayerGB2RGB),
}


def check(message) -> None:
    """Raise ValueError, in one line, if an Image or CompressedImage can't hold a picture.

    Cheap: it looks at the fields alone, so every arriving message can be checked.
    """
    if hasattr(message, "format"):
        if not len(message.data):
            raise ValueError("compressed image without data")
        return
    if not (message.width and message.height):
        raise ValueError(f"image of size {message.width}x{message.height} (width x height)")
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise ValueError(f"image encoding {message.encoding!r} is none of {', '.join(ENCODINGS)}")
    if message.encoding.startswith(("bayer", "yu", "uy")) and (
        message.width % 2 or message.height % 2 and "bayer" in message.encoding
    ):
        raise ValueError(f"{message.encoding} image of odd size {message.width}x{message.height}")
    row_bytes = _row_bytes(message, encoding)
    if message.step < row_bytes:
        raise ValueError(
            f"image step is {message.step} bytes, but {message.width} pixels of "
            f"{message.encoding} take {row_bytes}"
        )
    if len(message.data) < message.step * message.height:
        raise ValueError(
            f"image data is {len(message.data)} bytes, but {message.height} rows of step "
            f"{message.step} take {message.step * message.height}"
        )


def to_rgb(message) -> np.ndarray:
    """Return the picture of an Image or CompressedImage as (H, W, 3) uint8 RGB.

    The result may share memory with the message. Raises ValueError as `check` does, and where
    compressed data can't be decoded.
    """
    check(message)
    if hasattr(message, "format"):
        return _decompress(message)
    encoding = ENCODINGS[message.encoding]
    values = _values(message, encoding)
    if encoding.to_rgb == "stretch":
        return _gray_to_rgb(_stretched(values[:, :, 0]))
    if values.dtype == np.uint16:
        values = (values >> 8).astype(np.uint8)
    if encoding.to_rgb == "gray":
        return _gray_to_rgb(values[:, :, 0])
    if encoding.to_rgb == RGB and encoding.channels == 3:
        return values
    if isinstance(encoding.to_rgb, tuple):
        return np.ascontiguousarray(values[:, :, encoding.to_rgb])
    return cv2.cvtColor(values, encoding.to_rgb)


def _row_bytes(message, encoding: Encoding) -> int:
    return message.width * encoding.channels * np.dtype(encoding.dtype).itemsize


def _values(message, encoding: Encoding) -> np.ndarray:
    """Return (H, W, C) values in the machine's byte order, without the padding of the rows."""
    stored = np.dtype(encoding.dtype).newbyteorder(">" if message.is_bigendian else "<")
    rows = np.frombuffer(message.data, np.uint8, message.step * message.height)
    rows = rows.reshape(message.height, message.step)[:, : _row_bytes(message, encoding)]
    values = np.ascontiguousarray(rows).view(stored).astype(encoding.dtype, copy=False)
    return values.reshape(message.height, message.width, encoding.channels)


def _stretched(values: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8 whose 0 and 255 are the smallest and the largest valid value.

    Invalid, by REP 118, are 0 in unsigned depth and what is not finite in floats; they become 0.
    """
    valid = np.isfinite(values) if values.dtype.kind == "f" else values > 0
    if not valid.any():
        return np.zeros(values.shape, np.uint8)
    low, high = float(values[valid].min()), float(values[valid].max())
    scaled = (np.where(valid, values, low).astype(np.float64) - low) / max(high - low, 1e-12)
    return np.round(255 * scaled).astype(np.uint8)


def _gray_to_rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[:, :, None], 3, axis=2)


def _decompress(message) -> np.ndarray:
    if "compressedDepth" in message.format:
        raise ValueError(f"compressed image of format {message.format!r} is depth, not a picture")
    # The camera's pixels are wanted as they are, whatever a tag says about the top.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = cv2.imdecode(np.frombuffer(message.data, np.uint8), flags)
    if bgr is None:
        raise ValueError(
            f"compressed image of format {message.format!r} and {len(message.data)} bytes "
            "can't be decoded"
        )
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
