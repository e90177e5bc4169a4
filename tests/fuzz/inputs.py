"""Inputs as others may send them: near to right ones, with something wrong."""

import os
from types import SimpleNamespace

import cv2
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from groma_ros.ros import image_encodings
from groma_ros.ros.image_encodings import ENCODINGS

INPUTS = int(os.environ.get("FUZZ_INPUTS", "40"))
fuzz = settings(
    max_examples=INPUTS,
    derandomize="FUZZ_INPUTS" not in os.environ,
    deadline=None,
    print_blob=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""Decorates a test that takes fuzzed inputs."""

MAX_PIXELS = 4096
"""So many pixels are taken here; what claims more is refused before memory is taken for it."""
UINT32 = st.integers(0, 2**32 - 1)
SIZES = st.one_of(st.integers(0, 24), st.sampled_from([2**16, 2**31 - 1, 2**31, 2**32 - 1]), UINT32)
ANY_FLOATS = st.floats(width=64, allow_nan=True, allow_infinity=True)
TEXTS = st.one_of(st.text(max_size=40), st.text("ab \n\0\u202e", max_size=400))


@st.composite
def raw_images(draw, encodings=tuple(ENCODINGS)):
    """Give a sensor_msgs/Image of random bytes, in every other one a field that does not fit."""
    name = draw(st.sampled_from(encodings))
    message = SimpleNamespace(
        encoding=name,
        width=2 * draw(st.integers(1, 12)),
        height=2 * draw(st.integers(1, 12)),
        is_bigendian=draw(st.integers(0, 255)),
    )
    message.step = image_encodings.row_bytes(message, ENCODINGS[name]) + 2 * draw(st.integers(0, 2))
    size = image_encodings.data_bytes(message, ENCODINGS[name]) + draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    message.data = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
    wrong = draw(st.sampled_from(["", "width", "height", "step", "data", "encoding"]))
    if wrong in ("width", "height", "step") and draw(st.booleans()):
        setattr(message, wrong, draw(SIZES))
    elif wrong == "data":
        message.data = message.data[: draw(st.integers(0, size))]
    elif wrong == "encoding":
        message.encoding = draw(st.one_of(st.sampled_from(tuple(ENCODINGS)), TEXTS))
    return message


def _encoded(suffix, shape, dtype=np.uint8):
    values = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    return cv2.imencode(suffix, values)[1].tobytes()


PICTURES = [
    *(_encoded(suffix, (12, 16, 3)) for suffix in (".jpg", ".png", ".webp", ".bmp", ".tiff")),
    *(_encoded(suffix, (12, 16)) for suffix in (".jpg", ".png")),
    _encoded(".png", (12, 16), np.uint16),
    _encoded(".png", (12, 16, 4)),
]
RVL_DEPTH = bytes.fromhex("10000000030000000af83c9b8f9a8c0b5fa1b2c300000000")
"""Sixteen columns and three rows, and some words."""
DEPTHS = [RVL_DEPTH, _encoded(".png", (12, 16), np.uint16), _encoded(".png", (12, 16))]


@st.composite
def damaged(draw, wholes):
    """Give one of several files with some bytes changed, cut off, repeated or put in."""
    data = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["set", "flip", "cut", "repeat", "insert"]))
        if how == "set" and at < len(data):
            data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
        elif how == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 64))]
        elif how == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
        elif how == "insert":
            data[at:at] = draw(st.binary(max_size=16))
    return bytes(data)
