"""The pinhole camera: points to pixels and back, and the one assumed where none is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pinhole:
    """Hold the focal lengths and the principal point of a camera, in pixels.

    Coordinates are those of the optical frame (REP 103): x to the right, y down, z ahead.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self):
        if not (self.fx > 0 and self.fy > 0):
            raise ValueError(
                f"focal lengths are {self.fx} and {self.fy} pixels; both have to be above 0"
            )

    @classmethod
    def assumed(cls, size_hw: tuple[int, int]) -> Pinhole:
        """Return a camera for pictures of unknown origin: 53 degrees wide, centre in the middle."""
        height, width = size_hw
        return cls(float(width), float(width), width / 2, height / 2)

    @classmethod
    def of_view(cls, fov_y_rad: float, size_hw: tuple[int, int]) -> Pinhole:
        """Return the camera with a vertical angle of view, square pixels, centre in the middle."""
        height, width = size_hw
        focal_px = height / 2 / math.tan(fov_y_rad / 2)
        return cls(focal_px, focal_px, width / 2, height / 2)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) that show points (N, 3), metres in the optical frame.

        Points nearer than a millimetre, and those behind the camera, count as a millimetre ahead.
        """
        z = np.maximum(points[:, 2], 1e-3)
        u = points[:, 0] / z * self.fx + self.cx
        v = points[:, 1] / z * self.fy + self.cy
        return np.stack([u, v], 1)

    def at_depth(self, u: float, v: float, depth_m: float) -> tuple[float, float, float]:
        """Return the point (x, y, z) in metres, optical frame, that pixel (u, v) shows at a depth.

        `depth_m` is measured along the optical axis, as in depth images (REP 118).
        """
        return depth_m * (u - self.cx) / self.fx, depth_m * (v - self.cy) / self.fy, depth_m
