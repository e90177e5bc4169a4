"""What a real camera adds: exposure, white balance, blur, noise, vignette and JPEG."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator


@lru_cache(maxsize=1)
def _noise_pool() -> np.ndarray:
    return np.random.default_rng(5).standard_normal(1 << 21).astype(np.float32)


def soften_edges(rgb: np.ndarray, contrast: float = 36.0) -> np.ndarray:
    """Return the picture (H, W, 3) uint8 with jagged edges blurred by about half a pixel.

    Much cheaper than several samples a pixel when a processor draws.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    edge = cv2.dilate(np.abs(cv2.Laplacian(grey, cv2.CV_16S)), np.ones((2, 2), np.uint8))
    blurred = cv2.GaussianBlur(rgb, (3, 3), 0.65)
    return np.where((edge > contrast)[..., None], blurred, rgb)


def auto_gain(rng: Generator, rgb: np.ndarray) -> float:
    """Return the brightness factor, 0.85 to 1.4, that an exposure control would choose."""
    mean = max(float(rgb[::4, ::4].mean()) / 255, 0.02)
    return float(np.clip((rng.uniform(0.36, 0.5) / mean) ** 0.5, 0.85, 1.4))


def _roll_off(rgb: np.ndarray) -> None:
    """Bring a float picture back to 255 in place; hues stay, so pink does not turn white."""
    peak = rgb.max(-1)
    over = peak > 255
    rgb[over] *= (255 / peak[over])[:, None]


def expose(rng: Generator, rgb: np.ndarray, varied: bool = False) -> np.ndarray:
    """Return the picture (H, W, 3) uint8 with random but mild camera effects.

    varied: no exposure control in a third of the pictures, over- or underexposed now and then.
    """
    height, width = rgb.shape[:2]
    gain = rng.uniform(0.93, 1.1) * auto_gain(rng, rgb)
    if varied and rng.random() < 0.35:
        gain = rng.uniform(0.7, 1.25)
    balance = 1 + rng.uniform(-0.05, 0.05, 3)
    if rng.random() < 0.2:
        balance *= [1.05, 1.0, rng.uniform(0.7, 0.9)]  # tungsten light
    levels = np.arange(256, dtype=np.float32)[:, None] * (gain * balance)
    table = (255 * (levels / 255) ** rng.uniform(0.85, 1.15)).astype(np.float32)
    out = cv2.merge([cv2.LUT(np.ascontiguousarray(rgb[..., c]), table[:, c]) for c in range(3)])
    _roll_off(out)
    if rng.random() < 0.25:
        sigma = float(rng.uniform(0.35, 0.85))
        out = cv2.GaussianBlur(out, (0, 0), sigma)
    if rng.random() < 0.25:
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        out *= (1 - rng.uniform(0.08, 0.3) * (x * x + y * y) / 2)[..., None]
    if rng.random() < 0.75:
        sigma = rng.uniform(0.5, 4.0) if rng.random() < 0.8 else rng.uniform(4.0, 9.0)
        pool = _noise_pool()
        start = int(rng.integers(len(pool) - height * width * 3))
        out += np.float32(sigma) * pool[start : start + height * width * 3].reshape(out.shape)
    return np.clip(out, 0, 255).astype(np.uint8)


def encode_jpeg(rgb: np.ndarray, quality: int) -> bytes:
    """Return the JPEG bytes of a picture (H, W, 3) uint8 RGB."""
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise ValueError(f"a picture of shape {rgb.shape} could not be encoded")
    return data.tobytes()
