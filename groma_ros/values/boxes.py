"""Convert and compare boxes: pure numpy, float32 out, every frame in the name.

`_xyxy` names corners (left, top, right, bottom) in pixels of the source image, whose pixel edges
run from 0 to width and 0 to height. `_cxcywh_norm` names centre and size in the network's square
input, each in [0, 1]. The picture is resized to that square without keeping its aspect ratio, so
x scales with the width of the source and y with its height.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def boxes_array(boxes: ArrayLike) -> np.ndarray:
    """Return `boxes` as (n, 4) float32; no box gives (0, 4). Raises ValueError on other shapes."""
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite
        array = np.asarray(boxes, dtype=np.float32)
    if array.size == 0:
        return np.zeros((0, 4), np.float32)
    if array.shape == (4,):
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes have shape {array.shape}; give (n, 4)")
    return array


def cxcywh_to_xyxy(boxes_cxcywh: ArrayLike) -> np.ndarray:
    """Return corners of boxes given by centre and size, (n, 4), same unit."""
    cx, cy, w, h = boxes_array(boxes_cxcywh).T
    return np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1)


def xyxy_to_cxcywh(boxes_xyxy: ArrayLike) -> np.ndarray:
    """Return centre and size of boxes given by corners, (n, 4), same unit."""
    x1, y1, x2, y2 = boxes_array(boxes_xyxy).T
    return np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)


def to_source_pixels(boxes_cxcywh_norm: ArrayLike, size_hw: tuple[int, int]) -> np.ndarray:
    """Return (n, 4) corners in pixels of a source image of `size_hw`, clipped to it."""
    height, width = size_hw
    scale = np.array([width, height, width, height], np.float32)
    return clip(cxcywh_to_xyxy(boxes_cxcywh_norm) * scale, size_hw)


def to_network(boxes_xyxy: ArrayLike, size_hw: tuple[int, int]) -> np.ndarray:
    """Return (n, 4) cxcywh_norm of corners in pixels of a source image of `size_hw`."""
    height, width = size_hw
    scale = np.array([width, height, width, height], np.float32)
    return xyxy_to_cxcywh(boxes_array(boxes_xyxy) / scale)


def clip(boxes_xyxy: ArrayLike, size_hw: tuple[int, int]) -> np.ndarray:
    """Return the boxes cut to [0, width] and [0, height]."""
    height, width = size_hw
    return np.clip(boxes_array(boxes_xyxy), 0, np.array([width, height] * 2, np.float32))


def area(boxes_xyxy: ArrayLike) -> np.ndarray:
    """Return (n,) areas; a box whose corners are swapped has none."""
    x1, y1, x2, y2 = boxes_array(boxes_xyxy).T
    return np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)


def iou(a_xyxy: ArrayLike, b_xyxy: ArrayLike) -> np.ndarray:
    """Return (n, m) intersection over union; 0 where both boxes are empty."""
    a, b = boxes_array(a_xyxy), boxes_array(b_xyxy)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    union = area(a)[:, None] + area(b)[None, :] - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0).astype(np.float32)


def check_user_boxes(boxes_xyxy: ArrayLike, size_hw: tuple[int, int]) -> np.ndarray:
    """Return the boxes of a user, (n, 4) source pixels, clipped to the picture.

    Raises ValueError if there is no box, a value is not finite, corners are swapped or a box
    lies outside the picture.
    """
    boxes = boxes_array(boxes_xyxy)
    if len(boxes) == 0:
        raise ValueError("got 0 boxes; give at least 1 as x1, y1, x2, y2 in source pixels")
    clipped = clip(boxes, size_hw)
    for box, cut in zip(boxes.tolist(), clipped, strict=True):
        if not np.isfinite(box).all():
            raise ValueError(f"box {box} holds a value that is not finite")
        if box[2] <= box[0] or box[3] <= box[1]:
            raise ValueError(f"box {box} is empty: x2 must exceed x1 and y2 must exceed y1")
        if area(cut)[0] <= 0:
            height, width = size_hw
            raise ValueError(f"box {box} lies outside the {width}x{height} picture")
    return clipped
