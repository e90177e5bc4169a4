"""Draw the weights and pictures of the golden files from names alone, and sample tensors.

Every value comes from numpy's PCG64, seeded by the CRC-32 of "seed:tag", so that no weights need
to be shipped with the golden files. The official code was run with the same values.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from groma_ros.checkpoint.tensor_names import canonical_name

SAMPLES = 512
PROJECTIONS = 4
_STRIDE = 2654435761


def draw_uniform(seed: int, tag: str, shape: tuple[int, ...]) -> np.ndarray:
    """Draw uniform float64 numbers of mean 0 and variance 1 as an array of `shape`, in C order."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(f"{seed}:{tag}".encode())))
    draws = generator.random(math.prod(shape), dtype=np.float64)
    return ((2.0 * draws - 1.0) * math.sqrt(3.0)).reshape(shape)


def _fan_in(gain: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda z: gain * z / math.sqrt(z.shape[1])


# Of the patterns that match a name, the first one decides.
_RULES: tuple[tuple[re.Pattern[str], Callable[[np.ndarray], np.ndarray]], ...] = tuple(
    (re.compile(pattern), value)
    for pattern, value in (
        (
            r"ddetr_transformer\.bbox_embed\.\d+\.layers\.2\.bias$",
            lambda z: 0.1 * z + np.array([0.0, 0.0, 0.7, 0.7]),
        ),
        (r"bbox_embed\.\d+\.layers\.2\.weight$", _fan_in(0.5)),
        (r"class_embed_(coco|sa1b)\.\d+\.bias$", lambda z: np.full_like(z, -0.3)),
        (r"class_embed_(coco|sa1b|enc)(\.\d+)?\.weight$", _fan_in(2.5)),
        (r"sampling_offsets\.bias$", lambda z: 2.0 * z),
        (r"enc_output\.bias$", np.zeros_like),
        (r"lambda1$", lambda z: 0.5 + 0.1 * z),
        (r"(cls_token|mask_token|position_embeddings|level_embed)$", lambda z: 0.5 * z),
        (r"query_position_embeddings\.weight$", lambda z: 0.5 * z),
        (r"(embed_tokens|new_input_embs)\.weight$", lambda z: z),
        (r"lm_head\.weight$", _fan_in(2.0)),
        (r"\.bias$", lambda z: 0.1 * z),
    )
)


def draw_weight(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the float32 values, of `shape`, of the parameter with an official name."""
    name = canonical_name(name)
    z = draw_uniform(seed, name, shape)
    for pattern, value in _RULES:
        if pattern.search(name):
            return value(z).astype(np.float32)
    if len(shape) == 1:
        return (1.0 + 0.1 * z).astype(np.float32)
    return (z / math.sqrt(math.prod(shape[1:]))).astype(np.float32)


def draw_image(tag: str, size: int = 448) -> np.ndarray:
    """Return a (3, size, size) float32 picture of coarse and fine blocks and noise."""
    coarse = np.kron(
        draw_uniform(0, f"image:{tag}:a", (3, 7, 7)), np.ones((1, size // 7, size // 7))
    )
    fine = np.kron(
        draw_uniform(0, f"image:{tag}:b", (3, 28, 28)), np.ones((1, size // 28, size // 28))
    )
    noise = draw_uniform(0, f"image:{tag}:c", (3, size, size))
    return (0.8 * coarse + 0.5 * fine + 0.25 * noise).astype(np.float32)


def state_dict(model: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Return drawn weights for a model whose state dict has the official names.

    Names that the official model ties share one tensor.
    """
    drawn: dict[str, torch.Tensor] = {}
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, shape in shapes.items():
        canonical = canonical_name(name)
        if canonical not in drawn:
            drawn[canonical] = torch.from_numpy(draw_weight(seed, canonical, shape))
    return {name: drawn[canonical_name(name)] for name in shapes}


def sample_indices(count: int) -> np.ndarray:
    """Return the flat indices at which a tensor of `count` values is sampled."""
    steps = np.arange(SAMPLES, dtype=np.uint64) * np.uint64(_STRIDE)
    return (steps % np.uint64(count)).astype(np.int64)


def sample(values: np.ndarray) -> np.ndarray:
    """Return (SAMPLES,) values of a tensor, zero where they are not finite."""
    flat = values.ravel()
    chosen = flat[sample_indices(flat.size)]
    return np.where(np.isfinite(chosen), chosen, 0)


def statistics(values: np.ndarray) -> np.ndarray:
    """Return (8,) float64: mean, deviation, max |x|, finite count and four projections.

    Values that are not finite count as zero.
    """
    flat = values.astype(np.float64).ravel()
    finite = np.isfinite(flat)
    flat = np.where(finite, flat, 0.0)
    moments = [flat.mean(), flat.std(), np.abs(flat).max(), finite.sum()]
    projections = projection_matrix(len(flat)) @ flat / math.sqrt(len(flat))
    return np.concatenate((moments, projections))


@lru_cache(maxsize=8)
def projection_matrix(count: int) -> np.ndarray:
    """Return the directions (4, count) that tensors of `count` values are projected on."""
    return np.stack([draw_uniform(0, f"proj:{j}", (count,)) for j in range(PROJECTIONS)])
