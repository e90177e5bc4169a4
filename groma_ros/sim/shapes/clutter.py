"""Nameless things that lie about: cutlery, cables, slabs, stones, paper, plants."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import (
    Mesh,
    Parts,
    ball,
    block,
    extrude,
    join,
    revolve,
    rotation_about,
)


def spoon(rng: Generator) -> Parts:
    """Return a spoon that lies along x."""
    length = rng.uniform(0.13, 0.2)
    x = np.linspace(0, 0.72 * length, 8)
    z = 0.006 + 0.012 * np.sin(np.linspace(0, np.pi, 8))
    section = np.array(
        [(np.cos(a) * 1.0, np.sin(a) * 0.4) for a in np.linspace(0, 2 * np.pi, 8, False)]
    )
    handle = extrude(
        np.stack([x, 0 * x, z], 1), np.linspace(0.006, 0.0035, 8), cross_section=section
    )
    t = np.linspace(0, 1, 6)
    dip = np.concatenate(
        [np.stack([t, t**2 * 0.35], 1), np.stack([t, t**2 * 0.35 + 0.06], 1)[::-1]]
    )
    head = revolve(dip, 16).scaled((0.17 * length, 0.11 * length, 0.09 * length))
    return [("utensil", join(handle, head.moved((0.86 * length, 0, 0))))]


def fork(rng: Generator) -> Parts:
    """Return a fork or a knife that lies along x."""
    length = rng.uniform(0.16, 0.21)
    handle = block((0.62 * length, 0.012, 0.003), 0.0006).moved((0.31 * length, 0, 0.004))
    if rng.random() < 0.5:
        blade = block((0.45 * length, 0.019, 0.0016)).moved((0.8 * length, 0.002, 0.004))
        return [("utensil", join(handle, blade))]
    head = block((0.1 * length, 0.026, 0.002)).moved((0.66 * length, 0, 0.005))
    tines = [
        block((0.28 * length, 0.003, 0.002)).moved((0.84 * length, y, 0.006))
        for y in (-0.0105, -0.0035, 0.0035, 0.0105)
    ]
    return [("utensil", join(handle, head, *tines))]


def cable(rng: Generator) -> Parts:
    """Return a thin winding cable."""
    t = np.linspace(0, 1, 28)
    phase = rng.uniform(0, 6, 4)
    x = (t - 0.5) * rng.uniform(0.25, 0.6) + 0.05 * np.sin(5 * t + phase[0])
    y = 0.07 * np.sin(rng.uniform(3, 9) * t + phase[1]) + 0.03 * np.sin(13 * t + phase[2])
    radius = rng.uniform(0.0018, 0.0035)
    return [("cable", extrude(np.stack([x, y, radius + 0 * x], 1), radius, 6))]


def phone(rng: Generator) -> Parts:
    """Return a flat slab with a dark screen."""
    scale = rng.uniform(0.9, 2.0)
    x, y, z = 0.072 * scale, 0.15 * scale, 0.008
    screen = block((x * 0.93, y * 0.95, 0.001)).moved((0, 0, z))
    return [("shell", block((x, y, z), 0.001).moved((0, 0, z / 2))), ("screen", screen)]


def laptop(rng: Generator) -> Parts:
    """Return an opened folding computer."""
    x, y = rng.uniform(0.28, 0.36), rng.uniform(0.2, 0.25)
    base = block((x, y, 0.014), 0.002).moved((0, 0, 0.007))
    keys = block((x * 0.86, y * 0.45, 0.001)).moved((0, y * 0.12, 0.0145))
    tilt = rotation_about("x", -rng.uniform(0.1, 0.5))
    lid = block((x, 0.007, y)).moved((0, 0, y / 2)).turned(tilt).moved((0, y / 2, 0.012))
    view = (
        block((x * 0.92, 0.001, y * 0.86))
        .moved((0, -0.004, y / 2))
        .turned(tilt)
        .moved((0, y / 2, 0.012))
    )
    return [("shell", join(base, lid)), ("screen", keys), ("screen", view)]


def stone(rng: Generator) -> Parts:
    """Return an uneven lump."""
    lump = ball(1.0, 14, 9)
    direction = rng.normal(size=(5, 3))
    wave = sum(np.sin(lump.vertices @ d * 1.6 + k) for k, d in enumerate(direction))
    squash = (rng.uniform(0.7, 1.3), rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.5))
    vertices = lump.vertices * (1 + 0.09 * wave[:, None]) * squash * rng.uniform(0.02, 0.05)
    return [("stone", Mesh(vertices - [0, 0, vertices[:, 2].min()], lump.faces, lump.uv))]


def paper(rng: Generator) -> Parts:
    """Return a sheet or a cloth, flat on the table."""
    size = (rng.uniform(0.12, 0.32), rng.uniform(0.1, 0.25), 0.0012)
    return [("sheet", block(size).moved((0, 0, 0.0006)))]


def board(rng: Generator) -> Parts:
    """Return a wooden board with a grip."""
    x, y, z = rng.uniform(0.22, 0.34), rng.uniform(0.14, 0.22), rng.uniform(0.01, 0.016)
    grip = block((0.1, 0.035, z), 0.001).moved((x / 2 + 0.045, 0, z / 2))
    return [("wood", join(block((x, y, z), 0.001).moved((0, 0, z / 2)), grip))]


def plant(rng: Generator) -> Parts:
    """Return a twig with leaves that lies or stands."""
    leaves = []
    for k in range(int(rng.integers(5, 10))):
        leaf = ball(1.0, 8, 6).scaled((0.035, 0.014, 0.0025)).moved((0.035, 0, 0))
        turn = rotation_about("z", k * 2.4) @ rotation_about("y", -rng.uniform(0.2, 1.1))
        leaves.append(leaf.turned(turn).moved((0, 0, 0.02 + 0.012 * k)))
    path = np.array([(0, 0, z) for z in np.linspace(0, 0.02 + 0.012 * len(leaves), 6)])
    return [("leaf", join(*leaves)), ("twig", extrude(path, 0.0025, 6))]


def ring(rng: Generator) -> Parts:
    """Return a roll of tape or a ring that lies flat."""
    outer, height = rng.uniform(0.03, 0.05), rng.uniform(0.012, 0.025)
    inner = outer * rng.uniform(0.65, 0.82)
    profile = [(inner, 0), (outer, 0), (outer, height), (inner, height), (inner, 0)]
    return [("ring", revolve(profile, 24))]


MAKERS = {
    "spoon": spoon,
    "fork": fork,
    "cable": cable,
    "phone": phone,
    "laptop": laptop,
    "stone": stone,
    "paper": paper,
    "board": board,
    "plant": plant,
    "ring": ring,
}

CALLED = {
    "spoon": ("utensil",),
    "fork": ("knife",),
    "phone": ("cell phone",),
    "board": ("cutting board",),
    "plant": ("potted plant",),
    "ring": ("tape",),
}
"""What else a person might call them; a world in which that is a kind leaves them out."""
