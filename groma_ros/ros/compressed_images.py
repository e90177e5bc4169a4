"""Compressed images to RGB pictures: JPEG, PNG, WebP and what else OpenCV reads.

`format` is as image_transport's compressed plugin writes it: the original encoding, a semicolon,
the codec and, where pixels were converted before, their encoding ("bayer_rggb8; jpeg compressed
bgr8"). What it says of pixels decides how a picture of one channel becomes colour.
"""

from __future__ import annotations

import warnings
from io import BytesIO

import cv2
import numpy as np
from PIL import Image as Picture
from PIL import UnidentifiedImageError

from groma_ros.ros.image_encodings import ENCODINGS

VIDEO_CODECS = ("h264", "h265", "hevc", "av1", "vp8", "vp9", "theora", "ffmpeg", "mpeg4")
STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
"""How the data of a picture begins, by codec."""
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
"""What stands near the end of data that is whole."""
TAIL_BYTES = 64
STRETCHED = ("mono16", "16UC1")


def check(message) -> None:
    """Raise ValueError, in one line, if a CompressedImage can't hold a picture.

    Cheap: it looks at the format and at both ends of the data, so every message can be checked.
    """
    data = message.data
    if not len(data):
        raise ValueError("compressed image without data; look at what its publisher compresses")
    if "compressedDepth" in message.format:
        raise ValueError(
            f"compressed image of format {message.format!r} is depth, not a picture; "
            "give the node the topic of the colour camera"
        )
    described = f"compressed image of format {message.format!r} and {len(data)} bytes"
    start = bytes(data[:16])
    if any(codec in message.format.lower() for codec in VIDEO_CODECS) or _is_h264(start):
        raise ValueError(
            f"{described} is a piece of a video stream, which no single picture can be read from; "
            "republish it as images: ros2 run image_transport republish"
        )
    codec = next((name for magic, name in STARTS.items() if start.startswith(magic)), None)
    if codec is None:
        raise ValueError(
            f"{described} begins as no picture does; OpenCV reads JPEG, PNG and WebP among others"
        )
    whole = ENDS.get(codec, b"") in bytes(data[-TAIL_BYTES:])
    if not whole or (codec == "PNG" and not has_whole_chunks(data)):
        raise ValueError(f"{described} is a {codec} that is cut off; was a part of it lost?")


def has_whole_chunks(png) -> bool:
    """Say whether no chunk of a PNG is longer than its data: OpenCV takes memory for all of it."""
    at, data = 8, memoryview(png)
    while at + 8 <= len(data):
        at += 12 + int.from_bytes(data[at : at + 4])  # length, name, data and check sum
    return at <= len(data)


def size(message, data: bytes | None = None) -> tuple[int, int]:
    """Return the width and height that a CompressedImage says it has, undecoded.

    `data` is what is looked at where it is not all of the message's. Raises ValueError where it
    says none.
    """
    data = message.data if data is None else data
    try:
        with warnings.catch_warnings(action="ignore"):  # of broken metadata and of large pictures
            return Picture.open(BytesIO(data)).size
    except (Picture.DecompressionBombError, UnidentifiedImageError, OSError, SyntaxError) as error:
        described = f"compressed image of format {message.format!r} and {len(message.data)} bytes"
        raise ValueError(f"{described} says no size: {error}") from error


def _is_h264(start: bytes) -> bool:
    """Tell whether data begins with a start code of H.264 or H.265 (ITU-T H.264, annex B)."""
    return start.startswith((b"\x00\x00\x00\x01", b"\x00\x00\x01"))


def decode(message) -> np.ndarray:
    """Return the picture of a CompressedImage as (H, W, 3) uint8 RGB.

    A mosaic (bayer_*) of one channel is demosaiced, mono16 and 16UC1 are stretched, as they are
    where they come uncompressed. Raises ValueError where data can't be decoded.
    """
    check(message)
    original = message.format.partition(";")[0].strip()
    encoding = ENCODINGS.get(original)
    raw = encoding is not None and (original.startswith("bayer_") or original in STRETCHED)
    # The camera's pixels are wanted as they are, whatever a tag says about the top.
    flags = cv2.IMREAD_IGNORE_ORIENTATION | (cv2.IMREAD_UNCHANGED if raw else cv2.IMREAD_COLOR)
    values = cv2.imdecode(np.frombuffer(message.data, np.uint8), flags)
    if values is None:
        raise ValueError(
            f"compressed image of format {message.format!r} and {len(message.data)} bytes "
            "can't be decoded; OpenCV reads JPEG, PNG and WebP among others"
        )
    if values.ndim == 3:  # colour, or a mosaic that was demosaiced before it was compressed
        code = cv2.COLOR_BGRA2RGB if values.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return _in_8_bits(cv2.cvtColor(values, code))
    if original.startswith("bayer_") and (values.shape[0] % 2 or values.shape[1] % 2):
        height, width = values.shape
        raise ValueError(
            f"compressed image of format {message.format!r} is {width}x{height}; a mosaic has even "
            "sides"
        )
    return _in_8_bits(encoding.to_rgb(values[..., None]))


def _in_8_bits(rgb: np.ndarray) -> np.ndarray:
    return cv2.convertScaleAbs(rgb, alpha=255 / 65535) if rgb.dtype == np.uint16 else rgb
