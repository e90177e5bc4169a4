"""Things of a desk, a bathroom and a living room, each a list of (role, mesh)."""

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
    panel,
    rest_on_ground,
    revolve,
    ribbon,
    rotation_about,
)

ALONG_X = rotation_about("y", np.pi / 2)


def pen(rng: Generator) -> Parts:
    """Return a slim ball pen along x with a clip and a pointed metal tip."""
    length, radius = rng.uniform(0.13, 0.15), rng.uniform(0.0038, 0.0055)
    end = length * rng.uniform(0.86, 0.92)
    barrel = revolve([(0, 0), (radius * 0.85, 0), (radius, 0.01), (radius, end), (0, end)], 14)
    tip = revolve([(0, end), (radius * 0.98, end), (radius * 0.3, length), (0, length + 0.002)], 14)
    button = revolve([(0, -0.009), (radius * 0.5, -0.009), (radius * 0.5, 0), (0, 0)], 10)
    clip = block((0.0012, radius * 0.7, 0.04)).moved((radius + 0.0016, 0, 0.022))
    hold = block((0.003, radius * 0.7, 0.003)).moved((radius + 0.0005, 0, 0.004))
    clip_role = str(rng.choice(["steel", "body"]))
    parts = [
        ("body", barrel),
        (str(rng.choice(["steel", "body", "rubber"])), tip),
        ("steel", button),
        (clip_role, join(clip, hold)),
    ]
    if rng.random() < 0.4:
        low = end * rng.uniform(0.6, 0.72)
        grip = revolve([(radius * 1.08, low), (radius * 1.08, end * 0.97)], 14)
        parts.append(("rubber", grip))
    return rest_on_ground([(role, mesh.turned(ALONG_X)) for role, mesh in parts])


def pencil(rng: Generator) -> Parts:
    """Return a six-sided pencil along x with a sharpened end and perhaps an eraser."""
    length, radius = rng.uniform(0.11, 0.19), rng.uniform(0.0036, 0.0043)
    cone = length - radius * rng.uniform(5, 6.5)
    barrel = revolve([(0, 0), (radius, 0), (radius, cone), (0, cone)], 6, flat=True)
    lead = cone + (length - cone) * 0.72
    wood = revolve([(radius * 0.97, cone), (radius * 0.28, lead)], 12)
    tip = revolve([(radius * 0.28, lead), (0, length)], 10)
    parts = [("body", barrel), ("dough", wood), ("graphite", tip)]
    if rng.random() < 0.6:
        metal = revolve([(radius * 1.03, -0.001), (radius * 1.03, 0.012)], 14).moved((0, 0, -0.011))
        rubber = revolve([(0, 0), (radius * 0.8, 0), (radius, 0.002), (radius, 0.01)], 14)
        parts += [("steel", metal), ("eraser", rubber.moved((0, 0, -0.02)))]
    return rest_on_ground([(role, mesh.turned(ALONG_X)) for role, mesh in parts])


def cell_phone(rng: Generator) -> Parts:
    """Return a phone that lies on its back: a case, a screen, and a camera on the back."""
    x, y, z = rng.uniform(0.065, 0.08), rng.uniform(0.135, 0.165), rng.uniform(0.007, 0.011)
    case = block((x, y, z), 0.0015).moved((0, 0, z / 2))
    role = "lit_screen" if rng.random() < 0.25 else "screen"
    screen = panel(x * 0.93, y * 0.95, (0, 0, z + 0.0003), "z")
    bump = block((x * 0.32, x * 0.34, 0.0025), 0.0005)
    bump = bump.moved((-x * 0.28, y * 0.36, -0.001))
    lenses = [
        revolve([(0, 0), (0.0045, 0), (0.0045, 0.001), (0, 0.001)], 12).moved(
            (-x * 0.28, y * 0.36 + s * 0.006, -0.0032)
        )
        for s in (1, -1)
    ]
    return [("body", case), (role, screen), ("body", bump), ("screen", join(*lenses))]


def laptop(rng: Generator) -> Parts:
    """Return an open laptop: base, keys, touch pad and a screen that leans back."""
    x, y = rng.uniform(0.29, 0.36), rng.uniform(0.2, 0.25)
    base = block((x, y, 0.014), 0.002).moved((0, 0, 0.007))
    rows, columns = 5, 13
    pitch = np.array([x * 0.86 / columns, y * 0.44 / rows])
    key = block((pitch[0] * 0.84, pitch[1] * 0.84, 0.0016))
    keys = [
        key.moved(((i - 6) * pitch[0], y * 0.16 + (j - 2) * pitch[1], 0.0148))
        for i in range(columns)
        for j in range(rows)
    ]
    pad = panel(x * 0.3, y * 0.25, (0, -y * 0.29, 0.0143), "z")
    tilt = rotation_about("x", -rng.uniform(0.1, 0.55))
    lid = block((x, 0.007, y)).moved((0, 0, y / 2)).turned(tilt).moved((0, y / 2, 0.012))
    view = block((x * 0.94, 0.001, y * 0.88)).moved((0, -0.0036, y / 2))
    view = view.turned(tilt).moved((0, y / 2, 0.012))
    screen = "lit_screen" if rng.random() < 0.55 else "screen"
    return [("body", join(base, lid)), ("keys", join(*keys)), ("grey", pad), (screen, view)]


def keyboard(rng: Generator) -> Parts:
    """Return a keyboard: a slab with rows of keys, with or without a block of numbers."""
    wide = rng.random() < 0.5
    x, y = (rng.uniform(0.4, 0.45) if wide else rng.uniform(0.27, 0.31)), rng.uniform(0.11, 0.14)
    slab = block((x, y, 0.014), 0.003).moved((0, 0, 0.007))
    columns, rows = (20 if wide else 14), 5
    pitch = np.array([x * 0.95 / columns, y * 0.84 / rows])
    key = block((pitch[0] * 0.82, pitch[1] * 0.8, 0.006))
    space_bar = block((pitch[0] * 4.8, pitch[1] * 0.8, 0.006))
    keys = []
    for j in range(rows):
        for i in range(columns):
            gap = wide and i == 15
            space = j == 0 and 3 < i < 9
            if gap or (space and i != 6):
                continue
            at = ((i + 0.5) * pitch[0] - x * 0.475, (j + 0.5) * pitch[1] - y * 0.42, 0.0165)
            keys.append((space_bar if space else key).moved(at))
    role = str(rng.choice(["keys", "body", "pale"], p=[0.4, 0.35, 0.25]))
    return [("body", slab), (role, join(*keys))]


def mouse(rng: Generator) -> Parts:
    """Return a computer mouse along x with two buttons and a wheel, sometimes with a cable."""
    length, wide = rng.uniform(0.1, 0.12), rng.uniform(0.056, 0.066)
    high = rng.uniform(0.032, 0.04)
    t = np.linspace(0, 1, 12)
    profile = np.sqrt(np.clip(1 - (2 * t - 1) ** 4, 0.03, 1))
    bow = high * (0.55 + 0.45 * np.sin(np.pi * (0.15 + 0.75 * t)))
    path = np.stack([length * t, 0 * t, 0 * t], 1)
    body = ribbon(path, wide / 2 * profile, bow * profile, 2.6)
    vertices = body.vertices * [1, 1, 1]
    vertices[:, 2] = np.maximum(vertices[:, 2], -0.002)
    body = Mesh(vertices, body.faces, body.uv)
    groove = block((length * 0.4, 0.0016, high)).moved((length * 0.79, 0, high * 0.42))
    wheel = revolve([(0, -0.004), (0.01, -0.004), (0.01, 0.004), (0, 0.004)], 16)
    wheel = wheel.turned(rotation_about("x", np.pi / 2)).moved((length * 0.76, 0, high * 0.86))
    parts = [("body", body), ("rubber", join(groove, wheel))]
    if rng.random() < 0.5:
        s = np.linspace(0, 1, 20)
        y = 0.03 * np.sin(5 * s * rng.uniform(0.5, 1)) * s
        cable = np.stack([length * 0.98 + 0.16 * s, y, 0.002 + 0 * s], 1)
        parts.append(("rubber", ribbon(cable, 0.0017, 0.0017, 2)))
    return rest_on_ground(parts)


def remote(rng: Generator) -> Parts:
    """Return a remote control along y with rows of buttons."""
    x, y, z = rng.uniform(0.038, 0.052), rng.uniform(0.14, 0.21), rng.uniform(0.014, 0.02)
    case = block((x, y, z), 0.004).moved((0, 0, z / 2))
    buttons = []
    rows = int(rng.integers(5, 9))
    for j in range(rows):
        for i in (-1, 0, 1):
            button = revolve([(0, 0), (0.0045, 0), (0.004, 0.002), (0, 0.002)], 10)
            at = (i * x * 0.29, y * (0.05 - 0.48 * j / rows), z)
            buttons.append(button.moved(at))
    wheel = revolve([(0.007, 0), (x * 0.33, 0), (x * 0.31, 0.002), (0.007, 0.002)], 20)
    power = revolve([(0, 0), (0.005, 0), (0.005, 0.0022), (0, 0.0022)], 12)
    role = str(rng.choice(["pale", "grey", "rubber"], p=[0.45, 0.4, 0.15]))
    return [
        ("body", case),
        (role, join(*buttons, wheel.moved((0, y * 0.22, z)))),
        ("red_mark", power.moved((-x * 0.29, y * 0.42, z))),
    ]


def toothbrush(rng: Generator) -> Parts:
    """Return a toothbrush along x that lies on its back or side, bristles at one end."""
    length = rng.uniform(0.16, 0.2)
    t = np.linspace(0, 1, 14)
    path = np.stack([length * t, 0 * t, 0.004 + 0.006 * np.sin(np.pi * t) ** 2], 1)
    widths = np.interp(t, [0, 0.1, 0.35, 0.55, 0.75, 0.84, 1], [3, 5, 6, 5, 2.5, 5.5, 4]) / 1000
    handle = ribbon(path, widths, widths.clip(0.002, 0.0042) * 0.85, 2.5)
    rows = []
    for i in range(7):
        for j in (-1, 0, 1):
            tuft = block((0.0032, 0.0026, 0.0105)).moved(
                (length * (0.84 + 0.021 * i), j * 0.0031, 0.012)
            )
            rows.append(tuft)
    parts = [("body", handle), ("pale", join(*rows[::2])), ("accent", join(*rows[1::2]))]
    if rng.random() < 0.5:
        turn = rotation_about("x", rng.uniform(0.9, 1.6) * rng.choice([-1, 1]))
        parts = [(role, mesh.turned(turn)) for role, mesh in parts]
    return rest_on_ground(parts)


def vase(rng: Generator) -> Parts:
    """Return a vase: a belly, a narrow neck, a flared lip; sometimes twigs with leaves in it."""
    height = rng.uniform(0.16, 0.28)
    belly = height * rng.uniform(0.22, 0.34)
    neck, lip = belly * rng.uniform(0.28, 0.5), belly * rng.uniform(0.5, 0.75)
    foot = belly * rng.uniform(0.45, 0.7)
    at = np.array([0, 0.06, rng.uniform(0.3, 0.45), rng.uniform(0.68, 0.8), 0.9, 1.0])
    r = np.array([foot, foot * 1.05, belly, neck * 1.25, neck, lip])
    t = np.linspace(0, 1, 24)
    smooth = np.interp(t, at, r)
    smooth = np.convolve(np.pad(smooth, 2, "edge"), np.ones(5) / 5, "valid")
    outer = np.stack([smooth, t * height], 1)
    inner = (outer[::-1] - [0.004, 0]).clip(1e-3)
    inner = inner[inner[:, 1] > height * 0.3]
    body = revolve(np.concatenate([[(0, 0)], outer]), 28)
    hollow = revolve(np.concatenate([outer[-1:], inner, [(0, inner[-1, 1])]]), 28)
    parts = [("body", body), ("dark", hollow)]
    if rng.random() < 0.4:
        parts += _twigs(rng, height * 0.9, height * rng.uniform(0.4, 0.8))
    return parts


def _twigs(rng: Generator, base: float, reach: float) -> Parts:
    """Return twigs that rise from a height and bear leaves."""
    leaves, stalks = [], []
    for k in range(int(rng.integers(5, 9))):
        lean = rotation_about("z", k * 2.4) @ rotation_about("y", rng.uniform(0.1, 0.75))
        long = reach * rng.uniform(0.6, 1.0)
        stalk = extrude([(0, 0, 0), (long / 2, 0, 0), (long, 0, 0)], 0.0016, 5)
        up = lean @ rotation_about("y", -np.pi / 2)
        stalks.append(stalk.turned(up).moved((0, 0, base)))
        for share in (0.5, 0.75, 1.0):
            leaf = ball(1.0, 7, 5).scaled((0.26 * long, 0.11 * long, 0.012 * long))
            leaf = leaf.moved((0.2 * long, 0, 0)).turned(rotation_about("z", share * 5 + k))
            leaf = leaf.turned(rotation_about("y", -0.5)).moved(up @ np.array([long * share, 0, 0]))
            leaves.append(leaf.moved((0, 0, base)))
    return [("leaf", join(*leaves)), ("stem", join(*stalks))]


def potted_plant(rng: Generator) -> Parts:
    """Return a pot with earth and a leafy plant."""
    top, height = rng.uniform(0.045, 0.075), rng.uniform(0.07, 0.11)
    bottom = top * rng.uniform(0.65, 0.85)
    outer = [(0, 0), (bottom, 0), (top * 0.95, height * 0.8), (top, height * 0.8), (top, height)]
    pot = revolve([*outer, (top * 0.88, height), (top * 0.86, height * 0.85)], 26)
    earth = disc(top * 0.9, height * 0.88, 24)
    return [
        ("body", pot),
        ("earth", earth),
        *_twigs(rng, height * 0.86, height * rng.uniform(1, 1.8)),
    ]


def clock(rng: Generator) -> Parts:
    """Return a round alarm clock that stands on two feet, with hands and marks, facing +x."""
    radius, deep = rng.uniform(0.04, 0.07), rng.uniform(0.03, 0.045)
    rim = [(0, 0), (radius, 0), (radius, deep), (radius * 0.9, deep), (radius * 0.88, deep * 0.86)]
    case = revolve(rim, 36)
    face = disc(radius * 0.9, deep * 0.88, 36)
    marks = []
    for k in range(12):
        size = (radius * (0.17 if k % 3 == 0 else 0.1), radius * 0.035, 0.0012)
        mark = block(size).moved((radius * 0.74, 0, deep * 0.89))
        marks.append(mark.turned(rotation_about("z", k * np.pi / 6)))
    for long, wide in ((0.42, 0.055), (0.62, 0.04)):
        hand = block((radius * long, radius * wide, 0.0014)).moved(
            (radius * long * 0.42, 0, deep * 0.91)
        )
        marks.append(hand.turned(rotation_about("z", rng.uniform(0, 2 * np.pi))))
    parts = [("body", case), ("pale", face), ("graphite", join(*marks))]
    if rng.random() < 0.5:
        bells = []
        for side in (1, -1):
            bell = ball(radius * 0.3, 16, 10)
            bells.append(bell.moved((radius * 0.92, side * radius * 0.55, deep / 2)))
        parts.append((str(rng.choice(["steel", "body"])), join(*bells)))
    feet = [
        block((radius * 0.3, radius * 0.14, deep * 0.8)).moved(
            (-radius * 0.98, s * radius * 0.45, deep / 2)
        )
        for s in (1, -1)
    ]
    parts.append(("body", join(*feet)))
    stand = np.array([(0, 0, 1), (0, -1, 0), (1, 0, 0)])
    return rest_on_ground([(role, mesh.turned(stand)) for role, mesh in parts])


def teddy_bear(rng: Generator) -> Parts:
    """Return a sitting teddy bear that faces +x."""
    size = rng.uniform(0.05, 0.085)
    lumps = [
        ((0, 0, 0.9), (0.75, 0.8, 0.95)),
        ((0.05, 0, 2.25), (0.68, 0.75, 0.66)),
        ((0.0, 0.58, 2.78), (0.2, 0.27, 0.27)),
        ((0.0, -0.58, 2.78), (0.2, 0.27, 0.27)),
        ((0.3, 0.82, 1.25), (0.55, 0.26, 0.28)),
        ((0.3, -0.82, 1.25), (0.55, 0.26, 0.28)),
        ((0.85, 0.5, 0.3), (0.72, 0.32, 0.32)),
        ((0.85, -0.5, 0.3), (0.72, 0.32, 0.32)),
    ]
    fur = join(*(ball(1.0, 14, 9).scaled(half).moved(at) for at, half in lumps))
    pale = [
        ((0.62, 0, 2.1), (0.3, 0.32, 0.25)),
        ((1.53, 0.5, 0.3), (0.08, 0.22, 0.22)),
        ((1.53, -0.5, 0.3), (0.08, 0.22, 0.22)),
    ]
    muzzle = join(*(ball(1.0, 10, 7).scaled(half).moved(at) for at, half in pale))
    dark = [
        ((0.9, 0, 2.2), (0.09, 0.13, 0.09)),
        ((0.66, 0.26, 2.42), (0.08, 0.08, 0.09)),
        ((0.66, -0.26, 2.42), (0.08, 0.08, 0.09)),
    ]
    eyes = join(*(ball(1.0, 7, 5).scaled(half).moved(at) for at, half in dark))
    parts = [("body", fur), ("pale_body", muzzle), ("eye", eyes)]
    return rest_on_ground([(role, mesh.scaled((size, size, size))) for role, mesh in parts])


def tape(rng: Generator) -> Parts:
    """Return a roll of tape that lies flat: a coloured ring on a cardboard core."""
    outer, height = rng.uniform(0.035, 0.055), rng.uniform(0.018, 0.05)
    inner = outer * rng.uniform(0.62, 0.8)
    roll = [(inner + 0.002, 0), (outer, 0), (outer, height), (inner + 0.002, height)]
    core = [
        (inner, 0),
        (inner + 0.002, 0),
        (inner + 0.002, height + 0.0006),
        (inner, height + 0.0006),
    ]
    return [
        ("body", revolve(roll, 32)),
        ("card", revolve([*core, (inner, 0)], 32)),
    ]


def light_bulb(rng: Generator) -> Parts:
    """Return a light bulb that lies along x: a pear of glass and a screw base."""
    radius = rng.uniform(0.026, 0.034)
    t = np.linspace(0, 1, 16)
    r = radius * np.where(t < 0.55, np.sqrt(np.clip(1 - ((t - 0.42) / 0.42) ** 2, 0, 1)), 0)
    high = np.interp(t, [0.55, 0.75, 1.0], [0.95, 0.62, 0.42]) * radius
    profile = np.stack([np.where(t < 0.55, r, high), (1 - t) * radius * 3], 1)[::-1]
    profile[-1, 0] = 0
    glass = revolve(np.concatenate([[(0, 0)], profile]), 24)
    z = np.linspace(0, -radius * 0.75, 13)
    screw = np.stack([radius * (0.42 + 0.02 * (-1.0) ** np.arange(13)), z], 1)[::-1]
    base = revolve(np.concatenate([[(0, z[-1] - 0.003), (radius * 0.25, z[-1])], screw]), 20)
    turn = rotation_about("y", np.pi / 2)
    return rest_on_ground([("body", glass.turned(turn)), ("steel", base.turned(turn))])
