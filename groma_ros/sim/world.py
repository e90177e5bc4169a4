"""A scene before it is drawn, as plain values: things, lights and a camera."""

import math
from dataclasses import dataclass

import numpy as np

from groma_ros.sim.placing import Placed


@dataclass(frozen=True)
class Geom:
    """One thing to draw: a part of a library shape, a plane or a block.

    form "part": shape and part index the library, transform (3, 3) includes the scale;
    "plane": size = half sides; "block": size = half sides. texture -1: none. owner: object index
    for the segmentation, -1 none.
    """

    form: str
    position: np.ndarray
    transform: np.ndarray
    rgba: tuple[float, float, float, float]
    shape: int = -1
    part: int = -1
    size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    texture: int = -1
    repeat: tuple[float, float] = (1.0, 1.0)
    specular: float = 0.2
    shininess: float = 0.3
    reflectance: float = 0.0
    emission: float = 0.0
    owner: int = -1


@dataclass(frozen=True)
class Light:
    """One lamp; a directional one shines along direction, the other kind is a bulb at position."""

    position: np.ndarray
    direction: np.ndarray
    directional: bool
    ambient: np.ndarray
    diffuse: np.ndarray
    specular: np.ndarray
    shadow: bool


@dataclass(frozen=True)
class Camera:
    """A pinhole: position, viewing direction and up in the world, vertical field of view."""

    position: np.ndarray
    forward: np.ndarray
    up: np.ndarray
    fov_y_rad: float
    size_hw: tuple[int, int]

    @property
    def focal_px(self) -> float:
        """Return the focal length in pixels (square pixels, centred)."""
        return self.size_hw[0] / 2 / math.tan(self.fov_y_rad / 2)

    def project(self, points) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (N, 2) and depths (N,) metres of world points (N, 3)."""
        right = np.cross(self.forward, self.up)
        relative = np.asarray(points) - self.position
        depth = relative @ self.forward
        safe = np.maximum(depth, 1e-3)
        height, width = self.size_hw
        x = relative @ right / safe * self.focal_px + width / 2
        y = -(relative @ self.up) / safe * self.focal_px + height / 2
        return np.stack([x, y], 1), depth


@dataclass(frozen=True)
class Plan:
    """A complete scene before it is drawn."""

    objects: tuple[Placed, ...]
    geoms: tuple[Geom, ...]
    lights: tuple[Light, ...]
    camera: Camera
    shadow_span_m: float = 1.0


def look_at(position, target, roll_rad: float, fov_y_rad: float, size_hw) -> Camera:
    """Return the camera at position that looks at target, both (3,) metres."""
    forward = np.asarray(target, float) - position
    forward /= np.linalg.norm(forward)
    side = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.array([1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, forward)
    up = up * math.cos(roll_rad) + side * math.sin(roll_rad)
    return Camera(np.asarray(position, float), forward, up, fov_y_rad, tuple(size_hw))
