"""The room about the objects: table, floor, walls and lights."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from groma_ros.sim.shapes.meshes import rotation_about
from groma_ros.sim.textures import texture_ids
from groma_ros.sim.world import Camera, Geom, Light

_TABLE_GROUPS = (
    *("wood", "wood", "wood", "marble", "tiles", "checker", "cloth"),
    *("speckle", "speckle", "stripes", "plain", "plain", "blotches"),
)
_WALL_GROUPS = ("plain", "plain", "speckle", "tiles", "stripes", "room", "room", "wood", "blotches")
_TRAIN_GROUPS = ("collage", "clouds", "clouds")


def _tint(rng: Generator) -> np.ndarray:
    """Return the factor (3,) of a surface texture: mostly light, dark or coloured."""
    choice = rng.random()
    if choice < 0.6:
        return np.full(3, rng.uniform(0.75, 1.0)) + rng.uniform(-0.04, 0.04, 3)
    if choice < 0.88:
        return np.full(3, rng.uniform(0.3, 0.7))
    return rng.uniform(0.5, 1.0, 3)


def _surface(rng: Generator, split: str, groups: tuple[str, ...]) -> tuple[int, np.ndarray]:
    """Return (texture, tint) of a table, floor or wall."""
    textures = texture_ids(split)
    if rng.random() < 0.14:
        white = rng.uniform(0.8, 0.95) if rng.random() < 0.6 else rng.uniform(0.05, 0.2)
        return -1, np.full(3, white)
    group = groups[int(rng.integers(len(groups)))]
    if split == "train" and rng.random() < 0.25:
        group = _TRAIN_GROUPS[int(rng.integers(len(_TRAIN_GROUPS)))]
    return textures[group][int(rng.integers(len(textures[group])))], np.clip(_tint(rng), 0, 1)


def _plane(
    rng: Generator,
    split: str,
    groups: tuple[str, ...],
    position: ArrayLike,
    transform: np.ndarray,
    half_size_m: tuple[float, float],
    period_m: float,
    reflectance: float = 0.0,
) -> Geom:
    """Return a rectangle with a texture of one of the groups, repeated every period_m."""
    texture, tint = _surface(rng, split, groups)
    repeat = (2 * half_size_m[0] / period_m, 2 * half_size_m[1] / period_m)
    shine = rng.uniform(0, 0.35)
    return Geom(
        "plane",
        np.asarray(position, float),
        transform,
        (*tint, 1.0),
        size=(*half_size_m, 1.0),
        texture=texture,
        repeat=repeat,
        specular=shine,
        shininess=rng.uniform(0.1, 0.8),
        reflectance=reflectance,
    )


def plan_room(rng: Generator, split: str, camera: Camera, reach_m: float) -> list[Geom]:
    """Return the table top or ground, the floor below, walls and pictures on them.

    reach_m: how far from the origin objects lie.
    """
    out = []
    turn = rotation_about("z", rng.uniform(0, 2 * np.pi))
    reflect = rng.uniform(0.05, 0.25) if rng.random() < 0.12 else 0.0
    period = rng.uniform(0.25, 1.2)
    table = rng.random() < 0.68
    floor_z = 0.0
    if table:
        half = reach_m * rng.uniform(1.0, 1.3, 2) + rng.uniform(0.05, 0.7, 2)
        top = _plane(rng, split, _TABLE_GROUPS, (0, 0, 0), turn, tuple(half), period, reflect)
        thick = rng.uniform(0.015, 0.06)
        side = np.clip(np.array(top.rgba[:3]) * rng.uniform(0.3, 0.8), 0, 1)
        out += [
            top,
            Geom(
                "block",
                np.array([0, 0, -thick / 2 - 0.001]),
                turn,
                (*side, 1.0),
                size=(*half, thick / 2),
            ),
        ]
        floor_z = -rng.uniform(0.35, 0.9)
    far = float(np.linalg.norm(camera.position[:2])) + rng.uniform(0.3, 2.5)
    far = max(far, reach_m + 0.25)
    out.append(
        _plane(
            rng,
            split,
            _TABLE_GROUPS,
            (0, 0, floor_z),
            turn,
            (1.5 * far, 1.5 * far),
            rng.uniform(0.4, 1.8) if table else period,
            0.0 if table else reflect,
        )
    )
    heading = rng.uniform(0, 2 * np.pi)
    high = rng.uniform(2.0, 3.0)
    texture_period = rng.uniform(0.6, 3.0)
    wall = _plane(rng, split, _WALL_GROUPS, (0, 0, 0), turn, (far, high), texture_period)
    if rng.random() < (0.3 if split == "train" else 0.15):
        wall = _open_air(rng, (far, high))
    for k in range(4):
        out += _wall(
            rng, split, wall, heading + k * np.pi / 2, far, floor_z + high - 0.01, (far, high)
        )
    return out


def _open_air(rng: Generator, half_size_m: tuple[float, float]) -> Geom:
    """Return an even, glowing wall: the empty background of a studio or a simulator."""
    grey = rng.uniform(0.2, 1.0)
    tint = [1.0, 1.0, 1.0] if rng.random() < 0.5 else [0.6, 0.78, 1.0]
    return Geom(
        "plane",
        np.zeros(3),
        np.eye(3),
        (*(grey * np.array(tint)), 1.0),
        size=(*half_size_m, 1.0),
        emission=0.6,
    )


def _wall(
    rng: Generator,
    split: str,
    look: Geom,
    heading_rad: float,
    far_m: float,
    middle_z: float,
    half_size_m: tuple[float, float],
) -> list[Geom]:
    """Return one wall that faces the origin and perhaps a picture on it."""
    inward = np.array([-math.cos(heading_rad), -math.sin(heading_rad), 0.0])
    across = np.array([-math.sin(heading_rad), math.cos(heading_rad), 0.0])
    frame = np.stack([across, np.cross(inward, across), inward], 1)
    centre = -inward * far_m + [0, 0, middle_z]
    out = [
        Geom(
            "plane",
            centre,
            frame,
            look.rgba,
            size=(*half_size_m, 1.0),
            texture=look.texture,
            repeat=look.repeat,
            specular=0.05,
            shininess=0.1,
            emission=look.emission,
        )
    ]
    if look.emission == 0 and rng.random() < 0.3:
        wide, tall = rng.uniform(0.1, 0.35, 2) * min(far_m, 1.5)
        place = centre + inward * 0.012 + across * rng.uniform(-0.5, 0.5) * far_m
        place[2] = rng.uniform(0.1, 0.9)
        textures = texture_ids(split)
        group = textures[("blotches", "room", "stripes", "print")[int(rng.integers(4))]]
        border = np.full(3, rng.choice([0.08, 0.9, 0.4]))
        out.append(
            Geom("plane", place, frame, (*border, 1.0), size=(wide * 1.08, tall * 1.08, 1.0))
        )
        out.append(
            Geom(
                "plane",
                place + inward * 0.006,
                frame,
                (0.95, 0.95, 0.95, 1.0),
                size=(wide, tall, 1.0),
                texture=group[int(rng.integers(len(group)))],
            )
        )
    return out


def _white(rng: Generator, spread: float) -> np.ndarray:
    """Return a light colour between warm and cool, mean 1."""
    warm = rng.uniform(-spread, spread)
    colour = np.array([1 + warm, 1 + 0.15 * warm, 1 - warm])
    return colour / colour.mean()


def plan_lights(rng: Generator, camera: Camera, split: str) -> list[Light]:
    """Return 2 to 4 lights: an even one, a key light (often with shadow) and fill lights."""
    ambient = rng.uniform(0.32, 0.58)
    key = rng.uniform(0.4, 0.75)
    spread, lowest, bright = 0.07, 35, (0.72, 0.97)
    if split == "train" and rng.random() < 0.45:
        # a bare lamp, a coloured one, a dim or a dazzling room
        ambient, key = rng.uniform(0.12, 0.9), rng.uniform(0.1, 1.0)
        spread, lowest, bright = 0.16, 15, (0.5, 1.2)
    fills = int(rng.choice(3, p=[0.35, 0.45, 0.2]))
    fill = rng.uniform(0.08, 0.28, fills)
    total = ambient + key + 0.6 * float(fill.sum())
    gain = rng.uniform(*bright) / total
    dark = np.zeros(3)
    even = Light(
        camera.position,
        camera.forward,
        True,
        _white(rng, 0.05) * ambient * gain,
        _white(rng, 0.05) * (0.2 * gain if rng.random() < 0.5 else 0.02),
        dark,
        False,
    )
    out = [even]
    for power in (key, *fill):
        first = len(out) == 1
        elevation = math.radians(rng.uniform(lowest, 85) if first else rng.uniform(15, 80))
        azimuth = rng.uniform(0, 2 * math.pi)
        toward = np.array(
            [
                math.cos(azimuth) * math.cos(elevation),
                math.sin(azimuth) * math.cos(elevation),
                math.sin(elevation),
            ]
        )
        directional = rng.random() < 0.7
        colour = _white(rng, spread) * power * gain
        out.append(
            Light(
                toward * (2.0 if directional else rng.uniform(1.2, 2.2)),
                -toward,
                directional,
                dark,
                colour,
                colour * rng.uniform(0.3, 1.0),
                first and rng.random() < 0.5,
            )
        )
    return out
