"""cv_bridge and the package's own decoder make the same picture of an image."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sensor_msgs.msg import Image

from groma_ros.ros import cv_bridge_decoder, image_codec, image_encodings
from groma_ros.ros.image_encodings import ENCODINGS

WIDTH, HEIGHT = 14, 10
# What cv_bridge has known since ROS 2 Humble.
KNOWN = [
    *("rgb8", "bgr8", "rgba8", "bgra8", "rgb16", "bgr16", "rgba16", "bgra16", "mono8"),
    *(f"bayer_{mosaic}{bits}" for mosaic in ("rggb", "bggr", "gbrg", "grbg") for bits in (8, 16)),
    *("yuv422", "yuv422_yuy2"),
]
OTHER_ORDER = sys.byteorder == "little"
DECODER = cv_bridge_decoder.load()
if DECODER.reason:
    pytest.skip(f"cv_bridge is not compared: {DECODER.reason}", allow_module_level=True)


def value_bytes(encoding: str) -> int:
    return np.dtype(ENCODINGS[encoding].dtype).itemsize


def pixel_bytes(encoding: str) -> int:
    return ENCODINGS[encoding].planes[0].channels * value_bytes(encoding)


def noise(encoding: str, padding: int = 0) -> Image:
    """Return a picture of noise with `padding` bytes of rubbish after each row."""
    used = WIDTH * pixel_bytes(encoding)
    data = np.random.default_rng(3).integers(0, 256, (HEIGHT, used), np.uint8)
    rubbish = np.full((HEIGHT, padding), 0xAB, np.uint8)
    message = Image(encoding=encoding, width=WIDTH, height=HEIGHT, step=used + padding)
    message.is_bigendian = int(not OTHER_ORDER)
    message.data = np.hstack([data, rubbish]).tobytes()
    return message


def in_other_order(message: Image) -> Image:
    """Return the same picture stored in the byte order that this machine has not."""
    values = np.frombuffer(message.data, f"u{value_bytes(message.encoding)}")
    swapped = Image(encoding=message.encoding, width=WIDTH, height=HEIGHT, step=message.step)
    swapped.is_bigendian = int(OTHER_ORDER)
    swapped.data = values.byteswap().tobytes()
    return swapped


def test_it_is_used_for_all_that_it_knows():
    assert DECODER.encodings >= set(KNOWN)


@pytest.mark.parametrize("padded_pixels", [0, 1, 3])
@pytest.mark.parametrize("encoding", sorted(DECODER.encodings))
def test_both_decode_alike(encoding, padded_pixels):
    message = noise(encoding, padded_pixels * pixel_bytes(encoding))
    assert DECODER.takes(message)
    theirs, ours = DECODER.decode(message), image_encodings.decode(message)
    assert theirs.shape == (HEIGHT, WIDTH, 3) and theirs.dtype == np.uint8
    np.testing.assert_array_equal(theirs, ours)


@pytest.mark.parametrize("encoding", KNOWN)
def test_padding_by_part_of_a_pixel_changes_nothing(encoding):
    message = noise(encoding, padding=1)
    assert DECODER.takes(message) == (pixel_bytes(encoding) == 1)
    expected = DECODER.decode(noise(encoding))
    np.testing.assert_array_equal(image_codec.to_rgb(message), expected)


@pytest.mark.parametrize("encoding", KNOWN)
def test_the_other_byte_order_changes_nothing(encoding):
    message = noise(encoding, padding=2 * pixel_bytes(encoding))
    swapped = in_other_order(message)
    assert not DECODER.takes(swapped)
    np.testing.assert_array_equal(image_codec.to_rgb(swapped), DECODER.decode(message))
