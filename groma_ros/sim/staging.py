"""Draw a whole random scene: objects, camera, clutter, room and lights."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from groma_ros.sim.clutter import scatter_clutter
from groma_ros.sim.kinds import kind_named
from groma_ros.sim.library import Library
from groma_ros.sim.paint import paint_object
from groma_ros.sim.placing import Placed, Wanted, choose_contents, place_objects
from groma_ros.sim.room import plan_lights, plan_room
from groma_ros.sim.world import Camera, Plan, look_at

ASPECTS = ((4 / 3, 0.5), (16 / 9, 0.14), (1.0, 0.12), (1.5, 0.14), (0.75, 0.1))
AREA_PX = 320 * 240
MAX_SIDE = 640
SIDE_FACTORS = (0.7, 1.0, 1.0, 1.4, 2.0)
CAFE_COLOURS = ("red", "red", "brown", "brown", "white", "black", "blue", "green", "orange")


def plan_scene(
    rng: Generator, library: Library, split: str, size_hw: tuple[int, int] | None = None
) -> Plan:
    """Draw a random scene of a split; size_hw fixes the picture's height and width in pixels."""
    contents = choose_contents(rng, library.kinds)
    if rng.random() < 0.1:  # a cup alone, often with a saucer, is what cafes show
        contents = [Wanted(kind_named("cup", library.kinds), str(rng.choice(CAFE_COLOURS)))]
    objects = place_objects(rng, library, split, contents)
    varied = split == "train"
    size_hw = size_hw or _picture_size(rng, varied)
    camera, objects = _choose_camera(rng, objects, size_hw, varied)
    return plan_surroundings(rng, library, split, objects, camera)


def plan_surroundings(
    rng: Generator, library: Library, split: str, objects: list[Placed], camera: Camera
) -> Plan:
    """Return the plan of placed objects with paint, clutter, a room and lights about them."""
    geoms = []
    for number, item in enumerate(objects):
        geoms += paint_object(rng, split, item, number)
    reach_m = max((float(np.abs(o.points[:, :2]).max()) for o in objects), default=0.2)
    geoms += scatter_clutter(rng, library, split, objects, reach_m)
    geoms += plan_room(rng, split, camera, reach_m)
    span_m = float(np.clip(reach_m * 1.3 + 0.1, 0.25, 2.0))
    lights = plan_lights(rng, camera, split)
    return Plan(tuple(objects), tuple(geoms), tuple(lights), camera, span_m)


def _picture_size(rng: Generator, varied: bool) -> tuple[int, int]:
    """Return (height, width) in pixels, multiples of 4."""
    aspect = ASPECTS[int(rng.choice(len(ASPECTS), p=[p for _, p in ASPECTS]))][0]
    area = AREA_PX * rng.uniform(0.85, 1.2)
    if varied:
        area = min(area * rng.choice(SIDE_FACTORS) ** 2, MAX_SIDE**2 * min(aspect, 1 / aspect))
    height = math.sqrt(area / aspect)
    return round(height / 4) * 4, round(height * aspect / 4) * 4


def _choose_camera(
    rng: Generator, objects: list[Placed], size_hw: tuple[int, int], varied: bool
) -> tuple[Camera, list[Placed]]:
    """Return a camera and the objects that do not stand in its way."""
    height, width = size_hw
    fov_long = math.radians(rng.uniform(35, 75))
    if varied and rng.random() < 0.3:
        fov_long = math.radians(rng.uniform(22, 96))
    fov_y = fov_long if height >= width else 2 * math.atan(math.tan(fov_long / 2) * height / width)
    half = math.tan(min(fov_y, 2 * math.atan(math.tan(fov_y / 2) * width / height)) / 2)
    elevation = math.radians(
        rng.choice(
            [rng.uniform(7, 30), rng.uniform(25, 60), rng.uniform(55, 89)], p=[0.3, 0.47, 0.23]
        )
    )
    azimuth = rng.uniform(0, 2 * math.pi)
    back = np.array(
        [
            math.cos(azimuth) * math.cos(elevation),
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    centres = np.array([o.points.mean(0) for o in objects])
    mode = rng.random()
    if mode < 0.14:
        chosen = objects[int(rng.integers(len(objects)))]
        points = chosen.points
        target = (points.min(0) + points.max(0)) / 2
        radius = float(np.linalg.norm(points - target, axis=1).max())
        distance = radius / (half * rng.uniform(0.5, 1.05)) + 0.3 * radius
        target = target + rng.normal(0, 0.25 * radius, 3) * [1, 1, 0.5]
    else:
        target = centres.mean(0) + rng.normal(0, 0.03, 3) * [1, 1, 0.3]
        radius = float(np.quantile([np.abs(o.points - target).max() for o in objects], 0.9))
        radius = max(radius, 0.06)
        fill = rng.uniform(0.85, 1.5) if mode < 0.84 else rng.uniform(0.45, 0.85)
        distance = radius / (half * fill) + 0.2 * radius
        if mode >= 0.84:
            target = target + rng.normal(0, 0.35 * radius, 3) * [1, 1, 0.2]
    position = target + back * distance
    position[2] = max(position[2], 0.03)
    camera = look_at(
        position, target, math.radians(np.clip(rng.normal(0, 3), -8, 8)), fov_y, size_hw
    )
    clear = [o for o in objects if _is_clear(o, camera, 0.45 * distance)]
    return camera, clear or objects[:1]


def _is_clear(item: Placed, camera: Camera, nearest_m: float) -> bool:
    """Return whether no part of an object comes nearer to the camera than nearest_m."""
    away = item.points - camera.position
    return bool(np.linalg.norm(away, axis=1).min() > nearest_m)
