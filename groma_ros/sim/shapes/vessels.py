"""Open vessels: cups, glasses, bowls and plates, each a list of (role, mesh)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import Mesh, Parts, choose_facets, disc, extrude, join, revolve


def _wall(
    rng: Generator, bottom: float, top: float, height: float, style: str, n: int = 9
) -> np.ndarray:
    """Return the outer wall (n, 2) of (radius, z) from bottom to top."""
    t = np.linspace(0, 1, n)
    bulge = {
        "straight": 0 * t,
        "belly": np.sin(np.pi * t) * rng.uniform(0.06, 0.2),
        "waist": -np.sin(np.pi * t) * rng.uniform(0.03, 0.1),
        "round": (np.sqrt(1 - (1 - t) ** 2) - t) * rng.uniform(0.3, 0.7),
    }[style]
    radius = bottom + (top - bottom) * t + bulge * max(bottom, top)
    return np.stack([radius, t * height], 1)


def _vessel(outer: np.ndarray, thickness: float, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (outside, inside) profiles of an open vessel with the given outer wall."""
    foot = [(0.0, outer[0, 1]), (outer[0, 0] * 0.97, outer[0, 1])]
    outside = np.concatenate([foot, outer])
    inner = outer[::-1].copy()
    inner[:, 0] = np.maximum(inner[:, 0] - thickness, 1e-4)
    inner = inner[inner[:, 1] > floor + 1e-4]
    low = np.interp(floor, outer[:, 1], outer[:, 0]) - thickness
    inside = np.concatenate([outer[-1:], inner, [(max(low, 1e-4), floor), (0.0, floor)]])
    return outside, inside


def _handle(
    rng: Generator, radius_at: Callable[[float], float], height: float, big: float, plain: bool
) -> Mesh:
    """Return a C, D or ear shaped handle on the +x side."""
    low, high = height * rng.uniform(0.14, 0.28), height * rng.uniform(0.74, 0.92)
    reach = rng.uniform(0.5, 0.85) * (high - low) if not plain else 0.5 * (high - low)
    reach = float(np.clip(reach, 0.3 * big, 0.95 * big))
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
    power = 1.0 if plain else rng.uniform(0.45, 1.0)
    x = np.abs(np.cos(angle)) ** power * reach
    z = (low + high) / 2 + np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * (
        high - low
    ) / 2
    if not plain and rng.random() < 0.35:
        x = x * (1 + 0.25 * np.sin(angle))
    base = np.interp(z, [low, high], [radius_at(low), radius_at(high)])
    x = x + base - 0.06 * big
    thick = rng.uniform(0.09, 0.16) * big
    section = np.array([np.cos(a := np.linspace(0, 2 * np.pi, 8, endpoint=False)), np.sin(a)]).T
    section = section * [rng.uniform(0.9, 1.7), 1.0]
    return extrude(np.stack([x, 0 * x, z], 1), thick, cross_section=section)


def band(
    outer: np.ndarray,
    low: float,
    high: float,
    segments: int,
    squareness: float = 2.0,
) -> Mesh:
    """Return a label or stripe that lies a hair outside of the wall between two heights."""
    z = np.linspace(low, high, 6)
    r = np.interp(z, outer[:, 1], outer[:, 0]) * 1.004 + 2e-4
    return revolve(np.stack([r, z], 1), segments, squareness)


def stripes(rng: Generator, outer: np.ndarray, height: float, segments: int) -> Parts:
    """Return one stripe about a wall, somewhere in its height."""
    low = rng.uniform(0.15, 0.7) * height
    return [("accent", band(outer, low, low + rng.uniform(0.06, 0.2) * height, segments))]


def cup(rng: Generator) -> Parts:
    """Return an espresso cup, tea cup or mug with a handle on +x."""
    plain = rng.random() < 0.2
    segments, flat = choose_facets(rng)
    form = rng.choice(["mug", "tall", "tea", "espresso"], p=[0.45, 0.2, 0.2, 0.15])
    height = {
        "mug": rng.uniform(0.08, 0.105),
        "tall": rng.uniform(0.11, 0.145),
        "tea": rng.uniform(0.055, 0.075),
        "espresso": rng.uniform(0.05, 0.065),
    }[form]
    top = {
        "mug": rng.uniform(0.038, 0.048),
        "tall": rng.uniform(0.036, 0.045),
        "tea": rng.uniform(0.042, 0.054),
        "espresso": rng.uniform(0.028, 0.036),
    }[form]
    bottom = top * (
        1.0 if plain else rng.uniform(0.6, 0.8) if form == "tea" else rng.uniform(0.72, 1.06)
    )
    style = (
        "straight"
        if plain
        else str(
            rng.choice(
                ["straight", "belly", "waist", "round"],
                p=[0.2, 0.2, 0.15, 0.45] if form == "tea" else [0.55, 0.2, 0.1, 0.15],
            )
        )
    )
    outer = _wall(rng, bottom, top, height, style)
    outside, inside = _vessel(outer, rng.uniform(0.0025, 0.005), height * rng.uniform(0.05, 0.12))
    parts = [
        ("body", revolve(outside, segments, flat=flat)),
        ("inside", revolve(inside, segments, flat=flat)),
    ]
    handle = _handle(rng, lambda z: np.interp(z, outer[:, 1], outer[:, 0]), height, top, plain)
    parts.append(("body", handle))
    if rng.random() < 0.35:
        z = height * rng.uniform(0.6, 0.9)
        r = np.interp(z, outer[:, 1], outer[:, 0]) - 0.0028
        parts.append(("drink", disc(r, z, segments)))
    if not plain and rng.random() < 0.22:
        parts += stripes(rng, outer, height, segments)
    return parts


def glass(rng: Generator) -> Parts:
    """Return a tumbler, tall glass, pint, wine glass or goblet (thin, see-through walls)."""
    segments, flat = choose_facets(rng)
    form = rng.choice(["tumbler", "tall", "pint", "wine", "plain"], p=[0.28, 0.2, 0.17, 0.2, 0.15])
    thickness = rng.uniform(0.0015, 0.003)
    if form == "wine":
        return _stemmed_glass(rng, segments, flat, thickness)
    height = {
        "tumbler": rng.uniform(0.075, 0.1),
        "tall": rng.uniform(0.12, 0.16),
        "pint": rng.uniform(0.125, 0.155),
        "plain": rng.uniform(0.09, 0.14),
    }[form]
    top = {
        "tumbler": rng.uniform(0.036, 0.046),
        "tall": rng.uniform(0.027, 0.034),
        "pint": rng.uniform(0.038, 0.046),
        "plain": rng.uniform(0.03, 0.042),
    }[form]
    bottom = (
        top
        * {
            "tumbler": rng.uniform(0.78, 1.0),
            "tall": rng.uniform(0.85, 1.0),
            "pint": rng.uniform(0.66, 0.8),
            "plain": 1.0,
        }[form]
    )
    style = (
        "straight"
        if form in ("tall", "plain")
        else str(rng.choice(["straight", "belly"], p=[0.75, 0.25]))
    )
    outer = _wall(rng, bottom, top, height, style)
    outside, inside = _vessel(outer, thickness, height * rng.uniform(0.05, 0.14))
    lobes = (int(rng.integers(8, 13)), 0.02) if rng.random() < 0.15 else None
    parts = [
        ("glass", revolve(outside, segments, lobes=lobes, flat=flat)),
        ("glass", revolve(inside, segments, lobes=lobes, flat=flat)),
    ]
    if rng.random() < 0.25:
        fill = outer[outer[:, 1] < height * rng.uniform(0.5, 0.85)]
        fill = fill * [1, 1] - [thickness * 1.5, -height * 0.06]
        profile = np.concatenate([[(0, fill[0, 1])], fill, [(0, fill[-1, 1])]])
        parts.append(("liquid", revolve(profile, segments)))
    return parts


def _stemmed_glass(rng: Generator, segments: int, flat: bool, thickness: float) -> Parts:
    bowl_height, stem = rng.uniform(0.07, 0.1), rng.uniform(0.05, 0.09)
    wide = rng.uniform(0.03, 0.042)
    t = np.linspace(0, 1, 9)
    radius = wide * (np.sin(np.pi * (0.08 + t * rng.uniform(0.55, 0.78))) ** 0.75)
    radius[0] = 0.005
    outer = np.stack([radius, stem + t * bowl_height], 1)
    foot = rng.uniform(0.028, 0.036)
    base = [
        (0, 0),
        (foot, 0),
        (foot, 0.0015),
        (foot * 0.5, 0.004),
        (0.005, 0.01),
        (0.0038, stem * 0.5),
    ]
    inner = outer[::-1] - [thickness, 0]
    inner[-1] = (0.0, stem + 0.006)
    return [
        ("glass", revolve(np.concatenate([base, outer]), segments, flat=flat)),
        ("glass", revolve(np.concatenate([outer[-1:], inner]), segments, flat=flat)),
    ]


def bowl(rng: Generator) -> Parts:
    """Return an open bowl, wider than high, no handle."""
    segments, flat = choose_facets(rng)
    radius = rng.uniform(0.055, 0.11)
    height = radius * 2 * rng.uniform(0.3, 0.52)
    t = np.linspace(0, 1, 10)
    power = rng.uniform(0.42, 0.75)
    base = rng.uniform(0.35, 0.6)
    outer = np.stack([radius * (base + (1 - base) * t**power), t * height], 1)
    if rng.random() < 0.2:
        outer = np.stack([radius * np.linspace(base + 0.1, 1, 10), t * height], 1)
    outside, inside = _vessel(outer, rng.uniform(0.003, 0.006), height * 0.1)
    lip = [(radius * 1.08, height)] if rng.random() < 0.2 else []
    if lip:
        outside = np.concatenate([outside, lip])
        inside = np.concatenate([lip, inside])
    parts = [
        ("body", revolve(outside, segments, flat=flat)),
        ("inside", revolve(inside, segments, flat=flat)),
    ]
    if rng.random() < 0.2:
        parts += stripes(rng, outer, height, segments)
    if rng.random() < 0.12:
        z = height * rng.uniform(0.5, 0.8)
        parts.append(("food", disc(np.interp(z, outer[:, 1], outer[:, 0]) - 0.004, z, segments)))
    return parts


def plate(rng: Generator) -> Parts:
    """Return a flat plate or saucer with a raised rim, or a plain disc."""
    segments, flat = choose_facets(rng)
    radius = rng.uniform(0.065, 0.14)
    square = float(rng.uniform(4, 7)) if rng.random() < 0.1 else 2.0
    if rng.random() < 0.18:
        thick = rng.uniform(0.006, 0.014)
        slab = [(0, 0), (radius, 0), (radius, thick), (0, thick)]
        return [("body", revolve(slab, segments, square, flat=True))]
    height = radius * rng.uniform(0.1, 0.24)
    well = radius * rng.uniform(0.55, 0.74)
    thick = rng.uniform(0.003, 0.006)
    lower = [(0, 0), (well * 0.9, 0), (well, height * 0.25), (radius, height)]
    upper = [
        (radius, height),
        (radius * 0.99, height + thick * 0.6),
        (well, height * 0.3 + thick),
        (well * 0.92, thick),
        (0, thick),
    ]
    parts = [
        (
            "body",
            join(
                revolve(lower, segments, square, flat=flat),
                revolve(upper, segments, square, flat=flat),
            ),
        )
    ]
    if rng.random() < 0.25 and square == 2.0:
        r = np.array([0.99, rng.uniform(0.88, 0.94)]) * radius
        z = np.interp(r, [well, radius * 0.99], [height * 0.3 + thick, height + thick * 0.6])
        parts.append(("accent", revolve(np.stack([r, z + 0.0008], 1), segments)))
    return parts
