"""Image messages to RGB pictures.

cv_bridge decodes what it decodes rightly, where it is installed; image_encodings decodes the rest,
and everything where cv_bridge is not; compressed_images decodes what is compressed. Functions take
anything with the fields of sensor_msgs/Image (or CompressedImage), so that they are tested without
ROS.
"""

from __future__ import annotations

import numpy as np

from groma_ros.ros import compressed_images, cv_bridge_decoder, image_encodings
from groma_ros.ros.image_encodings import ENCODINGS


def warm_up() -> None:
    """Import and try cv_bridge now; its libraries take a moment that no first image should wait."""
    cv_bridge_decoder.load()


def check(message, max_pixels: int | None = None) -> None:
    """Raise ValueError, in one line, if an Image or CompressedImage can't hold a picture.

    Pictures of more than `max_pixels` are refused before memory is taken for them. Cheap: it looks
    at the fields and the data's header alone, so every arriving message can be checked.
    """
    if hasattr(message, "format"):
        compressed_images.check(message)
        if max_pixels is not None:
            check_size(*compressed_images.size(message), max_pixels)
        return
    if max_pixels is not None:
        check_size(message.width, message.height, max_pixels)
    size = f"{message.width}x{message.height} (width x height)"
    if not (message.width and message.height):
        raise ValueError(f"image of size {size}; its publisher must send at least 1x1")
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise ValueError(
            f"image encoding {message.encoding!r} is none of {', '.join(ENCODINGS)}; "
            "set the camera to one of them"
        )
    across, down = encoding.block
    if message.width % across or message.height % down:
        raise ValueError(
            f"{message.encoding} image of size {size}; its publisher must send multiples of "
            f"{across}x{down}"
        )
    row_bytes = image_encodings.row_bytes(message, encoding)
    if message.step < row_bytes:
        raise ValueError(
            f"image step is {message.step} bytes, but {message.width} pixels of "
            f"{message.encoding} take {row_bytes}; its publisher must set step to the bytes "
            + ("of a row" if len(encoding.planes) == 1 else "of a row of luma")
        )
    data_bytes = image_encodings.data_bytes(message, encoding)
    if len(message.data) < data_bytes:
        raise ValueError(
            f"image data is {len(message.data)} bytes, but {message.height} rows of step "
            f"{message.step} take {data_bytes} as {message.encoding}; its publisher must send "
            "whole images"
        )


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise ValueError, in one line with both numbers, for a picture of too many pixels."""
    if width * height > max_pixels:
        raise ValueError(
            f"image of size {width}x{height} has {width * height} pixels and at most {max_pixels} "
            "are taken; send smaller ones or raise max_image_pixels"
        )


def to_rgb(message) -> np.ndarray:
    """Return the picture of an Image or CompressedImage as (H, W, 3) uint8 RGB.

    The result may share memory with the message. Raises ValueError as `check` does, and where
    compressed data can't be decoded.
    """
    check(message)
    if hasattr(message, "format"):
        return compressed_images.decode(message)
    decoder = cv_bridge_decoder.load()
    return decoder.decode(message) if decoder.takes(message) else image_encodings.decode(message)
