"""The pinhole camera: pixels to rays, and the camera that is assumed where none is known."""

from __future__ import annotations

from dataclasses import dataclass


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

    def at_depth(self, u: float, v: float, depth_m: float) -> tuple[float, float, float]:
        """Return the point (x, y, z) in metres, optical frame, that pixel (u, v) shows at a depth.

        `depth_m` is measured along the optical axis, as in depth images (REP 118).
        """
        return depth_m * (u - self.cx) / self.fx, depth_m * (v - self.cy) / self.fy, depth_m
