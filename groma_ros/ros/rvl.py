"""Read depth that is compressed by RVL, as compressed_depth_image_transport writes it.

Source: A. D. Wilson, "Fast Lossless Depth Image Compression", ISS 2017. Depth is a series of runs:
how many pixels have none, how many have some, and for each of these the difference to the one
before, zigzag coded. All numbers are written in groups of three bits, the lowest first, each with a
bit that says whether more follow, eight groups to a word of 32 bits.
"""

from __future__ import annotations

import struct

import numpy as np

SIZE = struct.Struct("<II")
"""Columns and rows, before the words."""
MOST_GROUPS = 11
"""Of a number of 32 bits."""


def size(data: bytes) -> tuple[int, int]:
    """Return the width and height that the data says it has; raise ValueError where it is cut."""
    if len(data) < SIZE.size:
        raise ValueError(f"RVL data of {len(data)} bytes is cut off")
    return SIZE.unpack(data[: SIZE.size])


def decode(data: bytes) -> np.ndarray:
    """Return depth (H, W) uint16, 0 where there is none.

    Look at `size` before: memory is taken for it. Raises ValueError, in one line, for data that is
    cut off or does not fit its size.
    """
    width, height = size(data)
    numbers = _numbers(data[SIZE.size :])
    runs = _runs(numbers.tolist(), width * height)
    depth = np.zeros(width * height, np.uint16)
    if runs:
        read = np.concatenate([np.arange(at, at + count) for at, _, count in runs])
        filled = np.concatenate([np.arange(pixel, pixel + count) for _, pixel, count in runs])
        coded = numbers[read]
        values = np.cumsum((coded >> 1) ^ -(coded & 1))
        if len(values) and (values.min() < 0 or values.max() > 0xFFFF):
            raise ValueError("RVL data holds depth of more than 16 bits")
        depth[filled] = values
    return depth.reshape(height, width)


def _numbers(data: bytes) -> np.ndarray:
    """Return the whole numbers (k,) int64 that the words hold."""
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    groups = (words[:, None] >> np.arange(28, -1, -4, dtype=np.uint32) & 0xF).ravel()
    ends = np.flatnonzero(groups < 8)
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > MOST_GROUPS:
        raise ValueError("RVL data holds a number of more than 32 bits")
    place = np.arange(ends[-1] + 1) - np.repeat(starts, lengths)
    return np.add.reduceat((groups[: ends[-1] + 1] & 7).astype(np.int64) << 3 * place, starts)


def _runs(numbers: list[int], pixels: int) -> list[tuple[int, int, int]]:
    """Return (index of the first difference, first pixel, count) of each run of pixels."""
    runs, at, pixel = [], 0, 0
    while pixel < pixels:
        if at + 2 > len(numbers):
            raise ValueError("RVL data is cut off")
        none, some = numbers[at : at + 2]
        at, pixel = at + 2, pixel + none
        if pixel + some > pixels or at + some > len(numbers):
            raise ValueError("RVL data does not fit its size")
        if some:
            runs.append((at, pixel, some))
        at, pixel = at + some, pixel + some
    return runs
