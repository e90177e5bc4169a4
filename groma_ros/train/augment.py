"""Alter pictures for training: crops, light, noise, other programs' ways of scaling."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from groma_ros.encoding.pixels import DEVIATION, MEAN

Crop = tuple[float, float, float, float]
"""Left, top, right and bottom as fractions of a picture."""


def pick_filter(rng: np.random.Generator) -> Image.Resampling:
    """Draw one of PIL's filters."""
    kinds = (Image.NEAREST, Image.BOX, Image.BILINEAR, Image.BICUBIC, Image.LANCZOS)
    return kinds[int(rng.integers(len(kinds)))]


def normalised(rgb: np.ndarray) -> Tensor:
    """Return pixels (B, 3, S, S) of squashed pictures (B, S, S, 3) uint8."""
    mean, deviation = (np.array(values, dtype=np.float32) for values in (MEAN, DEVIATION))
    return torch.from_numpy((rgb.astype(np.float32) / 255 - mean) / deviation).permute(0, 3, 1, 2)


def random_crop(rng: np.random.Generator) -> Crop:
    """Draw a crop; each side keeps 40 % to all of the picture."""
    w = rng.uniform(0.4, 1.0)
    h = np.clip(w * rng.uniform(0.8, 1.25), 0.4, 1.0)
    x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
    return float(x), float(y), float(x + w), float(y + h)


def crop_boxes(
    boxes_xyxy_norm: np.ndarray, crop: Crop, keep: float = 0.35
) -> tuple[np.ndarray, np.ndarray]:
    """Move boxes into a crop; return them with the indices of those that keep enough area."""
    boxes = np.asarray(boxes_xyxy_norm, dtype=np.float64).reshape(-1, 4)
    origin, size = np.array(crop[:2]), np.array(crop[2:]) - np.array(crop[:2])
    moved = ((boxes.reshape(-1, 2, 2) - origin) / size).reshape(-1, 4)
    clipped = moved.clip(0, 1)
    area = lambda b: (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    kept = np.flatnonzero(area(clipped) > keep * np.maximum(area(moved), 1e-9))
    return clipped[kept], kept


def jitter(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, white balance and noise, little enough to keep colour names."""
    rgb = rgb * rng.uniform(0.7, 1.3) * rng.uniform(0.92, 1.08, size=3).astype(np.float32)
    mean = rgb.mean()
    rgb = mean + (rgb - mean) * rng.uniform(0.8, 1.2)
    if rng.random() < 0.3:
        rgb = rgb + rng.normal(0, rng.uniform(1, 8), size=rgb.shape).astype(np.float32)
    return rgb.clip(0, 255)
