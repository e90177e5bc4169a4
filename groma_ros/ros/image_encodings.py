"""The encodings of images: how each stores its pixels, and how they become RGB.

One row an encoding. Sources: sensor_msgs/image_encodings.hpp, the V4L2 pages that it points to, and
REP 118.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Plane:
    """Describe one of the planes that follow each other in an image's data.

    channels  values a sample
    columns   pixels, from left to right, that share a sample
    rows      pixels, from top to bottom, that share a sample
    """

    channels: int
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True)
class Encoding:
    """Describe how an image stores its pixels and how they become RGB.

    planes  one plane for packed pixels; `step` is the row length of the first
    dtype   of one value, in the machine's byte order
    to_rgb  turns the planes, each an (H, W, C) array of its own size, into (H, W, 3) RGB of the
            same dtype, or of uint8
    block   pixels (across, down) that share colour: width and height must be multiples of it
    """

    planes: tuple[Plane, ...]
    dtype: type
    to_rgb: Callable[..., np.ndarray]
    block: tuple[int, int] = (1, 1)


def _keep(values: np.ndarray) -> np.ndarray:
    return values


def _convert(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: cv2.cvtColor(values, code)


def _convert_420(code: int) -> Callable[..., np.ndarray]:
    """Return a conversion of luma and chroma of half its size, which OpenCV takes as one plane."""

    def to_rgb(luma: np.ndarray, *chroma: np.ndarray) -> np.ndarray:
        values = np.concatenate([plane.ravel() for plane in (luma, *chroma)])
        return cv2.cvtColor(values.reshape(-1, luma.shape[1]), code)

    return to_rgb


def _nv24_to_rgb(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Convert each pixel as a pair of equal ones in UYVY, because OpenCV reads no NV24."""
    pairs = np.concatenate([chroma[:, :, :1], luma, chroma[:, :, 1:], luma], axis=2)
    pairs = pairs.reshape(len(luma), -1, 2)
    return np.ascontiguousarray(cv2.cvtColor(pairs, cv2.COLOR_YUV2RGB_UYVY)[:, ::2])


def _stretched_to_rgb(values: np.ndarray) -> np.ndarray:
    """Return gray, uint8, whose 0 and 255 are the smallest and the largest valid value.

    Invalid, by REP 118, are 0 in unsigned depth and what is not finite in floats; they become 0.
    """
    valid = np.isfinite(values) if values.dtype.kind == "f" else values > 0
    if not valid.any():
        return np.zeros((*values.shape[:2], 3), np.uint8)
    low, high = float(values[valid].min()), float(values[valid].max())
    scaled = (np.where(valid, values, low).astype(np.float64) - low) / max(high - low, 1e-12)
    return cv2.cvtColor(np.round(255 * scaled).astype(np.uint8), cv2.COLOR_GRAY2RGB)


ONE, TWO, THREE, FOUR = ((Plane(channels),) for channels in (1, 2, 3, 4))
# Luma, then chroma pairs: a pair for 2 x 2 pixels, or a pair for each.
YUV_420, YUV_444 = (Plane(1), Plane(2, 2, 2)), (Plane(1), Plane(2))
PAIR, SQUARE = (2, 1), (2, 2)
GRAY, BGR = _convert(cv2.COLOR_GRAY2RGB), _convert(cv2.COLOR_BGR2RGB)
RGBA, BGRA = _convert(cv2.COLOR_RGBA2RGB), _convert(cv2.COLOR_BGRA2RGB)
UYVY, YUYV = _convert(cv2.COLOR_YUV2RGB_UYVY), _convert(cv2.COLOR_YUV2RGB_YUY2)
NV12, NV21 = _convert_420(cv2.COLOR_YUV2RGB_NV12), _convert_420(cv2.COLOR_YUV2RGB_NV21)
# OpenCV names a mosaic after its second row: BayerBG has R G over G B in the corner.
RGGB, BGGR = _convert(cv2.COLOR_BayerBG2RGB), _convert(cv2.COLOR_BayerRG2RGB)
GBRG, GRBG = _convert(cv2.COLOR_BayerGR2RGB), _convert(cv2.COLOR_BayerGB2RGB)
ENCODINGS = {
    "rgb8": Encoding(THREE, np.uint8, _keep),
    "bgr8": Encoding(THREE, np.uint8, BGR),
    "rgba8": Encoding(FOUR, np.uint8, RGBA),
    "bgra8": Encoding(FOUR, np.uint8, BGRA),
    "rgb16": Encoding(THREE, np.uint16, _keep),
    "bgr16": Encoding(THREE, np.uint16, BGR),
    "rgba16": Encoding(FOUR, np.uint16, RGBA),
    "bgra16": Encoding(FOUR, np.uint16, BGRA),
    "mono8": Encoding(ONE, np.uint8, GRAY),
    # OpenCV's own types say nothing of colour; its pictures are BGR.
    "8UC1": Encoding(ONE, np.uint8, GRAY),
    "8UC3": Encoding(THREE, np.uint8, BGR),
    "8UC4": Encoding(FOUR, np.uint8, BGRA),
    # Depth, thermal and 10 or 12 bit cameras: no value is white, so the picture's own range is
    # stretched.
    "mono16": Encoding(ONE, np.uint16, _stretched_to_rgb),
    "16UC1": Encoding(ONE, np.uint16, _stretched_to_rgb),
    "32FC1": Encoding(ONE, np.float32, _stretched_to_rgb),
    "yuv422": Encoding(TWO, np.uint8, UYVY, PAIR),
    "uyvy": Encoding(TWO, np.uint8, UYVY, PAIR),
    "yuv422_yuy2": Encoding(TWO, np.uint8, YUYV, PAIR),
    "yuyv": Encoding(TWO, np.uint8, YUYV, PAIR),
    "nv12": Encoding(YUV_420, np.uint8, NV12, SQUARE),
    "nv21": Encoding(YUV_420, np.uint8, NV21, SQUARE),
    "nv24": Encoding(YUV_444, np.uint8, _nv24_to_rgb),
    "bayer_rggb8": Encoding(ONE, np.uint8, RGGB, SQUARE),
    "bayer_bggr8": Encoding(ONE, np.uint8, BGGR, SQUARE),
    "bayer_gbrg8": Encoding(ONE, np.uint8, GBRG, SQUARE),
    "bayer_grbg8": Encoding(ONE, np.uint8, GRBG, SQUARE),
    "bayer_rggb16": Encoding(ONE, np.uint16, RGGB, SQUARE),
    "bayer_bggr16": Encoding(ONE, np.uint16, BGGR, SQUARE),
    "bayer_gbrg16": Encoding(ONE, np.uint16, GBRG, SQUARE),
    "bayer_grbg16": Encoding(ONE, np.uint16, GRBG, SQUARE),
}


def row_bytes(message, encoding: Encoding) -> int:
    """Return the bytes that a row of the first plane takes without padding."""
    return _used_bytes(message, encoding, encoding.planes[0])


def data_bytes(message, encoding: Encoding) -> int:
    """Return the bytes that the planes of an Image take, padding included."""
    return sum(
        message.height // plane.rows * _stride(message, encoding, plane)
        for plane in encoding.planes
    )


def decode(message) -> np.ndarray:
    """Return the picture of a well-formed Image as (H, W, 3) uint8 RGB.

    16 bits are scaled to 8 and rounded, as cv_bridge does. The result may share memory with the
    message.
    """
    encoding = ENCODINGS[message.encoding]
    rgb = encoding.to_rgb(*planes(message, encoding))
    if rgb.dtype == np.uint16:
        rgb = cv2.convertScaleAbs(rgb, alpha=255 / 65535)
    return rgb


def planes(message, encoding: Encoding) -> list[np.ndarray]:
    """Return each plane as (H, W, C) values in the machine's byte order, without padding."""
    stored = np.dtype(encoding.dtype).newbyteorder(">" if message.is_bigendian else "<")
    planes, offset = [], 0
    for plane in encoding.planes:
        shape = message.height // plane.rows, _stride(message, encoding, plane)
        padded = np.frombuffer(message.data, np.uint8, shape[0] * shape[1], offset).reshape(shape)
        used = np.ascontiguousarray(padded[:, : _used_bytes(message, encoding, plane)])
        values = used.view(stored).astype(encoding.dtype, copy=False)
        planes.append(values.reshape(shape[0], -1, plane.channels))
        offset += padded.size
    return planes


def _used_bytes(message, encoding: Encoding, plane: Plane) -> int:
    samples = message.width // plane.columns
    return samples * plane.channels * np.dtype(encoding.dtype).itemsize


def _stride(message, encoding: Encoding, plane: Plane) -> int:
    """Return the bytes from one row of a plane to the next; they grow with `step`."""
    return message.step * plane.channels // (encoding.planes[0].channels * plane.columns)
