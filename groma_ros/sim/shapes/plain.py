"""Kinds as other simulators build them, of a few plain bodies; things without a name."""

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
    rotation_about,
)


def _segments(rng: Generator) -> int:
    return int(rng.choice([10, 16, 24, 40], p=[0.1, 0.3, 0.3, 0.3]))


def _tube(
    rng: Generator, bottom: float, top: float, height: float, wall: float, role: str, inside: str
) -> Parts:
    """Return an open vessel with straight walls: its outside and its inside."""
    n, floor = _segments(rng), min(wall, height / 4)
    outside = [(0, 0), (bottom, 0), (top, height)]
    hollow = [(top, height), (top - wall, height), (max(bottom - wall, 1e-3), floor), (0, floor)]
    return [(role, revolve(outside, n)), (inside, revolve(hollow, n))]


def cup(rng: Generator) -> Parts:
    """Return a straight or tapered mug; its handle is a ring, a frame of blocks or a flat ear."""
    top, height = rng.uniform(0.03, 0.05), rng.uniform(0.05, 0.13)
    bottom = top * rng.choice([1.0, rng.uniform(0.55, 1.1)])
    parts = _tube(rng, bottom, top, height, rng.uniform(0.002, 0.008), "body", "inside")
    low, high = height * rng.uniform(0.1, 0.3), height * rng.uniform(0.7, 0.95)
    middle, thick = (low + high) / 2, rng.uniform(0.06, 0.2) * top
    near, reach = min(bottom, top) * 0.96, rng.uniform(0.35, 0.95) * top
    if rng.random() < 0.3:
        up = block((2 * thick, 2 * thick, high - low)).moved((near + reach, 0, middle))
        bars = [
            block((reach + 2 * thick, 2 * thick, 2 * thick)).moved((near + reach / 2, 0, z))
            for z in (low, high)
        ]
        return parts + [("body", join(up, *bars))]
    angle = np.linspace(-np.pi * 0.6, np.pi * 0.6, 17)
    path = np.stack(
        [near + reach * np.cos(angle), 0 * angle, middle + (high - low) / 2 * np.sin(angle)], 1
    )
    section = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 8, endpoint=False)), np.sin(a)], 1)
    handle = extrude(path, thick, cross_section=section * [rng.uniform(0.6, 2.2), 1.0])
    if rng.random() < 0.35:
        z = height * rng.uniform(0.4, 0.92)
        parts.append(("drink", disc(bottom + (top - bottom) * z / height - 0.002, z)))
    return [*parts, ("body", handle)]


def glass(rng: Generator) -> Parts:
    """Return a see-through vessel: straight, tapered, or a cone on a stem."""
    top, height = rng.uniform(0.025, 0.048), rng.uniform(0.07, 0.17)
    if rng.random() < 0.2:
        stem, wide = height * rng.uniform(0.35, 0.55), top * rng.uniform(0.7, 1.0)
        foot = [(0, 0), (wide, 0), (wide, 0.003), (0.004, 0.006), (0.004, stem), (top, height)]
        hollow = [(top, height), (top - 0.002, height), (0, stem + 0.005)]
        return [("glass", revolve(foot, 24)), ("glass", revolve(hollow, 24))]
    bottom = top * rng.choice([1.0, rng.uniform(0.6, 0.95)])
    parts = _tube(rng, bottom, top, height, rng.uniform(0.001, 0.004), "glass", "glass")
    if rng.random() < 0.3:
        full = height * rng.uniform(0.3, 0.9)
        wide = bottom + (top - bottom) * full / height
        solid = [(0, 0.004), (bottom - 0.003, 0.004), (wide - 0.003, full), (0, full)]
        parts.append(("liquid", revolve(solid, 24)))
    return parts


def bottle(rng: Generator) -> Parts:
    """Return a wide cylinder, a cone or a dome, a neck and a cap."""
    height = rng.uniform(0.14, 0.32)
    radius = height * rng.uniform(0.11, 0.21)
    neck = radius * rng.uniform(0.25, 0.6)
    shoulder, rise = height * rng.uniform(0.45, 0.75), height * rng.uniform(0.0, 0.25)
    t = np.linspace(0, np.pi / 2, 5)
    dome = np.stack([neck + (radius - neck) * np.cos(t), shoulder + rise * np.sin(t)], 1)
    if rng.random() < 0.5:
        dome = dome[[0, -1]]
    square = float(rng.choice([2.0, 2.0, 2.0, 5.0]))
    outline = np.concatenate([[(0, 0), (radius, 0)], dome, [(neck, height), (0, height)]])
    n = _segments(rng)
    parts = [("body", revolve(outline, n, square))]
    if rng.random() < 0.75:
        wide, tall = neck * rng.uniform(1.0, 1.4), height * rng.uniform(0.04, 0.12)
        cap = [(0, -tall), (wide, -tall), (wide, 0.002), (0, 0.002)]
        parts.append(("cap", revolve(cap, n).moved((0, 0, height))))
    if rng.random() < 0.35:
        low = shoulder * rng.uniform(0.15, 0.4)
        band = [(radius * 1.01, low), (radius * 1.01, low + shoulder * rng.uniform(0.25, 0.5))]
        parts.append((str(rng.choice(["label", "accent"])), revolve(band, n, square)))
    return parts


def can(rng: Generator) -> Parts:
    """Return a cylinder with metal ends, or none, and perhaps a rim or a band."""
    radius = rng.uniform(0.026, 0.044)
    height = radius * rng.uniform(1.9, 4.2)
    n = _segments(rng)
    parts = [("body", revolve([(0, 0), (radius, 0), (radius, height), (0, height)], n))]
    if rng.random() < 0.85:
        edge, tall = radius * rng.uniform(0.85, 1.03), height * rng.uniform(0.01, 0.06)
        end = [
            (0, 0),
            (edge, 0),
            (edge, tall),
            (edge * 0.9, tall),
            (edge * 0.88, tall * 0.3),
            (0, tall * 0.3),
        ]
        parts += [
            ("metal", revolve(end, n).moved((0, 0, height))),
            ("metal", revolve([(0, 0), (radius * 1.01, 0), (radius * 1.01, tall), (0, tall)], n)),
        ]
    if rng.random() < 0.35:
        low = height * rng.uniform(0.15, 0.5)
        band = [(radius * 1.01, low), (radius * 1.01, low + height * rng.uniform(0.1, 0.35))]
        parts.append((str(rng.choice(["label", "accent"])), revolve(band, n)))
    return parts


def bowl(rng: Generator) -> Parts:
    """Return a half ball or a wide cone, hollow."""
    radius = rng.uniform(0.045, 0.12)
    depth = radius * rng.uniform(0.45, 1.0)
    t = np.linspace(rng.uniform(0.15, 0.5), np.pi / 2, 9)
    shell = np.stack([np.sin(t), 1 - np.cos(t)], 1)
    shell[:, 1] -= shell[0, 1]
    shell = shell * [radius, depth / shell[-1, 1]]
    if rng.random() < 0.2:
        shell = shell[[0, -1]]
    wall = radius * rng.uniform(0.03, 0.1)
    hollow = (shell[::-1] - [wall, 0]).clip(1e-3)
    hollow[:, 1] = hollow[:, 1] * (1 - wall / depth) + wall
    hollow[0, 1] = depth
    n = _segments(rng)
    return [
        ("body", revolve(np.concatenate([[(0, 0)], shell]), n)),
        ("inside", revolve(np.concatenate([shell[-1:], hollow, [(0, hollow[-1, 1])]]), n)),
    ]


def plate(rng: Generator) -> Parts:
    """Return a disc with or without a raised rim."""
    radius, thick = rng.uniform(0.055, 0.15), rng.uniform(0.003, 0.012)
    n = _segments(rng)
    if rng.random() < 0.35:
        return [("body", revolve([(0, 0), (radius, 0), (radius, thick), (0, thick)], n))]
    rim, well = radius * rng.uniform(0.06, 0.28), radius * rng.uniform(0.5, 0.92)
    lower = [(0, 0), (well, 0), (radius, rim)]
    upper = [(radius, rim), (radius * 0.985, rim + thick), (well * 0.98, thick), (0, thick)]
    return [("body", join(revolve(lower, n), revolve(upper, n)))]


def box(rng: Generator) -> Parts:
    """Return a plain cuboid of unequal sides, closed, with a lid, or open."""
    size = np.sort(rng.uniform(0.04, 0.2, 3))
    size[0] = min(size[0], size[2] / 1.6)
    x, y, z = size = rng.permutation(size)
    if rng.random() < 0.2 and z > 0.05:
        wall = 0.004
        sides = [block((x, wall, z)).moved((0, s * (y - wall) / 2, z / 2)) for s in (1, -1)]
        sides += [block((wall, y, z)).moved((s * (x - wall) / 2, 0, z / 2)) for s in (1, -1)]
        return [("body", join(block((x, y, wall)).moved((0, 0, wall / 2)), *sides))]
    parts = [("body", block(size).moved((0, 0, z / 2)))]
    if rng.random() < 0.3:
        parts.append(
            ("tape", block((x * 1.004, y * rng.uniform(0.1, 0.3), z * 1.004)).moved((0, 0, z / 2)))
        )
    elif rng.random() < 0.25:
        parts.append(("label", block((x * 1.004, y * 0.7, z * 0.5)).moved((0, 0, z / 2))))
    return parts


def sphere(rng: Generator) -> Parts:
    """Return a ball, plain or with a second colour on a cap or a belt."""
    radius = rng.uniform(0.025, 0.08)
    parts = [("body", ball(radius, int(rng.choice([16, 24, 36])), 16))]
    if rng.random() < 0.25:
        low = rng.uniform(-0.9, 0.9)
        t = np.linspace(low, min(low + rng.uniform(0.2, 0.6), 1.5), 6)
        parts.append(("accent", revolve(np.stack([np.cos(t), np.sin(t)], 1) * radius * 1.006, 24)))
    turn = rotation_about("x", rng.uniform(0, np.pi)) @ rotation_about("y", rng.uniform(0, np.pi))
    return [(role, mesh.turned(turn).moved((0, 0, radius))) for role, mesh in parts]


def cube(rng: Generator) -> Parts:
    """Return a cube with sharp or softly cut edges."""
    side = rng.uniform(0.025, 0.1)
    bevel = side * rng.choice([0.0, 0.0, rng.uniform(0.02, 0.2)])
    return [("body", block((side, side, side), bevel).moved((0, 0, side / 2)))]


def banana(rng: Generator) -> Parts:
    """Return a bent tube that tapers at both ends, weakly or strongly curved."""
    length, bend = rng.uniform(0.13, 0.22), rng.uniform(0.7, 2.1)
    t = np.linspace(-0.5, 0.5, 15)
    arc = length / bend
    path = np.stack([arc * np.sin(bend * t), arc * (1 - np.cos(bend * t)), 0 * t], 1)
    thick = length * rng.uniform(0.07, 0.13)
    shape = np.clip(1 - np.abs(2 * t) ** rng.uniform(2, 5), 0.03, 1) ** rng.uniform(0.4, 0.8)
    parts = [("body", extrude(path, thick * shape, int(rng.choice([6, 8, 12]))))]
    if rng.random() < 0.6:
        ahead = (path[-1] - path[-2]) / np.linalg.norm(path[-1] - path[-2])
        tip = path[-1] + np.linspace(-0.01, length * rng.uniform(0.03, 0.12), 4)[:, None] * ahead
        parts.append((str(rng.choice(["stalk", "dark"])), extrude(tip, thick * 0.28, 6)))
    return rest_on_ground(parts)


def apple(rng: Generator) -> Parts:
    """Return a round body, a little flattened or dented, with a stem and perhaps a leaf."""
    radius = rng.uniform(0.03, 0.048)
    t = np.linspace(-np.pi / 2, np.pi / 2, 18)
    dent = rng.uniform(0.0, 0.45)
    r = np.cos(t) * (1 + rng.uniform(-0.05, 0.12) * np.sin(t))
    z = np.sin(t) * rng.uniform(0.8, 1.02) - dent * np.sign(np.sin(t)) * np.exp(
        -((np.cos(t) / 0.35) ** 2)
    )
    r[[0, -1]] = 0
    profile = np.stack([r, z], 1) * radius
    top, tall = profile[-1, 1], radius * rng.uniform(0.4, 1.0)
    stem = revolve([(0, 0), (radius * 0.09, 0), (radius * 0.07, tall), (0, tall)], 8)
    lean = rotation_about("y", rng.uniform(-0.4, 0.4))
    parts = [("body", revolve(profile, 24)), ("stem", stem.turned(lean).moved((0, 0, top - 0.002)))]
    if rng.random() < 0.4:
        leaf = ball(1.0, 8, 6).scaled((radius * 0.5, radius * 0.25, radius * 0.06))
        parts.append(("leaf", leaf.moved((radius * 0.45, 0, top + tall * 0.7))))
    return rest_on_ground(parts)


def book(rng: Generator) -> Parts:
    """Return two boards and a spine about a lighter block, or one plain slab with light edges."""
    height = rng.uniform(0.13, 0.27)
    width, thick = height * rng.uniform(0.58, 0.85), rng.uniform(0.012, 0.055)
    board = thick * rng.uniform(0.04, 0.14)
    inset = rng.uniform(0.001, 0.008)
    boards = [
        block((width, height, board)).moved((0, 0, z)) for z in (board / 2, thick - board / 2)
    ]
    spine = block((board, height, thick)).moved((-width / 2 + board / 2, 0, thick / 2))
    pages = block((width - inset - board, height - 2 * inset, thick - 2 * board)).moved(
        (board / 2 - inset / 2, 0, thick / 2)
    )
    parts = [("body", join(*boards, spine)), ("pages", pages)]
    if rng.random() < 0.4:
        sign = block((width * rng.uniform(0.3, 0.8), height * rng.uniform(0.08, 0.5), board))
        role = str(rng.choice(["label", "accent"]))
        parts.append(
            (role, sign.moved((0, height * rng.uniform(-0.2, 0.25), thick - board / 2 + 0.0006)))
        )
    return parts


def marker(rng: Generator) -> Parts:
    """Return a thin cylinder with a cap, a pointed tip, both or neither; it lies along x."""
    length = rng.uniform(0.09, 0.17)
    radius = length / rng.uniform(12, 28)
    n = int(rng.choice([6, 10, 16]))
    end = length * (0.9 if rng.random() < 0.5 else 1.0)
    barrel = [(0, 0), (radius, 0), (radius, end), (radius * 0.15, length), (0, length)]
    parts = [("body", revolve(barrel, n))]
    if rng.random() < 0.7:
        wide, low = radius * rng.uniform(1.03, 1.3), length * rng.uniform(0.6, 0.8)
        cap = [(0, low), (wide, low), (wide, length * 1.01), (0, length * 1.01)]
        parts.append(("pen_cap", revolve(cap, n)))
    if rng.random() < 0.3:
        stop = [
            (0, -0.004),
            (radius * 0.9, -0.004),
            (radius * 0.9, length * 0.05),
            (0, length * 0.05),
        ]
        parts.append((str(rng.choice(["pen_cap", "accent", "dark"])), revolve(stop, n)))
    lie = rotation_about("y", np.pi / 2)
    return rest_on_ground([(role, mesh.turned(lie)) for role, mesh in parts])


def nameless(rng: Generator) -> Parts:
    """Return a thing without a name: a cone, wedge, cross, arch, knob or a pile of bodies."""
    size = rng.uniform(0.02, 0.06)
    form = int(rng.integers(6))
    if form == 0:
        tip = rng.choice([0.0, 0.3]) * size
        mesh = revolve(
            [(0, 0), (size, 0), (tip, size * rng.uniform(1.2, 2.6)), (0, size * 2.6)],
            _segments(rng),
        )
    elif form == 1:
        mesh = revolve([(0, 0), (size * 1.4, 0), (0, size * 1.8)], int(rng.choice([3, 4])))
    elif form == 2:
        mesh = join(
            *(block(np.roll((4 * size, size, size), k)).moved((0, 0, 2 * size)) for k in range(3))
        )
    elif form == 3:
        angle = np.linspace(0, np.pi, 13)
        path = np.stack([size * 1.6 * np.cos(angle), 0 * angle, size * 1.6 * np.sin(angle)], 1)
        mesh = extrude(path, size * rng.uniform(0.2, 0.5), 8)
    elif form == 4:
        mesh = join(
            ball(size, 18, 12).moved((0, 0, size)),
            ball(size * 0.65, 18, 12).moved((size * 0.7, 0, size * 2.1)),
            revolve([(0.3 * size, 0), (0, 0.8 * size)], 10)
            .turned(rotation_about("y", np.pi / 2))
            .moved((size * 1.2, 0, size * 2.1)),
        )
    else:
        bodies: list[Mesh] = []
        for _ in range(int(rng.integers(2, 5))):
            turn = rotation_about("z", rng.uniform(0, 3)) @ rotation_about("x", rng.uniform(0, 3))
            bodies.append(
                block(size * rng.uniform(0.4, 2.2, 3))
                .turned(turn)
                .moved(rng.uniform(-1, 1, 3) * size)
            )
        mesh = join(*bodies)
    return rest_on_ground([("nameless", mesh)])
