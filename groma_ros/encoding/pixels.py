"""Turn a picture into the pixels that the network sees, as `preprocessor_config.json` says.

This is the only place that knows ImageNet's mean and deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PixelRule:
    """Say how levels 0 to 255 become what the network reads: (level * rescale - mean) / deviation.

    mean, deviation  of red, green and blue after rescaling; one number stands for all three
    rescale          factor of a level
    resample         number of PIL's filter for the resize to the network's square, 0 to 5

    The defaults are those of the released Groma. Raises ValueError for values that make no pixels.
    """

    mean: tuple[float, ...] = MEAN
    deviation: tuple[float, ...] = DEVIATION
    rescale: float = 1 / 255
    resample: int = int(Image.Resampling.BICUBIC)

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            value = getattr(self, name)
            value = (value,) * 3 if isinstance(value, int | float) else tuple(value)
            if len(value) != 3:
                raise ValueError(f"image {name} has {len(value)} values; give 3, one a colour")
            object.__setattr__(self, name, value)
        if 0 in self.deviation or not self.rescale:
            raise ValueError(f"image deviation {self.deviation} or rescale {self.rescale} is zero")
        if self.resample not in list(Image.Resampling):
            raise ValueError(f"resample is {self.resample}; the filters of PIL are 0 to 5")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PixelRule:
        """Read a `preprocessor_config.json`; keys that are absent take the defaults."""
        rule = {}
        if data.get("do_normalize", True):
            rule = {"mean": data.get("image_mean"), "deviation": data.get("image_std")}
        else:
            rule = {"mean": 0.0, "deviation": 1.0}
        rule["rescale"] = data.get("rescale_factor") if data.get("do_rescale", True) else 1.0
        rule["resample"] = data.get("resample") if data.get("do_resize", True) else None
        return cls(**{name: value for name, value in rule.items() if value is not None})

    def to_dict(self, image_size: int) -> dict[str, Any]:
        """Return the `preprocessor_config.json` that `from_dict` reads back."""
        return {
            "do_resize": True,
            "size": {"height": image_size, "width": image_size},
            "resample": self.resample,
            "do_center_crop": False,
            "do_rescale": True,
            "rescale_factor": self.rescale,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.deviation),
        }


def square_side(data: dict[str, Any]) -> int | None:
    """Return the side in pixels of the square that a `preprocessor_config.json` asks for, if any.

    The official code squashes a picture to the square before anything else, so the shortest edge
    is the side. Raises ValueError where a crop would lose a part of the picture: boxes are relative
    to the whole of it.
    """
    side = _side(data.get("size"), "size") if data.get("do_resize", True) else None
    if data.get("do_center_crop"):
        crop = _side(data.get("crop_size"), "crop_size")
        if side is not None and crop is not None and crop != side:
            raise ValueError(
                f"preprocessor_config.json cuts {crop} pixels out of {side}; boxes are relative to "
                "the whole picture, set do_center_crop to false"
            )
        side = side or crop
    return side


def _side(size: Any, name: str) -> int | None:
    if size is None or isinstance(size, int):
        return size
    sides = {size[key] for key in ("height", "width", "shortest_edge") if key in size}
    if len(sides) != 1:
        raise ValueError(f"preprocessor_config.json has {name} {size}; the network sees a square")
    return sides.pop()


def resize_rgb(
    rgb: np.ndarray, image_size: int, resample: int = Image.Resampling.BICUBIC
) -> np.ndarray:
    """Squash an RGB picture (H, W, 3) uint8 to (S, S, 3) uint8 by one of PIL's filters.

    S is `image_size`. The aspect is not kept and nothing is cropped, so box coordinates normalised
    to [0, 1] are the same in both. Raises ValueError unless `rgb` is a non-empty (H, W, 3) uint8
    array.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"expected an RGB array (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(picture.resize((image_size, image_size), Image.Resampling(resample)))


def normalise(rgb: np.ndarray, rule: PixelRule = PixelRule()) -> Tensor:
    """Turn (H, W, 3) uint8 RGB into (3, H, W) float32 by a rule, the released one by default."""
    pixels = np.empty((3, *rgb.shape[:2]), dtype=np.float32)
    for levels, plane, out in zip(_levels(rule), rgb.transpose(2, 0, 1), pixels, strict=True):
        np.take(levels, plane, out=out, mode="clip")  # without a mode it is five times slower
    return torch.from_numpy(pixels)


@lru_cache(maxsize=4)
def _levels(rule: PixelRule) -> np.ndarray:
    """Return the value of each of the 256 levels, (3, 256) float32: a look-up beats arithmetic."""
    scaled = (np.arange(256) * rule.rescale).astype(np.float32)[:, None]
    return ((scaled - np.float32(rule.mean)) / np.float32(rule.deviation)).T.copy()


def to_pixels(rgb: np.ndarray, image_size: int, rule: PixelRule = PixelRule()) -> Tensor:
    """Return the network's input (3, S, S) float32 of an RGB picture (H, W, 3) uint8.

    Raises ValueError as `resize_rgb` does.
    """
    return normalise(resize_rgb(rgb, image_size, rule.resample), rule)
