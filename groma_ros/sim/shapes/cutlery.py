"""Forks, knives and spoons that lie along x, each a list of (role, mesh)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import (
    Mesh,
    Parts,
    join,
    prism,
    rest_on_ground,
    revolve,
    ribbon,
)


def _handle(rng: Generator, length: float, end: float) -> Mesh:
    """Return a flat handle from x = 0 to end that is wide at first and thin at the neck."""
    t = np.linspace(0, 1, 12)
    x = end * t
    z = 0.004 + 0.022 * length / 0.19 * np.sin(np.pi * t) ** 1.5 * rng.uniform(0.3, 0.6)
    wide = rng.uniform(0.006, 0.0095)
    widths = wide * np.interp(t, [0, 0.05, 0.2, 0.7, 1], [0.5, 0.9, 1.0, 0.45, 0.35])
    return ribbon(np.stack([x, 0 * x, z], 1), widths, rng.uniform(0.001, 0.0018))


def fork(rng: Generator) -> Parts:
    """Return a table fork with three or four tines, sometimes with a coloured handle."""
    length = rng.uniform(0.16, 0.21)
    neck, root = 0.62 * length, 0.74 * length
    wide = rng.uniform(0.011, 0.0135)
    t = np.linspace(0, 1, 8)
    z = 0.004 - 0.003 * np.sin(np.pi * t)
    widths = np.interp(t, [0, 0.3, 0.75, 1], [0.0026, 0.006, wide, wide * 0.98])
    x = neck + (root - neck) * t
    head = ribbon(np.stack([x, 0 * x, z], 1), widths, 0.001, 6)
    count = int(rng.choice([3, 4, 4]))
    tines = []
    for y in np.linspace(-1, 1, count) * (wide - 0.0018):
        x = root - 0.004 + (length - root + 0.004) * t
        path = np.stack([x, y + 0 * x, 0.004 + 0.007 * t**2], 1)
        tine = np.interp(t, [0, 0.8, 1], [0.0017, 0.0014, 0.0004])
        tines.append(ribbon(path, tine, 0.0011, 4))
    parts = [("body", join(head, *tines)), ("body", _handle(rng, length, neck + 0.003))]
    if rng.random() < 0.25:
        parts = [("metal", parts[0][1]), ("body", _grip(rng, neck))]
    return rest_on_ground(parts)


def spoon(rng: Generator) -> Parts:
    """Return a table or tea spoon with a hollow bowl."""
    length = rng.uniform(0.13, 0.21)
    t = np.linspace(0, 1, 9)
    dip = np.stack([t, t**2 * 0.9], 1)
    shell = np.concatenate([dip, (dip + [0, 0.09])[::-1]])
    half_length = length * rng.uniform(0.14, 0.18)
    half_width = half_length * rng.uniform(0.6, 0.75)
    bowl = revolve(shell, 24).scaled((half_length, half_width, length * rng.uniform(0.05, 0.075)))
    top = bowl.vertices[:, 2].max()
    end = length - 1.9 * half_length
    handle = _handle(rng, length, end).moved((0, 0, top - 0.005))
    bowl = bowl.moved((length - half_length, 0, 0))
    if rng.random() < 0.2:
        grip = _grip(rng, end * 0.8).moved((0, 0, top - 0.005))
        neck = ribbon([(end * 0.7, 0, top), (end, 0, top)], 0.0025, 0.0012)
        return rest_on_ground([("metal", join(bowl, neck)), ("body", grip)])
    return rest_on_ground([("body", join(bowl, handle))])


def knife(rng: Generator) -> Parts:
    """Return a table or kitchen knife: a blade with a curved edge and a handle."""
    kitchen = rng.random() < 0.5
    length = rng.uniform(0.22, 0.32) if kitchen else rng.uniform(0.19, 0.23)
    start = length * (rng.uniform(0.36, 0.44) if kitchen else rng.uniform(0.46, 0.54))
    deep = length * (rng.uniform(0.1, 0.16) if kitchen else rng.uniform(0.075, 0.095))
    t = np.linspace(0, 1, 10)
    x = start + (length - start) * t
    tip = deep * (rng.uniform(0.2, 0.9) if kitchen else rng.uniform(0.0, 0.3))
    back = np.stack([x, deep / 2 - tip * t**3], 1)
    edge = np.stack([x, back[-1, 1] - (deep / 2 + back[-1, 1]) * (1 - t**4)], 1)
    blade = prism(np.concatenate([edge, back[::-1][1:]]), 0.0018).moved((0, 0, 0.004))
    if kitchen:
        tall = deep * rng.uniform(0.3, 0.42)
        path = np.stack([np.linspace(0, start + 0.004, 8), np.zeros(8), np.full(8, 0.0055)], 1)
        widths = tall * np.array([0.75, 1.15, 1.05, 0.85, 0.85, 0.95, 0.9, 0.8])
        parts = [("body", ribbon(path, widths, rng.uniform(0.0055, 0.008), 4)), ("metal", blade)]
        for place in (0.25, 0.6) if rng.random() < 0.5 else ():
            rivet = revolve([(0, 0), (0.003, 0), (0.003, 0.0165), (0, 0.0165)], 10)
            parts.append(("metal", rivet.moved((start * place, 0, -0.0028))))
        return rest_on_ground(parts)
    if rng.random() < 0.4:
        return rest_on_ground([("metal", blade), ("body", _grip(rng, start + 0.003))])
    return rest_on_ground([("metal", blade), ("body", _flat_handle(rng, start + 0.003))])


def _flat_handle(rng: Generator, end: float) -> Mesh:
    """Return a straight metal handle from x = 0 to end."""
    path = np.stack([np.linspace(0, end, 6), np.zeros(6), np.full(6, 0.005)], 1)
    return ribbon(path, rng.uniform(0.006, 0.008) * np.array([0.7, 1, 1, 0.85, 0.8, 0.9]), 0.003)


def _grip(rng: Generator, end: float) -> Mesh:
    """Return a thick plastic handle from x = 0 to end."""
    path = np.stack([np.linspace(0, end, 7), np.zeros(7), np.full(7, 0.0055)], 1)
    widths = rng.uniform(0.007, 0.0095) * np.array([0.6, 1, 1.05, 0.95, 0.85, 0.75, 0.6])
    return ribbon(path, widths, rng.uniform(0.0045, 0.0065), 3)
