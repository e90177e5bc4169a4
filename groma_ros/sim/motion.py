"""Render sequences in which things move: what ids that last are measured on.

A table of things is seen from a camera that moves on an arc. Some of them slide along the table:
two that look alike change places, one nearer to the camera than the other, and something tall
passes in front of the one that is followed. Things slide through each other; nobody holds them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from groma_ros.sim.kinds import kind_named
from groma_ros.sim.placing import Placed, Wanted, choose_contents, place_objects
from groma_ros.sim.render import Renderer
from groma_ros.sim.scene import mask_box_xyxy
from groma_ros.sim.staging import plan_surroundings
from groma_ros.sim.world import Camera, Geom, Plan, look_at

SPLIT = "test"
RATE_HZ = 10.0
SIZE_HW = (480, 640)
DRIFT_M = 0.08
TALL = ("bottle", "can", "box")
LOOK_ALIKES = ("cup", "can", "ball", "apple", "bowl", "cube")
COVERED_S = 0.9
"""How long something tall hides the thing that is followed, at most."""


@dataclass(frozen=True, eq=False)
class MovingFrame:
    """Hold one frame and its truth.

    rgb       (H, W, 3) uint8
    boxes_xyxy (n, 4) tight box of the visible pixels of thing k, zeros where none is
    visible   (n,) visible area over the area with nothing in front, 0 to 1
    """

    rgb: np.ndarray
    boxes_xyxy: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True, eq=False)
class MovingScene:
    """Hold a sequence: the names of its things, (kind, colour), and its frames in time order."""

    things: tuple[tuple[str, str], ...]
    followed: int
    frames: tuple[MovingFrame, ...]


def render_moving(renderer: Renderer, seed: int, seconds: float) -> MovingScene:
    """Return the sequence of a seed, `RATE_HZ` frames a second; thing `followed` is to be kept."""
    rng = np.random.default_rng([11, seed])
    objects = place_objects(rng, renderer.library, SPLIT, contents(rng))
    reach = max(float(np.abs(item.points[:, :2]).max()) for item in objects)
    arc = math.radians(rng.uniform(-180, 180)), math.radians(rng.uniform(15, 40))
    elevation = math.radians(rng.uniform(25, 50))
    count = round(seconds * RATE_HZ)
    cameras = [camera_at(k / max(count - 1, 1), arc, elevation, reach) for k in range(count)]
    plan = plan_surroundings(rng, renderer.library, SPLIT, objects, cameras[0])
    followed, paths = plan_paths(rng, objects, cameras, seconds)
    frames = []
    for k, camera in enumerate(cameras):
        moved = moved_plan(plan, [path[k] for path in paths], camera)
        rgb, owner, alone_px = renderer.draw(moved)
        frames.append(MovingFrame(rgb, *truth_of(owner, alone_px)))
    things = tuple((item.kind.name, item.colour) for item in objects)
    return MovingScene(things, followed, tuple(frames))


def contents(rng: Generator) -> list[Wanted]:
    """Draw what stands on the table: two that look alike, something tall, and others."""
    alike = choose_contents(rng, (kind_named(str(rng.choice(LOOK_ALIKES))),), 1)[0]
    tall = choose_contents(rng, (kind_named(str(rng.choice(TALL))),), 1)[0]
    return [alike, alike, tall, *choose_contents(rng, count=int(rng.integers(3, 6)))]


def camera_at(
    share: float, arc_rad: tuple[float, float], elevation_rad: float, reach_m: float
) -> Camera:
    """Return the camera at share 0..1 of an arc: its first azimuth and how far it goes."""
    azimuth = arc_rad[0] + arc_rad[1] * share
    away = 3.0 * reach_m
    level, height = away * math.cos(elevation_rad), away * math.sin(elevation_rad)
    position = np.array([level * math.cos(azimuth), level * math.sin(azimuth), height])
    return look_at(position, (0.0, 0.0, 0.02), 0.0, math.radians(42), SIZE_HW)


def plan_paths(
    rng: Generator, objects: list[Placed], cameras: list[Camera], seconds: float
) -> tuple[int, np.ndarray]:
    """Return which thing is followed, and how far (n, T, 2) metres each thing has slid by a frame.

    The first two, which look alike, change places in the middle third; the third crosses the line
    of sight to the followed one in the last third; the others drift to and fro, or stand.
    """
    count, n = len(cameras), len(objects)
    at = np.arange(count) / max(count - 1, 1)
    paths = np.zeros((n, count, 2))
    places = np.array([item.points.mean(0)[:2] for item in objects])
    for k in range(3, n):
        if rng.random() < 0.5:
            paths[k] = _drift(rng, at)
    swap = _ease((at - 0.33) / 0.33)[:, None]
    towards = cameras[count // 2].position[:2] - places[:2].mean(0)
    towards = towards / np.linalg.norm(towards)
    aside = 0.06 * np.sin(math.pi * swap) * towards
    paths[0] = swap * (places[1] - places[0]) + aside
    paths[1] = swap * (places[0] - places[1]) - aside
    followed = int(rng.integers(n - 1)) if rng.random() < 0.5 else 0
    followed += followed >= 2  # the tall one passes in front of another
    _pass_in_front(paths, places, followed, cameras, seconds)
    return followed, paths


def _drift(rng: Generator, at: np.ndarray) -> np.ndarray:
    """Return a smooth way (T, 2) to and fro, metres; it starts at 0."""
    heading, turns = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 1.5)
    along = DRIFT_M * np.sin(2 * math.pi * turns * at)
    return along[:, None] * np.array([math.cos(heading), math.sin(heading)])


def _ease(x: np.ndarray) -> np.ndarray:
    """Return a smooth step from 0 at 0 to 1 at 1."""
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)


def _pass_in_front(
    paths: np.ndarray, places: np.ndarray, followed: int, cameras: list[Camera], seconds: float
) -> None:
    """Let thing 2 go across the line of sight to the followed thing, five sixths through."""
    count = len(cameras)
    middle = round(count * 5 / 6)
    hidden = places[followed] + paths[followed, middle]
    sight = cameras[middle].position[:2] - hidden
    sight = sight / np.linalg.norm(sight)
    across = np.array([-sight[1], sight[0]])
    meeting = hidden + 0.11 * sight
    at = (np.arange(count) - middle) / RATE_HZ  # seconds from the meeting
    speed = 0.14 / COVERED_S
    way = np.clip(at * speed, -0.3, 0.3)[:, None] * across + meeting - places[2]
    paths[2] = way


def moved_plan(plan: Plan, slides: list[np.ndarray], camera: Camera) -> Plan:
    """Return the plan with thing k slid by (2,) metres, seen from a camera."""
    objects = [
        replace(item, position=item.position + np.append(slide, 0.0))
        for item, slide in zip(plan.objects, slides, strict=True)
    ]
    geoms = tuple(_slid(geom, slides) for geom in plan.geoms)
    return replace(plan, objects=tuple(objects), geoms=geoms, camera=camera)


def _slid(geom: Geom, slides: list[np.ndarray]) -> Geom:
    if geom.owner < 0:
        return geom
    return replace(geom, position=geom.position + np.append(slides[geom.owner], 0.0))


def truth_of(owner: np.ndarray, alone_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes (n, 4) and the visible shares (n,) of the things that own pixels (H, W)."""
    masks = [owner == k for k in range(len(alone_px))]
    boxes = [mask_box_xyxy(mask) if mask.any() else np.zeros(4) for mask in masks]
    shown = np.array([mask.sum() for mask in masks])
    return np.array(boxes, np.float32), (shown / np.maximum(alone_px, 1)).clip(0, 1)
