"""A scene before it is drawn, as plain values: things, lights and a camera.

The world's frame: metres, z up, the table's top at z = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from groma_ros.sim.library import Shape
from groma_ros.sim.placing import Placed
from groma_ros.values.pinhole import Pinhole


@dataclass(frozen=True, eq=False)
class Geom:
    """Describe one thing to draw: a part of a shape, a plane or a block.

    form        "part", "plane" or "block"
    position    (3,) metres in the world
    transform   (3, 3) rotation into the world; of a part it includes the scale
    rgba        0 to 1 each
    shape, part which piece of which shape; of a "part" only
    size        half sides in metres, of a plane or block
    texture     index into `all_textures()`, -1 none
    repeat      how often the texture is repeated along x and y
    owner       index of the object that the pixels belong to, -1 none
    """

    form: str
    position: np.ndarray
    transform: np.ndarray
    rgba: tuple[float, float, float, float]
    shape: Shape | None = None
    part: int = -1
    size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    texture: int = -1
    repeat: tuple[float, float] = (1.0, 1.0)
    specular: float = 0.2
    shininess: float = 0.3
    reflectance: float = 0.0
    emission: float = 0.0
    owner: int = -1


@dataclass(frozen=True, eq=False)
class Light:
    """Describe one lamp: a directional one shines along direction, the other is a bulb at position.

    position (3,) metres, direction (3,); ambient, diffuse, specular (3,): linear RGB.
    """

    position: np.ndarray
    direction: np.ndarray
    directional: bool
    ambient: np.ndarray
    diffuse: np.ndarray
    specular: np.ndarray
    shadow: bool


@dataclass(frozen=True, eq=False)
class Camera:
    """Describe a pinhole: position, viewing direction and up (3,) in the world."""

    position: np.ndarray
    forward: np.ndarray
    up: np.ndarray
    fov_y_rad: float
    size_hw: tuple[int, int]

    @property
    def pinhole(self) -> Pinhole:
        """Return how the optical frame falls onto pixels."""
        return Pinhole.of_view(self.fov_y_rad, self.size_hw)

    def to_optical(self, points: ArrayLike) -> np.ndarray:
        """Return world points (..., 3) in the optical frame: x right, y down, z ahead."""
        axes = np.stack([np.cross(self.forward, self.up), -self.up, self.forward])
        return (np.asarray(points) - self.position) @ axes.T

    def project(self, points: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (N, 2) and depths (N,) metres of world points (N, 3)."""
        optical = self.to_optical(points)
        return self.pinhole.project(optical), optical[:, 2]


@dataclass(frozen=True, eq=False)
class Plan:
    """Hold a complete scene before it is drawn; shadow_span_m: how far shadows are drawn."""

    objects: tuple[Placed, ...]
    geoms: tuple[Geom, ...]
    lights: tuple[Light, ...]
    camera: Camera
    shadow_span_m: float = 1.0


def look_at(
    position: ArrayLike,
    target: ArrayLike,
    roll_rad: float,
    fov_y_rad: float,
    size_hw: tuple[int, int],
) -> Camera:
    """Return the camera at position that looks at target, both (3,) metres in the world."""
    forward = np.asarray(target, float) - position
    forward /= np.linalg.norm(forward)
    side = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.array([1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, forward)
    up = up * math.cos(roll_rad) + side * math.sin(roll_rad)
    return Camera(np.asarray(position, float), forward, up, fov_y_rad, tuple(size_hw))
