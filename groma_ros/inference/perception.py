"""What the model sees in one picture: a value that many questions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter

import numpy as np
import torch

from groma_ros.inference.answer_grammar import RegionTokens
from groma_ros.model.groma import Percept
from groma_ros.speed.kv_cache import KeyValueCache


@dataclass(frozen=True, eq=False)
class Perception:
    """What the model sees in one picture; made by `Predictor.perceive`, read by all the rest.

    image_size_hw  (height, width) of the source image in pixels
    boxes_xyxy     (n, 4) float32 regions, pixels of the source image, best first
    scores         (n,) float32 objectness in [0, 1] from the proposer
    timings_ms     "pixels", "regions", "prefix" (where it was read at once), and their sum
                   "perceive"
    pixels         (3, S, S) what the network sees
    percept        regions and tokens as tensors
    region_tokens  the tokens that may stand in `<roi>`
    read           reads the picture into the language model; called once, by `prefix`
    allowed        the regions that an answer may point at; None: all (`Predictor.among`)
    region_names   what the model calls regions, as far as it was asked (`things.names_of`), by the
                   most tokens that a name may have
    """

    image_size_hw: tuple[int, int]
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    timings_ms: dict[str, float]
    pixels: torch.Tensor = field(repr=False)
    percept: Percept = field(repr=False)
    region_tokens: RegionTokens = field(repr=False)
    read: Callable[[], KeyValueCache] = field(repr=False)
    allowed: tuple[int, ...] | None = None
    region_names: dict[int, dict[int, str]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def prefix(self) -> KeyValueCache:
        """Return keys and values of the prompt up to the question."""
        return self.read()

    @cached_property
    def features(self) -> np.ndarray:
        """Return what each region looks like, (n, D) float32: its token."""
        return self.percept.region_tokens.float().cpu().numpy()


def check_picture(rgb: np.ndarray) -> None:
    """Raise ValueError unless `rgb` is a non-empty (H, W, 3) uint8 array."""
    if not isinstance(rgb, np.ndarray):
        raise ValueError(  # noqa: TRY004
            f"a picture is a numpy array (H, W, 3) uint8 RGB, not {type(rgb).__name__}"
        )
    if rgb.dtype != np.uint8:
        raise ValueError(f"the picture has dtype {rgb.dtype}; give uint8 with values 0 to 255")
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"the picture has shape {rgb.shape}; give (height, width, 3) RGB")
    if 0 in rgb.shape:
        raise ValueError(f"the picture is {rgb.shape[1]}x{rgb.shape[0]} pixels; it has none")


def now_ms(device: torch.device) -> float:
    """Return milliseconds on a steady clock, once a GPU has caught up."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() * 1e3
