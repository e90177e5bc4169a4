"""Closed vessels: bottles and cans, each a list of (role, mesh)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import Parts, choose_facets, disc, revolve
from groma_ros.sim.shapes.vessels import band, stripes


def bottle(rng: Generator) -> Parts:
    """Return a wine, beer, water, sauce or two-cylinder bottle with cap and perhaps a label."""
    segments, flat = choose_facets(rng)
    form = rng.choice(["wine", "beer", "water", "sauce", "plain"], p=[0.25, 0.2, 0.25, 0.15, 0.15])
    height = {
        "wine": rng.uniform(0.24, 0.31),
        "beer": rng.uniform(0.19, 0.24),
        "water": rng.uniform(0.18, 0.26),
        "sauce": rng.uniform(0.15, 0.2),
        "plain": rng.uniform(0.18, 0.28),
    }[form]
    radius = (
        height
        * {
            "wine": rng.uniform(0.115, 0.145),
            "beer": rng.uniform(0.13, 0.155),
            "water": rng.uniform(0.13, 0.18),
            "sauce": rng.uniform(0.16, 0.2),
            "plain": rng.uniform(0.12, 0.18),
        }[form]
    )
    neck = (
        radius
        * {
            "wine": rng.uniform(0.3, 0.42),
            "beer": rng.uniform(0.34, 0.44),
            "water": rng.uniform(0.36, 0.5),
            "sauce": rng.uniform(0.28, 0.5),
            "plain": rng.uniform(0.35, 0.5),
        }[form]
    )
    shoulder = {
        "wine": rng.uniform(0.55, 0.66),
        "beer": rng.uniform(0.5, 0.62),
        "water": rng.uniform(0.62, 0.76),
        "sauce": rng.uniform(0.6, 0.75),
        "plain": rng.uniform(0.55, 0.72),
    }[form]
    rise = {
        "wine": rng.uniform(0.06, 0.2),
        "beer": rng.uniform(0.12, 0.25),
        "water": rng.uniform(0.1, 0.2),
        "sauce": rng.uniform(0.1, 0.2),
        "plain": 0.004,
    }[form]
    t = np.linspace(0, 1, 8)
    curve = neck + (radius - neck) * (1 + np.cos(np.pi * t)) / 2
    wall_z = np.linspace(0, shoulder, 9)
    wall_r = np.full(9, radius)
    if form == "water" and rng.random() < 0.6:
        wall_r = radius * (1 - rng.uniform(0.02, 0.05) * (np.arange(9) % 2))
    if form == "sauce":
        wall_r = radius * np.linspace(1, rng.uniform(0.85, 1.0), 9)
        curve = neck + (wall_r[-1] - neck) * (1 + np.cos(np.pi * t)) / 2
    wall_z[0], wall_r[0] = 0.012, radius
    top = rng.uniform(0.94, 0.97)
    outer = np.concatenate(
        [
            np.stack([wall_r, wall_z * height], 1),
            np.stack([curve, (shoulder + rise * t) * height], 1)[1:],
            [(neck, height * top)],
        ]
    )
    square = float(rng.uniform(3, 6)) if rng.random() < 0.12 else 2.0
    profile = np.concatenate([[(0, 0), (radius * 0.92, 0)], outer, [(0, height * top)]])
    parts = [("body", revolve(profile, segments, square, flat=flat))]
    cap_r = neck * rng.uniform(1.05, 1.25)
    cap_low = height * (top - rng.uniform(0.02, 0.07))
    if form == "sauce" and rng.random() < 0.6:
        cap = [
            (0, cap_low),
            (cap_r * 1.3, cap_low),
            (cap_r * 1.2, height * top),
            (neck * 0.25, height * rng.uniform(1.08, 1.15)),
            (0, height * 1.15),
        ]
    else:
        cap = [
            (0, cap_low),
            (cap_r, cap_low),
            (cap_r, height),
            (cap_r * 0.9, height * 1.005),
            (0, height * 1.005),
        ]
    parts.append(("cap", revolve(cap, segments, flat=flat)))
    if rng.random() < 0.45:
        low = rng.uniform(0.12, 0.25) * height
        high = min(low + rng.uniform(0.14, 0.24) * height, shoulder * height * 0.95)
        parts.append(("label", band(outer, low, high, segments, square)))
    return parts


def can(rng: Generator) -> Parts:
    """Return a drink can or food tin: closed metal top, coloured wall."""
    segments, flat = choose_facets(rng)
    form = rng.choice(["soda", "slim", "tin", "short", "plain"], p=[0.38, 0.12, 0.2, 0.1, 0.2])
    radius = {"soda": 0.033, "slim": 0.028, "tin": 0.037, "short": 0.042, "plain": 0.034}[form]
    radius *= rng.uniform(0.9, 1.1)
    ratio = {
        "soda": rng.uniform(1.65, 1.95),
        "slim": rng.uniform(2.2, 2.7),
        "tin": rng.uniform(1.3, 1.6),
        "short": rng.uniform(0.75, 1.1),
        "plain": rng.uniform(1.3, 2.1),
    }[form]
    height = 2 * radius * ratio
    inset = rng.uniform(0.8, 0.9) if form in ("soda", "slim") else 1.0
    slope = 0.1 * height if inset < 1 else 0.01 * height
    rim = 0.004
    if form == "tin" and rng.random() < 0.6:
        z = np.linspace(slope, height - slope, 15)
        wall = np.stack([radius * (1 - 0.025 * (np.arange(15) % 2)), z], 1)
    else:
        wall = np.array([(radius, slope * 0.7), (radius, height * 0.4), (radius, height - slope)])
    body = np.concatenate(
        [[(0, 0), (radius * inset * 0.95, 0)], wall, [(radius * inset, height - rim)]]
    )
    lip = radius * inset
    if form == "plain" and rng.random() < 0.5:
        solid = [(0, 0), (radius, 0), (radius, height), (0, height)]
        parts = [
            ("body", revolve(solid, segments, flat=flat)),
            ("metal", disc(radius * 0.93, height * 1.002, segments)),
        ]
    else:
        top = [
            (lip * 0.99, height - rim),
            (lip * 1.03, height - rim / 2),
            (lip, height),
            (lip * 0.9, height),
            (lip * 0.88, height - 2 * rim),
            (0, height - 2 * rim),
        ]
        parts = [
            ("body", revolve(body, segments, flat=flat)),
            ("metal", revolve(top, segments, flat=flat)),
        ]
        if form in ("soda", "slim") or rng.random() < 0.3:
            tab = revolve([(0, 0), (lip * 0.32, 0), (lip * 0.32, 0.0015), (0, 0.0015)], 10)
            parts.append(
                (
                    "metal",
                    tab.scaled((1.0, 0.6, 1.0)).moved((lip * 0.25, 0, height - 2 * rim + 0.0005)),
                )
            )
    outer = np.concatenate([[(radius, 0)], wall, [(radius, height)]])
    outer[:, 0] = radius
    choice = rng.random()
    if choice < 0.3:
        parts += stripes(rng, outer, height * 0.9, segments)
    elif choice < 0.45:
        low = rng.uniform(0.2, 0.45) * height
        parts.append(("label", band(outer, low, low + 0.22 * height, segments)))
    return parts
