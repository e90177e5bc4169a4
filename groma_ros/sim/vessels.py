"""Random cups, glasses, bottles, cans, bowls and plates, each a list of (role, mesh)."""

import numpy as np

from groma_ros.sim.meshes import Mesh, disc, join, lathe, sweep

Parts = list[tuple[str, Mesh]]


def _facets(rng) -> tuple[int, bool]:
    """Return (segments, flat): mostly smooth, sometimes low-poly with flat shading."""
    if rng.random() < 0.12:
        return int(rng.integers(8, 13)), True
    return int(rng.integers(22, 33)), False


def _wall(rng, bottom: float, top: float, height: float, style: str, n: int = 9) -> np.ndarray:
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


def _vessel(outer, thickness: float, floor: float):
    """Return (outside, inside) profiles of an open vessel with the given outer wall."""
    foot = [(0.0, outer[0, 1]), (outer[0, 0] * 0.97, outer[0, 1])]
    outside = np.concatenate([foot, outer])
    inner = outer[::-1].copy()
    inner[:, 0] = np.maximum(inner[:, 0] - thickness, 1e-4)
    inner = inner[inner[:, 1] > floor + 1e-4]
    low = np.interp(floor, outer[:, 1], outer[:, 0]) - thickness
    inside = np.concatenate([outer[-1:], inner, [(max(low, 1e-4), floor), (0.0, floor)]])
    return outside, inside


def _handle(rng, radius_at, height: float, big: float, plain: bool) -> Mesh:
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
    return sweep(np.stack([x, 0 * x, z], 1), thick, cross_section=section)


def _band(rng, outer, low: float, high: float, segments: int, squareness: float = 2.0) -> Mesh:
    """Return a label or stripe that lies a hair outside of the wall between two heights."""
    z = np.linspace(low, high, 6)
    r = np.interp(z, outer[:, 1], outer[:, 0]) * 1.004 + 2e-4
    return lathe(np.stack([r, z], 1), segments, squareness)


def _stripes(rng, outer, height, segments, role="accent") -> Parts:
    low = rng.uniform(0.15, 0.7) * height
    return [(role, _band(rng, outer, low, low + rng.uniform(0.06, 0.2) * height, segments))]


def cup(rng) -> Parts:
    """Return an espresso cup, tea cup or mug with a handle on +x."""
    plain = rng.random() < 0.2
    segments, flat = _facets(rng)
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
        ("body", lathe(outside, segments, flat=flat)),
        ("inside", lathe(inside, segments, flat=flat)),
    ]
    handle = _handle(rng, lambda z: np.interp(z, outer[:, 1], outer[:, 0]), height, top, plain)
    parts.append(("body", handle))
    if rng.random() < 0.35:
        z = height * rng.uniform(0.6, 0.9)
        r = np.interp(z, outer[:, 1], outer[:, 0]) - 0.0028
        parts.append(("drink", disc(r, z, segments)))
    if not plain and rng.random() < 0.22:
        parts += _stripes(rng, outer, height, segments)
    return parts


def glass(rng) -> Parts:
    """Return a tumbler, tall glass, pint, wine glass or goblet (thin, see-through walls)."""
    segments, flat = _facets(rng)
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
        ("glass", lathe(outside, segments, lobes=lobes, flat=flat)),
        ("glass", lathe(inside, segments, lobes=lobes, flat=flat)),
    ]
    if rng.random() < 0.25:
        fill = outer[outer[:, 1] < height * rng.uniform(0.5, 0.85)]
        fill = fill * [1, 1] - [thickness * 1.5, -height * 0.06]
        profile = np.concatenate([[(0, fill[0, 1])], fill, [(0, fill[-1, 1])]])
        parts.append(("liquid", lathe(profile, segments)))
    return parts


def _stemmed_glass(rng, segments, flat, thickness) -> Parts:
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
        ("glass", lathe(np.concatenate([base, outer]), segments, flat=flat)),
        ("glass", lathe(np.concatenate([outer[-1:], inner]), segments, flat=flat)),
    ]


def bottle(rng) -> Parts:
    """Return a wine, beer, water, sauce or two-cylinder bottle with cap and perhaps a label."""
    segments, flat = _facets(rng)
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
    parts = [("body", lathe(profile, segments, square, flat=flat))]
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
    parts.append(("cap", lathe(cap, segments, flat=flat)))
    if rng.random() < 0.45:
        low = rng.uniform(0.12, 0.25) * height
        high = min(low + rng.uniform(0.14, 0.24) * height, shoulder * height * 0.95)
        parts.append(("label", _band(rng, outer, low, high, segments, square)))
    return parts


def can(rng) -> Parts:
    """Return a drink can or food tin: closed metal top, coloured wall."""
    segments, flat = _facets(rng)
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
            ("body", lathe(solid, segments, flat=flat)),
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
            ("body", lathe(body, segments, flat=flat)),
            ("metal", lathe(top, segments, flat=flat)),
        ]
        if form in ("soda", "slim") or rng.random() < 0.3:
            tab = lathe([(0, 0), (lip * 0.32, 0), (lip * 0.32, 0.0015), (0, 0.0015)], 10)
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
        parts += _stripes(rng, outer, height * 0.9, segments)
    elif choice < 0.45:
        low = rng.uniform(0.2, 0.45) * height
        parts.append(("label", _band(rng, outer, low, low + 0.22 * height, segments)))
    return parts


def bowl(rng) -> Parts:
    """Return an open bowl, wider than high, no handle."""
    segments, flat = _facets(rng)
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
        ("body", lathe(outside, segments, flat=flat)),
        ("inside", lathe(inside, segments, flat=flat)),
    ]
    if rng.random() < 0.2:
        parts += _stripes(rng, outer, height, segments)
    if rng.random() < 0.12:
        z = height * rng.uniform(0.5, 0.8)
        parts.append(("food", disc(np.interp(z, outer[:, 1], outer[:, 0]) - 0.004, z, segments)))
    return parts


def plate(rng) -> Parts:
    """Return a flat plate or saucer with a raised rim, or a plain disc."""
    segments, flat = _facets(rng)
    radius = rng.uniform(0.065, 0.14)
    square = float(rng.uniform(4, 7)) if rng.random() < 0.1 else 2.0
    if rng.random() < 0.18:
        thick = rng.uniform(0.006, 0.014)
        flat = [(0, 0), (radius, 0), (radius, thick), (0, thick)]
        return [("body", lathe(flat, segments, square, flat=flat))]
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
                lathe(lower, segments, square, flat=flat), lathe(upper, segments, square, flat=flat)
            ),
        )
    ]
    if rng.random() < 0.25 and square == 2.0:
        r = np.array([0.99, rng.uniform(0.88, 0.94)]) * radius
        z = np.interp(r, [well, radius * 0.99], [height * 0.3 + thick, height + thick * 0.6])
        parts.append(("accent", lathe(np.stack([r, z + 0.0008], 1), segments)))
    return parts
