"""Read pictures from a file, a folder, a video, or the shipped sequence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from groma_ros.values.pinhole import Pinhole

SHIPPED = Path(__file__).parent / "data" / "tabletop"
LONGEST_SIDE = 1280  # best-effort images much larger than this get lost on default DDS settings
DEPTH_FOLDER = "depth"
PHOTO_RATE_HZ = 5.0


@dataclass(frozen=True)
class Pictures:
    """Hold an endless source of pictures.

    frames   (H, W, 3) uint8 RGB, one after the other; the last is followed by the first
    rate_hz  rate at which the source was recorded, in pictures a second
    pinhole  calibration of the camera, None where it is unknown
    depths   (H, W) uint16 millimetres of each frame, one after the other; None where there is none
    """

    frames: Iterator[np.ndarray]
    rate_hz: float
    pinhole: Pinhole | None = None
    depths: Iterator[np.ndarray] | None = None


def open_pictures(source: str | Path) -> Pictures:
    """Open a picture, a folder of pictures or a video; "" opens the shipped sequence.

    Pictures are scaled down to `LONGEST_SIDE`. Raises ValueError in one line for anything else.
    Only a video needs OpenCV.
    """
    path = Path(source).expanduser() if source else SHIPPED
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise ValueError(f"there is no picture, video or folder {path}")
    try:
        rgb = read_picture(path, LONGEST_SIDE)
    except UnknownFormatError:
        return _video(path)
    return Pictures(_forever([rgb]), PHOTO_RATE_HZ)


class UnknownFormatError(ValueError):
    """Say that a file is not a picture of a format that Pillow knows."""


def read_picture(path: str | Path, longest_side: int | None = None) -> np.ndarray:
    """Return a file's picture as (H, W, 3) uint8 RGB, upright as its EXIF orientation says.

    The picture is scaled down where it is higher or wider than `longest_side` pixels. Raises
    ValueError in one line where it can't be read, UnknownFormatError where it is not a picture.
    """
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file).convert("RGB")
    except FileNotFoundError:
        raise ValueError(f"there is no picture {path}") from None
    except UnidentifiedImageError:
        raise UnknownFormatError(f"{path} is not a picture that can be read") from None
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} can't be read: {error}") from None
    if longest_side is not None:
        picture.thumbnail((longest_side, longest_side))
    return np.array(picture)


def _folder(path: Path) -> Pictures:
    """Open the pictures of a folder in the order of their names.

    A `sequence.json` beside them may give `rate_hz` and `camera` (fx, fy, cx, cy in pixels); a
    folder `depth` holds a PNG of millimetres for each picture.
    """
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise ValueError(f"folder {path} has no .jpg or .png picture")
    rate_hz, pinhole = PHOTO_RATE_HZ, None
    description = path / "sequence.json"
    if description.is_file():
        sequence = json.loads(description.read_text())
        rate_hz = float(sequence["rate_hz"])
        pinhole = Pinhole(*(float(sequence["camera"][key]) for key in ("fx", "fy", "cx", "cy")))
    depth_files = [path / DEPTH_FOLDER / f"{p.stem}.png" for p in files]
    depths = None
    if all(p.is_file() for p in depth_files):
        depths = (read_depth(p) for p in _forever(depth_files))
    frames = (read_picture(p, LONGEST_SIDE) for p in _forever(files))
    return Pictures(frames, rate_hz, pinhole, depths)


def read_depth(path: Path) -> np.ndarray:
    """Return a 16-bit PNG of millimetres as (H, W) uint16; raise ValueError where it is none."""
    with Image.open(path) as file:
        depth_mm = np.array(file)
    if depth_mm.ndim != 2 or depth_mm.dtype not in (np.uint16, np.int32):
        raise ValueError(f"{path} is no depth: a PNG of one channel and 16 bits is read")
    return depth_mm.astype(np.uint16)


def _opencv() -> ModuleType:
    """Return OpenCV; raise ValueError that says what to install where it is absent."""
    try:
        import cv2
    except ModuleNotFoundError:
        raise ValueError(
            "reading a video needs OpenCV: pip install opencv-python-headless"
        ) from None
    return cv2


def _video(path: Path) -> Pictures:
    """Open a video; raise ValueError where OpenCV is absent or can't read it."""
    cv2 = _opencv()
    capture = cv2.VideoCapture(str(path))
    if not (capture.isOpened() and capture.read()[0]):
        raise ValueError(f"{path} is neither a picture nor a video that can be read")
    return Pictures(_video_frames(path), capture.get(cv2.CAP_PROP_FPS) or PHOTO_RATE_HZ)


def _video_frames(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames of a video, (H, W, 3) uint8 RGB, and start again at its end."""
    cv2 = _opencv()
    while True:
        capture = cv2.VideoCapture(str(path))
        while (frame := capture.read())[0]:
            height, width = frame[1].shape[:2]
            scale = min(1.0, LONGEST_SIDE / max(height, width))
            size = round(width * scale), round(height * scale)
            bgr = cv2.resize(frame[1], size, interpolation=cv2.INTER_AREA)
            yield cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _forever(items: list) -> Iterator:
    """Yield the items again and again."""
    while True:
        yield from items
