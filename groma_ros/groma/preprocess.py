"""Turn a picture into the pixels that the network sees."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def resize_rgb(rgb: np.ndarray, image_size: int) -> np.ndarray:
    """Squash an RGB picture (H, W, 3) uint8 to a square by PIL's bicubic filter.

    The aspect is not kept and nothing is cropped, so box coordinates normalised to [0, 1] are the
    same in both. Raises ValueError for anything but a non-empty (H, W, 3) uint8 array.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"expected an RGB array (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(picture.resize((image_size, image_size), Image.Resampling.BICUBIC))


def normalise(rgb: np.ndarray) -> Tensor:
    """Turn (H, W, 3) uint8 into (3, H, W) float32 with ImageNet's mean and deviation."""
    scaled = (rgb * (1 / 255)).astype(np.float32)
    normal = (scaled - np.float32(MEAN)) / np.float32(DEVIATION)
    return torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))


def to_pixels(rgb: np.ndarray, image_size: int) -> Tensor:
    """Return what the network sees of an RGB picture: (3, S, S) float32, normalised."""
    return normalise(resize_rgb(rgb, image_size))
