"""Draw paints that a person would call by one of the ten colour names."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.random import Generator

# hue in degrees, saturation, value; a range may cross 0 degrees
_RANGES = {
    "red": [
        ((-8, 7), (0.78, 1.0), (0.55, 1.0)),
        ((-6, 5), (0.85, 1.0), (0.42, 0.6)),
        ((5, 14), (0.84, 1.0), (0.45, 0.8)),
        ((-6, 10), (0.88, 1.0), (0.28, 0.45)),
    ],
    "orange": [((19, 36), (0.85, 1.0), (0.88, 1.0))],
    "yellow": [((48, 61), (0.72, 1.0), (0.85, 1.0)), ((49, 58), (0.5, 0.72), (0.92, 1.0))],
    "green": [
        ((95, 150), (0.5, 1.0), (0.35, 0.85)),
        ((80, 125), (0.55, 1.0), (0.45, 0.85)),
        ((110, 160), (0.5, 1.0), (0.2, 0.42)),
        ((95, 150), (0.3, 0.5), (0.7, 0.9)),
    ],
    "blue": [
        ((205, 242), (0.6, 1.0), (0.45, 1.0)),
        ((202, 222), (0.42, 0.7), (0.7, 0.98)),
        ((215, 238), (0.65, 1.0), (0.25, 0.45)),
    ],
    "purple": [
        ((266, 290), (0.5, 0.9), (0.38, 0.8)),
        ((264, 284), (0.35, 0.55), (0.6, 0.85)),
        ((286, 302), (0.6, 1.0), (0.35, 0.6)),
    ],
    "pink": [
        ((325, 347), (0.32, 0.6), (0.92, 1.0)),
        ((322, 338), (0.48, 0.76), (0.92, 1.0)),
        ((340, 356), (0.22, 0.42), (0.95, 1.0)),
    ],
    "brown": [
        ((19, 31), (0.55, 0.8), (0.26, 0.48)),
        ((20, 33), (0.4, 0.6), (0.32, 0.55)),
        ((16, 22), (0.5, 0.72), (0.28, 0.42)),
    ],
    "black": [((0, 360), (0.0, 0.25), (0.02, 0.13))],
    "white": [((20, 60), (0.0, 0.08), (0.87, 1.0)), ((180, 260), (0.0, 0.04), (0.87, 1.0))],
}
# what other people and simulators also call so; only training pictures show them
_WIDER = {
    "red": [((-5, 5), (0.62, 0.85), (0.6, 1.0))],
    "orange": [((17, 40), (0.8, 1.0), (0.82, 1.0)), ((22, 36), (0.65, 0.85), (0.9, 1.0))],
    "yellow": [((46, 62), (0.65, 1.0), (0.74, 1.0))],
    "green": [((90, 155), (0.55, 1.0), (0.3, 1.0))],
    "blue": [((200, 245), (0.5, 1.0), (0.35, 1.0))],
    "purple": [((260, 303), (0.45, 1.0), (0.35, 0.8)), ((262, 285), (0.55, 0.85), (0.75, 0.95))],
    "pink": [((318, 350), (0.3, 0.85), (0.88, 1.0)), ((325, 350), (0.25, 0.6), (0.8, 0.95))],
    "brown": [((18, 32), (0.5, 0.88), (0.24, 0.6))],
    "black": [((0, 360), (0.0, 0.2), (0.0, 0.19))],
    "white": [((0, 360), (0.0, 0.05), (0.8, 1.0))],
}
METALS = ((0.75, 0.75, 0.77), (0.6, 0.6, 0.62), (0.85, 0.85, 0.86), (0.8, 0.76, 0.66))
OFF_WHITES = ((0.95, 0.93, 0.86), (0.93, 0.91, 0.88), (0.9, 0.87, 0.78), (0.97, 0.96, 0.93))


def sample_rgb(colour: str, rng: Generator, varied: bool = False) -> np.ndarray:
    """Return a paint (3,) in 0..1 that a person would call by colour's name.

    varied: take every second paint from further out.
    """
    ranges = _WIDER[colour] if varied and rng.random() < 0.5 else _RANGES[colour]
    hue, saturation, value = ranges[int(rng.integers(len(ranges)))]
    h, s, v = rng.uniform(*hue), rng.uniform(*saturation), rng.uniform(*value)
    return np.array(colorsys.hsv_to_rgb((h % 360) / 360, s, v))


def sample_accent_rgb(colour: str, rng: Generator) -> np.ndarray:
    """Return a paint (3,) for stripes and labels that stands out from colour."""
    choices = ["white", "white", "white", "black", "yellow", "red", "blue", "green", "orange"]
    choices = [c for c in choices if c != colour]
    return sample_rgb(choices[int(rng.integers(len(choices)))], rng)


# word, hue in degrees, saturation, value of what a camera shows; no two overlap
_BANDS = (
    ("black", (0, 360), (0.0, 1.0), (0.0, 0.16)),
    ("white", (0, 360), (0.0, 0.16), (0.72, 1.0)),
    ("red", (-14, 13), (0.55, 1.0), (0.17, 1.0)),
    ("brown", (13, 42), (0.3, 1.0), (0.17, 0.55)),
    ("orange", (14, 38), (0.6, 1.0), (0.6, 1.0)),
    ("yellow", (42, 66), (0.45, 1.0), (0.5, 1.0)),
    ("green", (72, 168), (0.25, 1.0), (0.17, 1.0)),
    ("blue", (192, 250), (0.3, 1.0), (0.17, 1.0)),
    ("purple", (256, 305), (0.25, 1.0), (0.17, 0.85)),
    ("pink", (310, 350), (0.2, 0.55), (0.6, 1.0)),
)
CLEAR_SHARE = 0.6
"""A thing has a colour word where at least this share of its surface has it."""


def colour_word(rgb: np.ndarray, weights: np.ndarray) -> str:
    """Return the colour word of most of some pixels (n, 3) uint8, or an empty string.

    weights (n,): how much of the surface each pixel stands for. Greys, and hues between two words,
    have no word.
    """
    hue, saturation, value = _hsv(rgb)
    shares: dict[str, float] = {}
    for word, (first, last), saturations, values in _BANDS:
        fit = (hue - first) % 360 <= last - first
        fit &= (saturation >= saturations[0]) & (saturation <= saturations[1])
        fit &= (value >= values[0]) & (value <= values[1])
        shares[word] = shares.get(word, 0.0) + float(weights[fit].sum() / weights.sum())
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= CLEAR_SHARE else ""


def _hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hue in degrees, saturation and value (n,) each of pixels (n, 3) uint8."""
    pixels = rgb.astype(float) / 255
    high, low = pixels.max(1), pixels.min(1)
    span = np.maximum(high - low, 1e-9)
    red, green, blue = pixels.T
    hue = np.select(
        [high == red, high == green],
        [(green - blue) / span, 2 + (blue - red) / span],
        4 + (red - green) / span,
    )
    return hue * 60 % 360, (high - low) / np.maximum(high, 1e-9), high
