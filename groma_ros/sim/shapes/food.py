"""Fruit, vegetables and pastry, each a list of (role, mesh)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import (
    Mesh,
    Parts,
    ball,
    block,
    disc,
    extrude,
    join,
    rest_on_ground,
    revolve,
    ribbon,
    rotation_about,
)


def _round_fruit(radius: float, height: float, dent: float, power: float = 1.0) -> np.ndarray:
    """Return the profile (20, 2) of a round body from pole to pole, dented at both ends."""
    t = np.linspace(-np.pi / 2, np.pi / 2, 20)
    r = np.cos(t) ** power * radius
    z = np.sin(t) * height
    z = z - dent * np.sign(z) * np.exp(-((r / radius / 0.3) ** 2)) * height
    r[[0, -1]] = 0
    return np.stack([r, z], 1)


def _leaf(length: float, width: float) -> Mesh:
    """Return a pointed, slightly raised leaf from the origin along x."""
    t = np.linspace(0, 1, 7)
    path = np.stack([length * t, 0 * t, 0.25 * length * np.sin(np.pi * t)], 1)
    return ribbon(path, width * np.sin(np.pi * (0.08 + 0.9 * t)), 0.0006, 2)


def orange(rng: Generator) -> Parts:
    """Return an orange: a ball with a small green button, sometimes a leaf."""
    radius = rng.uniform(0.034, 0.044)
    height = radius * rng.uniform(0.92, 1.0)
    body = revolve(_round_fruit(radius, height, 0.07), 28)
    top = height * 0.93
    button = revolve([(0, 0), (0.0035, 0), (0.0025, 0.002), (0, 0.002)], 8).moved((0, 0, top))
    parts = [("body", body), ("green", button)]
    if rng.random() < 0.25:
        leaf = _leaf(radius * rng.uniform(0.8, 1.2), radius * 0.28)
        parts.append(("leaf", leaf.moved((0, 0, top + 0.001))))
    return rest_on_ground(parts)


def lemon(rng: Generator) -> Parts:
    """Return a lemon that lies along x, pointed at both ends."""
    radius = rng.uniform(0.024, 0.031)
    half = radius * rng.uniform(1.25, 1.5)
    t = np.linspace(-1, 1, 25)
    r = radius * np.sqrt(np.clip(1 - np.abs(t) ** 2.2, 0, 1)) * (1 - 0.12 * np.abs(t) ** 3)
    nipple = rng.uniform(0.1, 0.2) * radius
    r = np.maximum(r, nipple * (1 - np.clip((np.abs(t) - 0.97) / 0.03, 0, 1)))
    z = t * half * (1 + 0.1 * np.abs(t) ** 8)
    r[[0, -1]] = 0
    body = revolve(np.stack([r, z], 1), 24).turned(rotation_about("y", np.pi / 2))
    return rest_on_ground([("body", body)])


def pear(rng: Generator) -> Parts:
    """Return a pear that stands: a round belly, a narrow neck, a stem."""
    radius = rng.uniform(0.03, 0.038)
    height = radius * rng.uniform(2.5, 3.1)
    t = np.linspace(0, 1, 22)
    belly = np.sqrt(np.clip(1 - ((t - 0.34) / 0.36) ** 2, 0, 1))
    neck = rng.uniform(0.42, 0.55) * np.sqrt(np.clip(1 - ((t - 0.7) / 0.3) ** 4, 0, 1))
    r = np.maximum(belly, neck * (t > 0.34))
    blend = np.convolve(np.pad(r, 2, "edge"), np.ones(5) / 5, "valid")
    r = np.where((t > 0.42) & (t < 0.85), blend, r) * radius
    r[[0, -1]] = 0
    body = revolve(np.stack([r, t * height], 1), 24)
    s = np.linspace(0, 1, 5)
    lean = rng.uniform(-0.4, 0.4)
    path = np.stack([lean * radius * s**2, 0 * s, height * 0.97 + radius * 0.6 * s], 1)
    return rest_on_ground([("body", body), ("stem", extrude(path, radius * 0.07, 6))])


def tomato(rng: Generator) -> Parts:
    """Return a tomato with a green star on top."""
    radius = rng.uniform(0.026, 0.042)
    height = radius * rng.uniform(0.72, 0.9)
    lobes = (int(rng.integers(5, 8)), rng.uniform(0.0, 0.045))
    body = revolve(_round_fruit(radius, height, 0.16, 0.85), 36, lobes=lobes)
    top = height * 0.86
    star = []
    for k in range(5):
        leaf = _leaf(radius * rng.uniform(0.45, 0.62), radius * 0.11)
        star.append(leaf.turned(rotation_about("z", 2 * np.pi * k / 5)))
    stem = extrude([(0, 0, 0), (0, 0, 0.004), (0.002, 0, 0.009)], 0.0016, 6)
    return rest_on_ground([("body", body), ("green", join(*star, stem).moved((0, 0, top)))])


def carrot(rng: Generator) -> Parts:
    """Return a carrot along x with rings and a short or leafy green top."""
    length, radius = rng.uniform(0.12, 0.2), rng.uniform(0.012, 0.019)
    t = np.linspace(0, 1, 22)
    r = radius * (1 - t) ** rng.uniform(0.45, 0.7) * (1 + 0.02 * np.sin(t * 60))
    r = r * np.clip(t / 0.05, 0.35, 1) ** 0.5
    path = np.stack([length * t, 0.012 * np.sin(2.5 * t) * rng.uniform(-1, 1), 0 * t], 1)
    body = extrude(path, np.maximum(r, 0.0004), 14)
    stalks = []
    for _ in range(int(rng.integers(4, 8))):
        reach = rng.uniform(0.02, 0.03) if rng.random() < 0.5 else rng.uniform(0.04, 0.09)
        away = rng.normal(0, 0.25, 2)
        s = np.linspace(0, 1, 5)
        stalk = np.stack([-reach * s, away[0] * reach * s, away[1] * reach * s**2], 1)
        stalks.append(extrude(stalk, 0.0018, 6))
        if reach > 0.035:
            for share in (0.6, 0.8, 1.0):
                tuft = ball(1.0, 7, 5).scaled((0.009, 0.006, 0.003))
                stalks.append(tuft.moved(stalk[-1] * share))
    return rest_on_ground([("body", body), ("green", join(*stalks))])


def cucumber(rng: Generator) -> Parts:
    """Return a cucumber along x, weakly bent, with rounded ends."""
    length, radius = rng.uniform(0.16, 0.28), rng.uniform(0.016, 0.023)
    t = np.linspace(0, 1, 22)
    ends = np.sqrt(np.clip(1 - np.abs(2 * t - 1) ** 8, 0.02, 1))
    path = np.stack([length * t, length * rng.uniform(-0.08, 0.08) * (2 * t - 1) ** 2, 0 * t], 1)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    wave = 1 + rng.uniform(0.01, 0.035) * np.cos(8 * angle)
    section = np.stack([np.cos(angle), np.sin(angle)], 1) * wave[:, None]
    body = extrude(path, radius * ends, cross_section=section)
    tip = extrude(path[:2] - [0.004, 0, 0], radius * 0.25, 8)
    return rest_on_ground([("body", body), ("dark", tip)])


def donut(rng: Generator) -> Parts:
    """Return a ring of dough with icing on its upper half and perhaps sprinkles."""
    ring, tube = rng.uniform(0.026, 0.034), rng.uniform(0.014, 0.018)
    angle = np.linspace(-np.pi, np.pi, 25)
    dough = revolve(np.stack([ring + tube * np.cos(angle), tube * np.sin(angle)], 1), 32)
    upper = np.linspace(-0.12, np.pi + 0.12, 15)
    outline = np.stack([ring + tube * np.cos(upper), tube * np.sin(upper)], 1)
    icing = revolve((outline - [ring, 0]) * 1.05 + [ring, 0], 32)
    parts = [("dough", dough), ("body", icing)]
    grains = []
    for _ in range(int(rng.integers(18, 40)) if rng.random() < 0.6 else 0):
        around, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, np.pi - 0.5)
        grain = block((0.0056, 0.0017, 0.0017))
        grain = grain.turned(rotation_about("z", rng.uniform(0, np.pi)))
        r = ring + tube * 1.07 * np.cos(up)
        grains.append(
            grain.moved((r * np.cos(around), r * np.sin(around), tube * 1.07 * np.sin(up)))
        )
    if grains:
        half = len(grains) // 2
        parts += [("accent", join(*grains[:half])), ("pale", join(*grains[half:]))]
    return rest_on_ground(parts)


def broccoli(rng: Generator) -> Parts:
    """Return a head of broccoli on a thick stem; it stands or leans."""
    radius = rng.uniform(0.03, 0.05)
    stem = revolve(np.array([(0, 0), (0.42, 0), (0.36, 0.5), (0.6, 1.0), (0, 1.05)]) * radius, 12)
    heads = []
    for _ in range(38):
        away = rng.normal(size=3)
        away[2] = abs(away[2])
        away /= np.linalg.norm(away)
        floret = ball(radius * rng.uniform(0.2, 0.34), 7, 5)
        heads.append(floret.moved(away * radius * [0.85, 0.85, 0.6] + [0, 0, radius * 1.05]))
    parts = [("body", join(*heads)), ("stalk", stem)]
    if rng.random() < 0.6:
        turn = rotation_about("y", rng.uniform(0.9, 1.5))
        parts = [(role, mesh.turned(turn)) for role, mesh in parts]
    return rest_on_ground(parts)


def pizza(rng: Generator) -> Parts:
    """Return a round pizza: crust, cheese, and slices of sausage or green leaves on it."""
    radius, thick = rng.uniform(0.1, 0.16), rng.uniform(0.008, 0.012)
    rim = radius * 0.9
    crust = [(0, 0), (radius * 0.97, 0), (radius, thick * 0.8), (radius * 0.96, thick * 1.7)]
    base = revolve([*crust, (rim, thick), (0, thick)], 36)
    sauce = disc(rim * 1.01, thick + 0.0004, 36)
    toppings = []
    for _ in range(int(rng.integers(9, 20))):
        away, around = rim * 0.86 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        slice_ = revolve([(0, 0), (0.013, 0), (0.013, 0.0022), (0, 0.0022)], 14)
        at = (away * np.cos(around), away * np.sin(around), thick)
        toppings.append(slice_.scaled([radius / 0.13, radius / 0.13, 1]).moved(at))
    return [("dough", base), ("body", sauce), ("sausage", join(*toppings))]
