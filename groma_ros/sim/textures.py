"""Procedural pictures for tables, walls, floors, prints and screens, from numpy alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

SIDE = 256
PRINT_SIDE = 64


def _noise(rng: Generator, side: int, cells: int, stretch: int = 1) -> np.ndarray:
    """Return smooth tileable value noise (side, side) in 0..1; stretch lengthens it along x."""
    grid = rng.random((cells, max(cells // stretch, 1)))
    out = grid
    for axis in (0, 1):
        n = out.shape[axis]
        t = np.arange(side) * n / side
        i = t.astype(int)
        f = t - i
        f = f * f * (3 - 2 * f)
        f = f[:, None] if axis == 0 else f[None]
        out = np.take(out, i % n, axis) * (1 - f) + np.take(out, (i + 1) % n, axis) * f
    return out


def _octaves(rng: Generator, side: int, cells: int, count: int = 4, stretch: int = 1) -> np.ndarray:
    """Return noise (side, side) in 0..1, each octave half as wide and strong as the last."""
    layers = [_noise(rng, side, min(cells * 2**k, side // 2), stretch) / 2**k for k in range(count)]
    total = sum(layers)
    low, high = total.min(), total.max()
    return (total - low) / max(high - low, 1e-9)


def _mix(a: ArrayLike, b: ArrayLike, t: np.ndarray) -> np.ndarray:
    """Return (n, n, 3): colour a where t (n, n) is 0, colour b where it is 1."""
    return np.asarray(a) * (1 - t[..., None]) + np.asarray(b) * t[..., None]


def _tone(rng: Generator, light: float = 0.15, bright: float = 1.0) -> np.ndarray:
    """Return a surface colour (3,): mostly grey, beige or muted, seldom vivid."""
    value = rng.uniform(light, bright)
    choice = rng.random()
    if choice < 0.4:
        return value * (1 + rng.uniform(-0.04, 0.04, 3))
    if choice < 0.65:
        return value * np.array([1.0, rng.uniform(0.78, 0.95), rng.uniform(0.55, 0.85)])
    spread = rng.uniform(0.2, 0.45) if choice < 0.9 else 0.9
    return value * (1 - spread * rng.random(3))


def _grid() -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(np.arange(SIDE) / SIDE, np.arange(SIDE) / SIDE)


def wood(rng: Generator) -> np.ndarray:
    """Return planks with grain, from pale to dark."""
    light = np.array([0.85, 0.66, 0.45]) * rng.uniform(0.45, 1.1) + rng.uniform(-0.05, 0.05, 3)
    dark = light * rng.uniform(0.55, 0.8)
    _, y = _grid()
    planks = int(rng.choice([1, 2, 4, 6]))
    row = np.floor(y * planks).astype(int)
    warp = _octaves(rng, SIDE, 4, 3, 4)
    grain = np.sin((y * rng.integers(8, 26) + warp * rng.uniform(1, 4) + row * 1.7) * 2 * np.pi)
    fine = _octaves(rng, SIDE, 64, 2, 16)
    t = np.clip(0.5 + 0.3 * grain + 0.5 * (fine - 0.5), 0, 1)
    out = _mix(light, dark, t) * (0.88 + 0.24 * rng.random(planks))[row][..., None]
    if planks > 1:
        out[(y * planks) % 1 < 0.02 * planks / 2] *= 0.55
    return out


def marble(rng: Generator) -> np.ndarray:
    """Return veined stone, light or dark."""
    base = rng.uniform(0.75, 1.0) * np.ones(3) if rng.random() < 0.7 else rng.uniform(0.1, 0.35, 3)
    vein = base * rng.uniform(0.5, 0.8) if base.mean() > 0.5 else base + rng.uniform(0.2, 0.4)
    warp = _octaves(rng, SIDE, 4, 5)
    x, y = _grid()
    lines = np.abs(np.sin((x + y + 1.6 * warp) * np.pi * rng.integers(1, 4)))
    return _mix(vein, base, np.clip(lines**0.35 + 0.15 * (warp - 0.5), 0, 1))


def tiles(rng: Generator) -> np.ndarray:
    """Return square or brick tiles with joints."""
    count = int(rng.integers(2, 7))
    x, y = _grid()
    rows = np.floor(y * count)
    shift = 0.5 * (rows % 2) if rng.random() < 0.5 else 0 * rows
    u, v = (x * count + shift) % 1, (y * count) % 1
    tile = _tone(rng, 0.3)
    shade = rng.uniform(0.85, 1.1, (count, count + 1))
    column = np.floor(x * count + shift).astype(int) % count
    out = (
        tile
        * shade[rows.astype(int), column][..., None]
        * (0.9 + 0.2 * _octaves(rng, SIDE, 8))[..., None]
    )
    joint = rng.uniform(0.02, 0.06)
    out[(u < joint) | (v < joint)] = rng.uniform(0.3, 0.9)
    return out


def checker(rng: Generator) -> np.ndarray:
    """Return a two-colour checker or gingham."""
    count = int(rng.choice([2, 4, 8]))
    x, y = _grid()
    a, b = _tone(rng, 0.1), _tone(rng, 0.6)
    u, v = np.floor(x * count) % 2, np.floor(y * count) % 2
    t = (u + v) / 2 if rng.random() < 0.5 else np.abs(u - v)
    return _mix(b, a, t)


def cloth(rng: Generator) -> np.ndarray:
    """Return woven cloth."""
    x, y = _grid()
    n = int(rng.choice([32, 48, 64]))
    weave = 0.5 + 0.25 * np.sin(x * n * 2 * np.pi) + 0.25 * np.sin(y * n * 2 * np.pi)
    base = _tone(rng)
    return _mix(base * 0.75, base, np.clip(weave + 0.4 * (_octaves(rng, SIDE, 6) - 0.5), 0, 1))


def speckle(rng: Generator) -> np.ndarray:
    """Return granite, carpet or plaster: noise about one colour."""
    base = _tone(rng, 0.2, 0.9)
    strong = rng.uniform(0.1, 0.6)
    noise = _octaves(rng, SIDE, int(rng.choice([4, 16, 64])), 4) - 0.5
    grain = rng.random((SIDE, SIDE)) - 0.5
    return base * (1 + strong * noise + 0.3 * strong * grain)[..., None]


def stripes(rng: Generator) -> np.ndarray:
    """Return parallel stripes of two or three colours."""
    x, _ = _grid()
    palette = np.stack([_tone(rng) for _ in range(3)])
    count = int(rng.integers(2, 10))
    edges = np.array([0.0, rng.uniform(0.3, 0.6), rng.uniform(0.65, 0.9)])
    which = np.searchsorted(edges, (x * count) % 1, side="right") - 1
    return palette[which]


def plain(rng: Generator) -> np.ndarray:
    """Return a nearly even colour."""
    base = _tone(rng, 0.15, 0.95)
    return base * (1 + 0.06 * (_octaves(rng, SIDE, 3, 2) - 0.5))[..., None]


def blotches(rng: Generator) -> np.ndarray:
    """Return large soft shapes in three colours, for cloths and pictures on walls."""
    palette = np.stack([_tone(rng, 0.1) for _ in range(3)])
    a, b = _octaves(rng, SIDE, 3, 3), _octaves(rng, SIDE, 4, 3)
    return _mix(
        _mix(palette[0], palette[1], np.clip(a * 6 - 2.5, 0, 1)),
        palette[2],
        np.clip(b * 8 - 4, 0, 1),
    )


def room(rng: Generator) -> np.ndarray:
    """Return a blurred interior: bright and dark rectangles, as behind an out-of-focus desk."""
    out = np.ones((SIDE, SIDE, 3)) * _tone(rng, 0.3, 0.9)
    for _ in range(int(rng.integers(6, 16))):
        x, y = rng.integers(0, SIDE, 2)
        w, h = rng.integers(15, 110, 2)
        grey = rng.uniform(0.1, 1.0)
        out[y : y + h, x : x + w] = np.clip(grey + rng.uniform(-0.15, 0.15, 3), 0, 1)
    width = int(rng.integers(2, 12))
    kernel = np.ones(2 * width + 1) / (2 * width + 1)
    for axis in (0, 1):
        out = np.apply_along_axis(
            lambda v: np.convolve(np.pad(v, width, "wrap"), kernel, "valid"), axis, out
        )
    return out


def collage(rng: Generator) -> np.ndarray:
    """Return overlapping shapes in any colour: posters, rugs, printed cloths, a busy background."""
    out = np.ones((SIDE, SIDE, 3)) * rng.random(3)
    x, y = _grid()
    for _ in range(int(rng.integers(4, 26))):
        turn, (cx, cy), (w, h) = rng.uniform(0, np.pi), rng.random(2), rng.uniform(0.02, 0.3, 2)
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        round_one = rng.random() < 0.4
        inside = (u / w) ** 2 + (v / h) ** 2 < 1 if round_one else (abs(u) < w) & (abs(v) < h)
        out[inside] = rng.random(3) if rng.random() < 0.6 else _tone(rng)
    return out * (0.9 + 0.2 * _octaves(rng, SIDE, 16, 3))[..., None]


def clouds(rng: Generator) -> np.ndarray:
    """Return soft noise of every scale with drifting colour, as photographs of the ground have."""
    light, dark, other = _tone(rng, 0.4), _tone(rng, 0.05, 0.7), rng.random(3)
    cells, stretch = int(rng.choice([2, 4, 8])), int(rng.choice([1, 1, 2]))
    out = _mix(dark, light, _octaves(rng, SIDE, cells, 6, stretch) ** rng.uniform(0.6, 1.6))
    return _mix(out, other, 0.5 * rng.random() * _octaves(rng, SIDE, 3, 4))


def grain(rng: Generator) -> np.ndarray:
    """Return a light grey pattern that, as a tint, leaves a paint its colour."""
    x, y = _grid()
    choice = int(rng.integers(4))
    noise = _octaves(rng, SIDE, int(rng.choice([2, 8, 32])), 4)
    lines = 0.5 + 0.5 * np.sin(
        (x * rng.integers(0, 12) + y * rng.integers(1, 40)) * 2 * np.pi + 4 * noise
    )
    rings = (np.floor(x * 8) + np.floor(y * 8)) % 2
    pattern = (noise, lines, rings * 0.6 + 0.4 * noise, rng.random((SIDE, SIDE)))[choice]
    return np.repeat((1 - rng.uniform(0.1, 0.38) * pattern)[..., None], 3, axis=2)


_SURFACES = {
    "wood": (wood, 12),
    "marble": (marble, 6),
    "tiles": (tiles, 6),
    "checker": (checker, 4),
    "cloth": (cloth, 6),
    "speckle": (speckle, 8),
    "stripes": (stripes, 4),
    "plain": (plain, 6),
    "blotches": (blotches, 6),
    "room": (room, 8),
    "collage": (collage, 24),
    "clouds": (clouds, 24),
    "grain": (grain, 12),
}
ONLY_TRAIN = 8
"""More textures of each surface that only training shows."""


def print_pattern(rng: Generator, style: int) -> np.ndarray:
    """Return a label print (PRINT_SIDE, PRINT_SIDE, 3): paper with words and marks."""
    n = PRINT_SIDE
    paper = np.ones(3) * rng.uniform(0.8, 1.0)
    ink = rng.uniform(0, 0.7, 3) if rng.random() < 0.6 else np.ones(3) * rng.uniform(0, 0.3)
    out = np.ones((n, n, 3)) * paper
    if style % 4 == 1:
        out[:, :] = paper * 0.55 + 0.45 * rng.uniform(0.5, 1, 3)
    if style % 4 == 2:
        yy, xx = np.mgrid[:n, :n]
        out[(xx - n / 2) ** 2 + (yy - n / 2) ** 2 < (n * rng.uniform(0.2, 0.38)) ** 2] = ink
    if style % 4 == 3:
        out[int(n * 0.1) : int(n * 0.3)] = ink
    for line in range(int(rng.integers(2, 6))):
        y = int(n * (0.15 + 0.14 * line))
        x = int(n * 0.1)
        while x < n * rng.uniform(0.6, 0.95):
            w = int(rng.integers(2, 9))
            out[y : y + int(rng.integers(2, 6)), x : x + w] = ink
            x += w + int(rng.integers(1, 4))
    return out


@lru_cache(maxsize=1)
def all_textures() -> tuple[tuple[str, str, np.ndarray], ...]:
    """Return (name, split, (n, n, 3) uint8) of every texture; some are for tests only."""
    out = []
    for group, (make, count) in _SURFACES.items():
        for k in range(count + ONLY_TRAIN):
            rng = np.random.default_rng([len(group), ord(group[0]), ord(group[1]), k])
            held = count > k >= count - max(1, count // 6)
            out.append((f"{group}{k}", "test" if held else "train", _to_bytes(make(rng))))
    for k in range(16):
        rng = np.random.default_rng([77, k])
        out.append((f"print{k}", "test" if k >= 13 else "train", _to_bytes(print_pattern(rng, k))))
    return tuple(out)


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


@lru_cache(maxsize=4)
def texture_ids(split: str) -> dict[str, tuple[int, ...]]:
    """Return, for a split, the indices into all_textures() of each group (wood, print, ...)."""
    out: dict[str, list[int]] = {}
    for index, (name, owner, _) in enumerate(all_textures()):
        if owner == split:
            out.setdefault(name.rstrip("0123456789"), []).append(index)
    return {group: tuple(indices) for group, indices in out.items()}
