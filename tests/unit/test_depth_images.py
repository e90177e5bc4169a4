"""Depth images are matched to the image they were taken with, and read in metres."""

import struct
from types import SimpleNamespace as Bag

import cv2
import numpy as np
import pytest

from groma_ros.ros.depth_images import DepthBuffer, to_metres


def header(stamp_s, frame="camera_optical"):
    sec, nanosec = divmod(round(stamp_s * 1e9), 10**9)
    return Bag(stamp=Bag(sec=sec, nanosec=nanosec), frame_id=frame)


def depth(stamp_s, frame="camera_optical"):
    return Bag(header=header(stamp_s, frame))


def image(values, encoding, padding=0, big=False):
    """Return an Image of (H, W) values with padded rows."""
    values = values.astype(values.dtype.newbyteorder(">" if big else "<"))
    rows = np.pad(values.view(np.uint8), ((0, 0), (0, padding)))
    return Bag(
        encoding=encoding,
        height=values.shape[0],
        width=values.shape[1],
        step=rows.shape[1],
        data=rows.tobytes(),
        is_bigendian=int(big),
    )


def test_the_depth_of_the_same_stamp_is_taken_though_newer_ones_came():
    buffer = DepthBuffer()
    for stamp_s in (1.0, 1.033, 1.066, 1.1):
        buffer.put(depth(stamp_s))
    assert buffer.match(header(1.033), 0.0).header.stamp.nanosec == 33_000_000


def test_the_nearest_depth_is_taken_within_the_slop_and_none_beyond():
    buffer = DepthBuffer()
    buffer.put(depth(1.0))
    buffer.put(depth(1.04))
    assert buffer.match(header(1.03), 0.02).header.stamp.nanosec == 40_000_000
    with pytest.raises(ValueError, match="0.060 s from the image, more than depth_slop_s 0.05"):
        buffer.match(header(1.1), 0.05)
    with pytest.raises(ValueError, match="no depth image has come"):
        DepthBuffer().match(header(1.0), 1.0)


def test_an_old_depth_image_goes_when_there_are_too_many():
    buffer = DepthBuffer(kept=3)
    for number in range(5):
        buffer.put(depth(number))
    with pytest.raises(ValueError, match="1.000 s from the image"):
        buffer.match(header(1.0), 0.5)


def test_depth_that_is_not_registered_to_the_image_is_refused():
    buffer = DepthBuffer()
    buffer.put(depth(1.0, "camera_depth_optical"))
    with pytest.raises(ValueError, match="register it to the image"):
        buffer.match(header(1.0), 0.1)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 6])
def test_millimetres_and_metres_become_metres_and_holes_nan(padding, big):
    mm = np.array([[500, 0], [65535, 1250]], np.uint16)
    read = to_metres(image(mm, "16UC1", padding, big))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, [[0.5, np.nan], [65.535, 1.25]], rtol=1e-6)
    m = np.array([[0.5, np.inf], [np.nan, -1.0]], np.float32)
    np.testing.assert_allclose(
        to_metres(image(m, "32FC1", padding, big)), [[0.5, np.nan]] + [[np.nan] * 2]
    )


def compressed(values, encoding, a=0.0, b=0.0):
    data = struct.pack("<iff", 0, a, b) + cv2.imencode(".png", values)[1].tobytes()
    return Bag(format=f"{encoding}; compressedDepth png", data=data)


def rvl(values):
    """Compress (H, W) uint16 depth, number by number, as the paper's listing does."""
    groups, flat, at, before = [], values.ravel().tolist(), 0, 0

    def write(number):
        while True:
            more = number >> 3
            groups.append(number & 7 | (8 if more else 0))
            number = more
            if not more:
                return

    while at < len(flat):
        for has_depth in (False, True):
            end = at
            while end < len(flat) and bool(flat[end]) == has_depth:
                end += 1
            write(end - at)
            if has_depth:
                for value in flat[at:end]:
                    step, before = value - before, value
                    write((step << 1) ^ (step >> 31))
            at = end
    groups += [0] * (-len(groups) % 8)
    words = [
        int("".join(f"{g:x}" for g in groups[i : i + 8]), 16) for i in range(0, len(groups), 8)
    ]
    return struct.pack("<II", *values.shape[::-1]) + struct.pack(f"<{len(words)}I", *words)


def compressed_by_rvl(values, encoding, a=0.0, b=0.0):
    data = struct.pack("<iff", 1, a, b) + rvl(values)
    return Bag(format=f"{encoding}; compressedDepth rvl", data=data)


@pytest.mark.parametrize("holes", [0.0, 0.1, 0.9, 1.0])
def test_depth_compressed_by_rvl_is_read_as_it_was(holes):
    rng = np.random.default_rng(3)
    mm = (700 + 300 * np.sin(np.arange(48 * 64) / 90)).astype(np.uint16).reshape(48, 64)
    mm[10:20, 30:50] = rng.integers(1, 65536, (10, 20))
    mm[rng.random(mm.shape) < holes] = 0
    wanted = np.where(mm > 0, mm / 1000, np.nan)
    read = to_metres(compressed_by_rvl(mm, "16UC1"))
    np.testing.assert_allclose(read, wanted, rtol=1e-6)


def test_rvl_of_metres_is_read_with_its_quantisation():
    a, b = 101.0, 1 - 101.0 / 100
    levels = np.round(a / np.array([[0.5, 2.0]]) + b).astype(np.uint16)
    read = to_metres(compressed_by_rvl(levels, "32FC1", a, b))
    np.testing.assert_allclose(read, [[0.5, 2.0]], rtol=0.02)


def test_rvl_that_is_cut_off_or_claims_too_much_is_refused():
    whole = compressed_by_rvl(np.full((4, 4), 700, np.uint16), "16UC1")
    with pytest.raises(ValueError, match="RVL data"):
        to_metres(Bag(format=whole.format, data=whole.data[:-4]))
    buffer = DepthBuffer(max_pixels=15)
    whole.header = header(1.0)
    buffer.put(whole)
    with pytest.raises(ValueError, match="4x4 has 16 pixels and at most 15"):
        buffer.match(header(1.0), 0.1)


def test_a_depth_image_of_too_many_pixels_is_refused_with_both_numbers():
    buffer = DepthBuffer(max_pixels=3)
    values = np.ones((2, 2), np.uint16)
    for message in (image(values, "16UC1"), compressed(values, "16UC1")):
        message.header = header(1.0)
        buffer.put(message)
        with pytest.raises(ValueError, match="2x2 has 4 pixels and at most 3"):
            buffer.match(header(1.0), 0.1)


def test_a_chunk_that_claims_gigabytes_is_refused_undecoded(monkeypatch):
    message = compressed(np.ones((2, 2), np.uint16), "16UC1")
    data = bytearray(message.data)
    data[data.index(b"IDAT") - 4] = 0xFF
    monkeypatch.setattr(cv2, "imdecode", None)  # OpenCV would take 4 GB for it
    with pytest.raises(ValueError, match="cut off"):
        to_metres(Bag(format=message.format, data=bytes(data)))


def test_compressed_depth_is_read_with_its_quantisation():
    mm = np.array([[500, 0], [700, 1250]], np.uint16)
    np.testing.assert_allclose(to_metres(compressed(mm, "16UC1")), [[0.5, np.nan], [0.7, 1.25]])
    # As compressed_depth_image_transport: 100 m at most, 100 steps a metre at 1 m.
    a, b = 101.0, 1 - 101.0 / 100
    levels = np.round(a / np.array([[0.5, 2.0]]) + b).astype(np.uint16)
    np.testing.assert_allclose(
        to_metres(compressed(levels, "32FC1", a, b)), [[0.5, 2.0]], rtol=0.02
    )


@pytest.mark.parametrize(
    "message, reason",
    [
        (image(np.zeros((2, 2), np.uint8), "mono8"), "depth encoding 'mono8' is none of 16UC1"),
        (Bag(**vars(image(np.ones((2, 2), np.uint16), "16UC1")) | {"data": b"12"}), "has 2 bytes"),
        (Bag(format="16UC1; compressedDepth png", data=b"12"), "is cut off"),
        (Bag(format="16UC1; compressedDepth png", data=b"1" * 40), "can't be decoded"),
        (Bag(format="rgb8; jpeg compressed", data=b"1" * 40), "is no depth"),
    ],
)
def test_what_is_no_depth_is_refused_in_one_line(message, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        to_metres(message)
    assert "\n" not in str(caught.value)
