"""Random boxes, balls, cubes, bananas, apples, books and markers, each a list of (role, mesh)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import (
    Mesh,
    Parts,
    block,
    choose_facets,
    extrude,
    panel,
    rest_on_ground,
    revolve,
    rotation_about,
)
from groma_ros.sim.shapes.meshes import ball as sphere


def box(rng: Generator) -> Parts:
    """Return a carton whose longest and shortest side differ by at least 1.5 times."""
    form = rng.choice(["cereal", "shoe", "carton", "flat", "tea"], p=[0.25, 0.2, 0.3, 0.1, 0.15])
    size = {
        "cereal": (rng.uniform(0.045, 0.07), rng.uniform(0.11, 0.17), rng.uniform(0.18, 0.26)),
        "shoe": (rng.uniform(0.16, 0.26), rng.uniform(0.1, 0.14), rng.uniform(0.07, 0.11)),
        "carton": (rng.uniform(0.06, 0.12), rng.uniform(0.06, 0.12), rng.uniform(0.05, 0.18)),
        "flat": (rng.uniform(0.14, 0.22), rng.uniform(0.1, 0.16), rng.uniform(0.045, 0.06)),
        "tea": (rng.uniform(0.05, 0.07), rng.uniform(0.09, 0.14), rng.uniform(0.06, 0.08)),
    }[form]
    size = np.array(size)
    if size.max() / size.min() < 1.5:
        size[int(size.argmax())] = size.min() * rng.uniform(1.5, 2.2)
    x, y, z = size
    parts = [("body", block(size, rng.uniform(0, 0.0025)).moved((0, 0, z / 2)))]
    choice = rng.random()
    out = 0.0006
    if choice < 0.3:
        width, height = y * rng.uniform(0.5, 0.85), z * rng.uniform(0.25, 0.5)
        up = z * rng.uniform(0.4, 0.65)
        up = float(np.clip(up, height / 2, z - height / 2))
        parts.append(("label", panel(width, height, (x / 2 + out, 0, up), "x")))
        parts.append(("label", panel(x * 0.7, height, (0, y / 2 + out, up), "y")))
    elif choice < 0.5:
        tape = rng.uniform(0.12, 0.22)
        parts.append(("tape", panel(x, y * tape, (0, 0, z + out), "z")))
        for sign in (1, -1):
            flap = panel(y * tape, z * 0.25, (x / 2 + out, 0, z * 0.875), "x")
            parts.append(("tape", flap.turned(rotation_about("z", 0.0 if sign > 0 else np.pi))))
    elif choice < 0.65:
        lid = block((x * 1.03, y * 1.03, z * 0.25), 0.001).moved((0, 0, z * 0.88))
        parts.append(("body", lid))
    elif choice < 0.8:
        parts.append(("label", panel(x * 0.6, y * 0.45, (0, 0, z + out), "z")))
    return parts


def ball(rng: Generator) -> Parts:
    """Return a sphere, sometimes with a band, panels or dots."""
    segments, flat = choose_facets(rng)
    radius = rng.uniform(0.03, 0.07)
    rings = 8 if segments < 14 else 16
    body = sphere(radius, segments, rings, flat)
    parts = [("body", body)]
    choice = rng.random()
    if choice < 0.2:
        t = np.linspace(-1, 1, 5) * rng.uniform(0.08, 0.2)
        band = np.stack([np.cos(t), np.sin(t)], 1) * radius * 1.004
        parts.append(("accent", revolve(band, segments)))
    elif choice < 0.32 and not flat:
        keep = body.uv[body.faces].mean(1)[:, 0]
        count = int(rng.integers(2, 4))
        shown = (keep * count) % 1 < 0.25
        wedge = Mesh(body.vertices * 1.003, body.faces[shown], body.uv)
        parts.append(("accent", wedge))
    turn = rotation_about("x", rng.uniform(0, np.pi)) @ rotation_about("y", rng.uniform(0, np.pi))
    return [(role, mesh.turned(turn).moved((0, 0, radius))) for role, mesh in parts]


def cube(rng: Generator) -> Parts:
    """Return a toy block with equal sides."""
    side = rng.uniform(0.035, 0.08)
    bevel = 0.0 if rng.random() < 0.3 else side * rng.uniform(0.02, 0.12)
    parts = [("body", block((side, side, side), bevel).moved((0, 0, side / 2)))]
    choice = rng.random()
    if choice < 0.22:
        inset, out = side * rng.uniform(0.25, 0.44), side / 2 + 0.0005
        role = "label" if rng.random() < 0.5 else "accent"
        parts.append((role, panel(inset, inset, (0, 0, side + 0.0005), "z")))
        for k in range(4):
            on_side = panel(inset, inset, (out, 0, side / 2), "x")
            parts.append((role, on_side.turned(rotation_about("z", k * np.pi / 2))))
    elif choice < 0.32 and bevel < side * 0.06:
        dots = revolve([(0, 0), (side * 0.09, 0), (side * 0.09, 0.0006), (0, 0.0006)], 10)
        for a in (-0.25, 0.25):
            for b in (-0.25, 0.25):
                parts.append(("accent", dots.moved((a * side, b * side, side))))
                on_side = dots.turned(rotation_about("y", np.pi / 2))
                parts.append(("accent", on_side.moved((side / 2, a * side, side * (0.5 + b)))))
    return parts


def banana(rng: Generator) -> Parts:
    """Return a bent fruit that lies on its side, with a stem and a dark tip."""
    plain = rng.random() < 0.15
    length = rng.uniform(0.15, 0.21)
    bend = rng.uniform(0.9, 1.7)
    t = np.linspace(-0.5, 0.5, 17)
    arc = length / bend
    path = np.stack([arc * np.sin(bend * t), arc * (1 - np.cos(bend * t)), 0 * t], 1)
    thick = length * rng.uniform(0.085, 0.115)
    u = t + 0.5
    if plain:
        radius = thick * np.sqrt(np.clip(1 - np.abs(2 * u - 1) ** 6, 0.02, 1))
    else:
        radius = thick * np.clip(np.minimum((u + 0.02) / 0.28, (1.02 - u) / 0.22), 0.12, 1) ** 0.6
    count = 12 if plain else int(rng.choice([5, 6, 10]))
    angle = np.linspace(0, 2 * np.pi, count * 2, endpoint=False)
    wave = 1 + (0.0 if plain else 0.05) * np.cos(angle * 5)
    section = np.stack([np.cos(angle), np.sin(angle)], 1) * wave[:, None]
    flat = count == 5 and bool(rng.random() < 0.3)
    parts = [("body", extrude(path, radius, cross_section=section, flat=flat))]
    if not plain:
        ahead = path[-1] - path[-2]
        ahead /= np.linalg.norm(ahead)
        along = np.linspace(-0.004, length * rng.uniform(0.06, 0.13), 5)
        tip = path[-1] + along[:, None] * (ahead + [0, 0.15, 0])
        parts.append(("stalk", extrude(tip, thick * np.linspace(0.42, 0.3, 5), 7)))
        back = path[0] - path[1]
        back /= np.linalg.norm(back)
        end = path[0] + np.linspace(-0.005, 0.006, 3)[:, None] * back
        parts.append(("dark", extrude(end, thick * np.array([0.5, 0.42, 0.25]), 7)))
    roll = rotation_about("x", rng.uniform(-0.25, 0.35))
    return rest_on_ground([(role, m.turned(roll)) for role, m in parts])


def apple(rng: Generator) -> Parts:
    """Return an apple: dimples above and below, wider shoulders, a stem and sometimes a leaf."""
    segments, flat = choose_facets(rng)
    radius = rng.uniform(0.033, 0.045)
    t = np.linspace(0, np.pi, 18)
    depth, wide = rng.uniform(0.5, 0.8), rng.uniform(0.0, 0.16)
    # a cardioid-like outline: the dimple is deeper on top than below
    r = np.sin(t) ** 0.8 * (1 + wide * np.cos(t))
    dimple = depth * np.exp(-((t / 0.42) ** 2)) + 0.3 * np.exp(-(((np.pi - t) / 0.35) ** 2))
    z = np.cos(t) * rng.uniform(0.86, 1.02)
    z = z - np.sign(np.cos(t)) * dimple * 0.62
    r[[0, -1]] = 0
    profile = np.stack([r, z], 1)[::-1] * radius
    lobes = (5, rng.uniform(0.01, 0.03)) if rng.random() < 0.6 else None
    body = revolve(profile, max(segments, 12), lobes=lobes, flat=flat)
    bottom = body.vertices[:, 2].min()
    top = profile[-1, 1]
    lean = rng.uniform(-0.35, 0.35)
    height = radius * rng.uniform(0.55, 0.9)
    s = np.linspace(0, 1, 5)
    stem_path = np.stack([lean * height * s**2, 0 * s, top - 0.003 + height * s], 1)
    parts = [("body", body), ("stem", extrude(stem_path, radius * np.linspace(0.06, 0.09, 5), 6))]
    if rng.random() < 0.4:
        leaf = sphere(1.0, 8, 6).scaled((radius * 0.45, radius * 0.2, radius * 0.05))
        leaf = leaf.turned(rotation_about("y", -0.5)).moved(
            (radius * 0.42 + lean * height, 0, top + height * 0.85)
        )
        parts.append(("leaf", leaf))
    return [(role, m.moved((0, 0, -bottom))) for role, m in parts]


def book(rng: Generator) -> Parts:
    """Return a closed book that lies on its back: two boards, a spine and a block of pages."""
    height = rng.uniform(0.15, 0.25)
    width = height * rng.uniform(0.62, 0.8)
    thick = rng.uniform(0.016, 0.045)
    board = rng.uniform(0.0018, 0.0032)
    over = rng.uniform(0.002, 0.005)
    plain = rng.random() < 0.15
    pages = block((width - over, height - 2 * over, thick - 2 * board)).moved(
        (over * -0.2, 0, thick / 2)
    )
    lower = block((width, height, board)).moved((0, 0, board / 2))
    parts = [("pages", pages), ("body", lower), ("body", lower.moved((0, 0, thick - board)))]
    if plain or rng.random() < 0.6:
        spine = block((board, height, thick)).moved((-width / 2, 0, thick / 2))
    else:
        angle = np.linspace(np.pi / 2, 3 * np.pi / 2, 9)
        section = np.stack([np.cos(angle) * 0.5, np.sin(angle)], 1)
        section = np.concatenate([section, section[::-1] * 0.9])
        path = np.array([(-width / 2, y, thick / 2) for y in (-height / 2, height / 2)])
        spine = _spine(path, section, thick / 2)
    parts.append(("body", spine))
    choice = rng.random()
    if choice < 0.3:
        parts.append(
            (
                "label",
                panel(
                    width * rng.uniform(0.5, 0.75),
                    height * rng.uniform(0.15, 0.3),
                    (0.0, height * 0.2, thick + 0.0005),
                    "z",
                ),
            )
        )
    elif choice < 0.5:
        parts.append(
            (
                "accent",
                panel(
                    width * 0.97,
                    height * rng.uniform(0.06, 0.16),
                    (0, height * rng.uniform(-0.3, 0.3), thick + 0.0005),
                    "z",
                ),
            )
        )
    elif choice < 0.6:
        parts.append(("accent", panel(width * 0.4, width * 0.4, (0, 0, thick + 0.0005), "z")))
    if rng.random() < 0.35:
        for place in (-0.3, 0.3):
            band = block((0.0012, height * 0.07, thick * 0.92))
            parts.append(
                ("accent", band.moved((-width / 2 - board * 0.7, place * height, thick / 2)))
            )
    return parts


def _spine(path: np.ndarray, section: np.ndarray, radius: float) -> Mesh:
    """Return a rounded spine: the section (x, z) carried from path[0] to path[1] along y."""
    n = len(section)
    rings = np.stack(
        [
            np.stack(
                [p[0] + section[:, 0] * radius, np.full(n, p[1]), p[2] + section[:, 1] * radius], 1
            )
            for p in path
        ]
    )
    vertices = rings.reshape(-1, 3)
    i = np.arange(n)
    j = (i + 1) % n
    faces = np.concatenate([np.stack([i, j, j + n], 1), np.stack([i, j + n, i + n], 1)])
    half = n // 2
    caps = []
    for k in range(half - 1):
        a, b, c, d = k, k + 1, n - 2 - k, n - 1 - k
        caps += [(a, c, b), (a, d, c), (a + n, b + n, c + n), (a + n, c + n, d + n)]
    mesh = Mesh(vertices, np.concatenate([faces, caps]).astype(np.int32), vertices[:, :2] * 5)
    if mesh.volume() < 0:
        mesh = Mesh(vertices, mesh.faces[:, ::-1].copy(), mesh.uv)
    return mesh


def marker(rng: Generator) -> Parts:
    """Return a pen with a cap that lies along x."""
    segments, flat = choose_facets(rng)
    segments = min(segments, 16)
    length = rng.uniform(0.11, 0.15)
    radius = length / rng.uniform(7.5, 13) / 2 * rng.uniform(1.0, 1.25)
    plain = rng.random() < 0.2
    if plain:
        barrel = [(0, 0), (radius, 0), (radius, length), (0, length)]
        parts = [("body", revolve(barrel, segments, flat=flat))]
    else:
        cut = length * rng.uniform(0.6, 0.72)
        cap_r = radius * rng.uniform(1.05, 1.18)
        end = rng.uniform(0.6, 1.0)
        barrel = [(0, 0), (radius * end, 0), (radius, length * 0.03), (radius, cut), (0, cut)]
        cap = [
            (0, cut),
            (cap_r, cut),
            (cap_r, length * 0.97),
            (cap_r * rng.uniform(0.5, 1.0), length),
            (0, length),
        ]
        parts = [
            ("body", revolve(barrel, segments, flat=flat)),
            ("pen_cap", revolve(cap, segments, flat=flat)),
        ]
        if rng.random() < 0.4:
            clip = block((radius * 0.35, radius * 0.5, length * 0.2)).moved(
                (cap_r * 1.12, 0, cut + length * 0.14)
            )
            parts.append(("pen_cap", clip))
        if rng.random() < 0.35:
            low = length * rng.uniform(0.12, 0.35)
            ring = [(radius * 1.01, low), (radius * 1.01, low + length * rng.uniform(0.04, 0.14))]
            parts.append(("accent", revolve(ring, segments)))
    lie = rotation_about("y", np.pi / 2)
    return rest_on_ground([(role, m.moved((0, 0, -length / 2)).turned(lie)) for role, m in parts])
