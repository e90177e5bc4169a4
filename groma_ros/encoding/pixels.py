"""Turn a picture into the pixels that the network sees, as `preprocessor_config.json` says."""

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
    """How levels 0 to 255 become what the network reads: (level * rescale - mean) / deviation.

    `resample` is the number of PIL's filter for the resize to the network's square. The defaults
    are the released Groma's.
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
            raise ValueError(f"resample is {self.resample}; PIL's filters are 0 to 5")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "PixelRule":
        """Read a `preprocessor_config.json`; what it leaves out takes the default."""
        rule = {}
        if data.get("do_normalize", True):
            rule = {"mean": data.get("image_mean"), "deviation": data.get("image_std")}
        else:
            rule = {"mean": 0.0, "deviation": 1.0}
        rule["rescale"] = data.get("rescale_factor") if data.get("do_rescale", True) else 1.0
        rule["resample"] = data.get("resample") if data.get("do_resize", True) else None
        return cls(**{name: value for name, value in rule.items() if value is not None})

    def to_dict(self, image_size: int) -> dict[str, Any]:
        """Write the layout that `from_dict` reads."""
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
    """Return the side of the square that a `preprocessor_config.json` makes, None where it says none.

    A picture is squashed to the square before anything else, as the official code does, so the
    shortest edge is the side. Raises ValueError where a part of the picture would be lost: boxes
    are parts of the whole.
    """
    side = _side(data.get("size"), "size") if data.get("do_resize", True) else None
    if data.get("do_center_crop"):
        crop = _side(data.get("crop_size"), "crop_size")
        if side is not None and crop is not None and crop != side:
            raise ValueError(
                f"preprocessor_config.json cuts {crop} pixels out of {side}; boxes are parts of the "
                "whole picture, set do_center_crop to false"
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
    """Squash an RGB picture (H, W, 3) uint8 to a square by one of PIL's filters.

    The aspect is not kept and nothing is cropped, so box coordinates normalised to [0, 1] are the
    same in both. Raises ValueError for anything but a non-empty (H, W, 3) uint8 array.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"expected an RGB array (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(picture.resize((image_size, image_size), Image.Resampling(resample)))


def normalise(rgb: np.ndarray, rule: PixelRule = PixelRule()) -> Tensor:
    """Turn (H, W, 3) uint8 into (3, H, W) float32 by a rule (by default ImageNet's)."""
    pixels = np.empty((3, *rgb.shape[:2]), dtype=np.float32)
    for levels, plane, out in zip(_levels(rule), rgb.transpose(2, 0, 1), pixels, strict=True):
        np.take(levels, plane, out=out, mode="clip")  # without a mode it is five times slower
    return torch.from_numpy(pixels)


@lru_cache(maxsize=4)
def _levels(rule: PixelRule) -> np.ndarray:
    """Return what each of the 256 levels becomes, (3, 256) float32: looked up, not computed."""
    scaled = (np.arange(256) * rule.rescale).astype(np.float32)[:, None]
    return ((scaled - np.float32(rule.mean)) / np.float32(rule.deviation)).T.copy()


def to_pixels(rgb: np.ndarray, image_size: int, rule: PixelRule = PixelRule()) -> Tensor:
    """Return what the network sees of an RGB picture: (3, S, S) float32, normalised."""
    return normalise(resize_rgb(rgb, image_size, rule.resample), rule)
