"""Hammers, screwdrivers, wrenches, pliers and scissors, each a list of (role, mesh)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import (
    Mesh,
    Parts,
    block,
    extrude,
    join,
    prism,
    rest_on_ground,
    revolve,
    ribbon,
    rotation_about,
)

ALONG_X = rotation_about("y", np.pi / 2)


def _bar(length: float, profile: list[tuple[float, float]], segments: int = 16, **more) -> Mesh:
    """Return a solid of revolution along x; profile lists (share of the length, radius)."""
    outline = [(0.0, profile[0][0]), *((r, at) for at, r in profile), (0.0, profile[-1][0])]
    return revolve(np.array(outline) * [1, length], segments, **more).turned(ALONG_X)


def hammer(rng: Generator) -> Parts:
    """Return a claw or sledge hammer that lies on its side, its handle along x."""
    length = rng.uniform(0.26, 0.34)
    thick = rng.uniform(0.011, 0.0145)
    rise = rng.uniform(0.012, 0.016)
    path = np.stack([np.linspace(0, length, 9), np.zeros(9), np.full(9, rise)], 1)
    widths = thick * np.array([1.0, 1.25, 1.1, 1.2, 1.0, 0.85, 0.8, 0.8, 0.8])
    cut = int(rng.integers(4, 6))
    shaft = str(rng.choice(["wood", "body", "steel"], p=[0.4, 0.35, 0.25]))
    parts = [
        ("body", ribbon(path[:cut], widths[:cut], thick)),
        (shaft, ribbon(path[cut - 1 :], widths[cut - 1 :], thick * 0.8)),
    ]
    long = rng.uniform(0.045, 0.06)
    face = rng.uniform(0.013, 0.017)
    at = length - 0.012
    half = [(0, 0.7), (0.25, 0.62), (0.7, 0.62), (0.74, 1.0), (1.0, 1.0)]
    front = revolve(
        [(0, 0), *((face * r, long * share) for share, r in half), (0, long)], 18
    ).turned(rotation_about("x", np.pi / 2))
    eye = block((0.03, 0.03, 0.026), 0.003)
    if rng.random() < 0.7:
        t = np.linspace(0, 1, 8)
        claw = []
        for side in (1, -1):
            x = -0.028 * t**2
            bar = ribbon(
                np.stack([t * long * 1.25, side * 0.0065 * (0.7 + t), x], 1),
                np.interp(t, [0, 1], [0.007, 0.0045]),
                np.interp(t, [0, 1], [0.008, 0.0015]),
                4,
            )
            turn = rotation_about("x", np.pi / 2)
            claw.append(bar.turned(turn).turned(rotation_about("z", np.pi / 2)))
        back = join(*claw)
    else:
        back = front.turned(rotation_about("z", np.pi))
    head = join(eye, front, back).moved((at, 0, rise))
    return rest_on_ground([*parts, ("steel", head)])


def screwdriver(rng: Generator) -> Parts:
    """Return a screwdriver along x: a fluted handle, a shaft, a flat or crossed tip."""
    grip, shaft = rng.uniform(0.085, 0.115), rng.uniform(0.07, 0.15)
    wide = rng.uniform(0.012, 0.0175)
    profile = [
        (0, 0.75),
        (0.06, 0.95),
        (0.5, 1.0),
        (0.72, 0.9),
        (0.82, 0.62),
        (0.92, 0.75),
        (1, 0.5),
    ]
    lobes = (int(rng.choice([6, 8])), rng.uniform(0.03, 0.09))
    handle = _bar(grip, [(at, r * wide) for at, r in profile], 48, lobes=lobes)
    thin = rng.uniform(0.0025, 0.0042)
    rod = _bar(shaft, [(0, thin), (0.93, thin), (1, thin * 0.6)], 10).moved((grip - 0.002, 0, 0))
    parts = [("body", handle), ("steel", rod)]
    if rng.random() < 0.5:
        t = np.array([0, 0.5, 1])
        blade = ribbon(
            np.stack([grip + shaft * (0.9 + 0.13 * t), 0 * t, 0 * t], 1),
            thin * np.array([1, 1.6, 1.5]),
            thin * np.array([1, 0.5, 0.2]),
            5,
        )
        parts.append(("steel", blade))
    if rng.random() < 0.55:
        share = rng.uniform(0.12, 0.3)
        end = _bar(grip * share, [(0, 0.78 * wide), (0.3, 1.02 * wide), (1, 1.04 * wide)], 24)
        parts.append((str(rng.choice(["rubber", "accent"])), end.moved((-0.0005, 0, 0))))
    return rest_on_ground(parts)


def wrench(rng: Generator) -> Parts:
    """Return a flat wrench along x: an open jaw at one end, a ring or a second jaw at the other."""
    length = rng.uniform(0.13, 0.26)
    head = length * rng.uniform(0.085, 0.11)
    waist = head * rng.uniform(0.42, 0.55)
    thick = rng.uniform(0.004, 0.007)
    tilt = np.radians(rng.uniform(0, 18))
    jaw = (
        _jaw(head, rng.uniform(0.42, 0.55)).turned(rotation_about("z", tilt)).moved((length, 0, 0))
    )
    bar = block((length - 1.2 * head, 2 * waist, thick * 0.75)).moved((length / 2, 0, 0))
    if rng.random() < 0.5:
        ring = [(0.55, -0.5), (1, -0.5), (1, 0.5), (0.55, 0.5), (0.55, -0.5)]
        end = revolve(np.array(ring) * [head * 0.9, 1.3], 24)
    else:
        end = _jaw(head * 0.85, 0.48).turned(rotation_about("z", np.pi + tilt))
    flat = join(jaw, end).scaled((1, 1, thick))
    if rng.random() < 0.25:
        grip = block((length * 0.55, 2.15 * waist, thick * 1.15)).moved((length * 0.46, 0, 0))
        return rest_on_ground([("steel", join(flat, bar)), ("body", grip)])
    return rest_on_ground([("body", join(flat, bar))])


def _jaw(radius: float, opening: float) -> Mesh:
    """Return a round head of height 1 that is open towards +x; opening: half the gap's width."""
    gap = opening * radius
    start = np.arcsin(opening) + 0.12
    angle = np.linspace(start, 2 * np.pi - start, 22)
    arc = np.stack([np.cos(angle), np.sin(angle)], 1) * radius
    notch = [(-0.25 * radius, -gap), (-0.55 * radius, 0), (-0.25 * radius, gap)]
    return prism(np.concatenate([arc, notch]), 1.0).moved((0, 0, -0.5))


def pliers(rng: Generator) -> Parts:
    """Return pliers along x: two crossing arms with coloured grips and pointed or flat jaws."""
    length = rng.uniform(0.14, 0.2)
    jaws = length * rng.uniform(0.24, 0.36)
    spread = length * rng.uniform(0.1, 0.16)
    open_rad = rng.uniform(0.0, 0.16)
    t = np.linspace(0, 1, 9)
    back = length - jaws
    parts: Parts = []
    for side in (1, -1):
        y = side * (0.007 + spread * np.sin(t * np.pi * 0.62) ** 1.4)
        path = np.stack([-back * t, y, 0.008 + 0 * t], 1)
        widths = length * np.interp(t, [0, 0.2, 0.6, 1], [0.03, 0.032, 0.04, 0.03])
        steel, grip = ribbon(path[:4], widths[:4], 0.0045), ribbon(path[3:], widths[3:], 0.0075)
        nose = length * rng.uniform(0.012, 0.03)
        outline = [
            (-0.012, side * 0.014),
            (jaws * 0.35, side * length * 0.065),
            (jaws, side * nose),
            (jaws, side * 0.0006),
            (-0.012, side * 0.0006),
        ]
        jaw = prism(outline, 0.009).moved((0, 0, 0.0035))
        turn = rotation_about("z", side * open_rad)
        parts += [("steel", join(jaw, steel).turned(turn)), ("body", grip.turned(turn))]
    pivot = revolve([(0, 0), (length * 0.055, 0), (length * 0.055, 0.014), (0, 0.014)], 18)
    return rest_on_ground([*parts, ("steel", pivot.moved((0, 0, 0.001)))])


def scissors(rng: Generator) -> Parts:
    """Return scissors that lie flat along x, closed or somewhat open, with two finger rings."""
    length = rng.uniform(0.13, 0.23)
    blade = length * rng.uniform(0.5, 0.62)
    grip = length - blade
    open_rad = rng.uniform(0.0, 0.45)
    thick = rng.uniform(0.0034, 0.0052) * length / 0.18
    parts: Parts = []
    for side, lift in ((1, 0.0), (-1, 0.0016)):
        wide = length * rng.uniform(0.05, 0.075)
        outline = [
            (-0.15 * blade, -side * wide * 0.4),
            (0, -side * wide * 0.55),
            (blade, side * wide * 0.1),
            (0.9 * blade, side * wide * 0.3),
            (0, side * wide * 0.6),
            (-0.15 * blade, side * wide * 0.4),
        ]
        steel = prism(outline, 0.0016).moved((0, 0, thick + lift))
        angle = np.linspace(0, 2 * np.pi, 25)
        long, high = grip * rng.uniform(0.33, 0.42), grip * rng.uniform(0.2, 0.27)
        centre = (-grip + long, -side * (high + 0.1 * thick))
        ring = np.stack([centre[0] + long * np.cos(angle), centre[1] + high * np.sin(angle)], 1)
        loop = extrude(np.column_stack([ring, np.full(25, thick + 0.001)]), thick, 8)
        near = ribbon(
            [
                (centre[0] + long * 0.8, centre[1] * 0.8, thick + 0.001),
                (0.02 * blade, 0, thick + 0.001),
            ],
            [thick * 1.1, wide * 0.5],
            thick * 0.8,
        )
        turn = rotation_about("z", side * open_rad / 2)
        parts += [("steel", steel.turned(turn)), ("body", join(loop, near).turned(turn))]
    screw = revolve([(0, 0), (0.0045, 0), (0.0045, 0.004), (0, 0.004)], 12)
    return rest_on_ground([*parts, ("steel", screw.moved((0.04 * blade, 0, thick + 0.002)))])
