"""From a box in a picture and its depth image to where the thing is.

A depth image shows the side of a thing that faces the camera, and whatever it stands on. The
support is found as the plane that most points about the box lie on; the thing is what stands above
it and belongs together. Its centre lies behind the side that is seen: half its height above the
plane where the camera looks down on it, half its width behind its front where the camera looks at
it from the side. `OFFSETS` weighs these hints.

Everything is in the camera's optical frame (REP 103: x right, y down, z ahead), in metres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from groma_ros.values.pinhole import Pinhole

UNITS_A_METRE = {"16UC1": 1000, "mono16": 1000, "32FC1": 1}
"""Of a depth image, by encoding (REP 118)."""
MARGIN = 0.35
"""Of the box's longer side: how far around the box the support is looked for."""
LEAST_DEPTH = 0.2
"""Share of a box's pixels that have to have depth."""
SMOOTHED_PX = 2
"""Depth is averaged over this many pixels to each side: sensors are noisy by the pixel."""
CROP_PX = 160
"""Longest side of what is looked at; larger boxes are taken in steps."""
PLANE_ROUNDS, PLANE_POINTS = 150, 3000
FLAT_M = 0.006
"""What stands less above its support can't be told from it."""
LONG = 1.4
"""A thing that is so many times as long as wide has a heading of its own."""
CORE = 0.25
"""Of the box's sides, to both sides of its middle: where the thing surely is."""
SAME_ASPECT = 0.02
WIDEST_RAY = 100.0
"""Pixels whose ray goes further to the side, a metre ahead, are of no lens: 89.4 degrees."""
DISTORTIONS = {
    "plumb_bob": (4, 5, 8, 12, 14),
    "rational_polynomial": (4, 5, 8, 12, 14),
    "equidistant": (4,),
    "fisheye": (4,),
}
"""How many numbers D may have, by CameraInfo's distortion_model (cv2.undistortPoints)."""
OFFSETS = {
    "half height, from above": 1.062,
    "half height, from the side": 0.115,
    "front": 0.963,
    "back": 0.481,
    "width": 0.187,
    "lower of height and half width": 0.276,
    "contact": -0.114,
}
"""How far the centre lies behind the mean of what is seen, for each metre of a hint. Fitted by
least absolute deviations on 298 rendered things of the training split, 2 % of noise in depth."""
UNKNOWN_HEADING_RAD = 1.0
LEAST_CLEAR_M = 0.03
"""A glass or a bottle that stands less above its support was looked through."""
MOST_CLEAR_LENGTH = 4.0
"""A glass or a bottle that reaches so many times its width away is what is seen through it."""
LOOKING_DOWN = 0.3
"""Sine of the angle between view and support from which on a height says something of the place."""


@dataclass(frozen=True)
class Shape:
    """Say what is known of a thing's shape by its noun.

    may_be_clear  whether it may be of glass, which depth cameras look through
    most_height_m how far such a thing stands above its support at most: what stands higher in its
                  box is another thing on it
    """

    may_be_clear: bool = False
    most_height_m: float = np.inf


CLEAR, FLAT = Shape(may_be_clear=True), Shape(most_height_m=0.06)
SHAPES = dict.fromkeys(("glass", "bottle", "jar", "vase", "tumbler", "goblet", "flask"), CLEAR)
SHAPES |= dict.fromkeys(
    ("plate", "saucer", "dish", "tray", "napkin", "towel", "mat", "cloth", "coaster", "placemat"),
    FLAT,
)
"""What the noun of a phrase says of its thing's shape; other things may have any."""


@dataclass(frozen=True, eq=False)
class Lens:
    """Hold how pixels become rays: a pinhole and, where the image is not rectified, a distortion.

    distortion holds the numbers of CameraInfo's D, model its distortion_model (plumb_bob,
    rational_polynomial or equidistant); without numbers, or with zeros, pixels are those of the
    pinhole. Raises ValueError for numbers that are not finite, and for an unknown distortion.
    """

    pinhole: Pinhole
    distortion: tuple[float, ...] = ()
    model: str = "plumb_bob"

    def __post_init__(self) -> None:
        hole, count = self.pinhole, len(self.distortion)
        if not np.isfinite([hole.fx, hole.fy, hole.cx, hole.cy, *self.distortion]).all():
            raise ValueError("CameraInfo has a number that is not finite; calibrate the camera")
        if any(self.distortion) and count not in DISTORTIONS.get(self.model, ()):
            raise ValueError(
                f"distortion model {self.model!r} with {count} numbers is not known "
                f"({', '.join(DISTORTIONS)} are); publish a rectified image"
            )

    def rays(self, pixels: ArrayLike) -> np.ndarray:
        """Return the points (N, 3) one metre ahead that pixels (N, 2) show."""
        pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        hole = self.pinhole
        if not any(self.distortion):
            ahead = (pixels - [hole.cx, hole.cy]) / [hole.fx, hole.fy]
        else:
            ahead = self._undistorted(pixels)
        return np.concatenate([ahead, np.ones((len(pixels), 1))], axis=1)

    def _undistorted(self, pixels: np.ndarray) -> np.ndarray:
        import cv2  # only distorted lenses need it

        hole = self.pinhole
        matrix = np.array([[hole.fx, 0, hole.cx], [0, hole.fy, hole.cy], [0, 0, 1.0]])
        fisheye = self.model in ("equidistant", "fisheye")
        undistort = cv2.fisheye.undistortPoints if fisheye else cv2.undistortPoints
        points = undistort(pixels[:, None], matrix, np.array(self.distortion, dtype=np.float64))
        return points[:, 0]

    def scaled(self, across: float, down: float) -> Lens:
        """Return the lens of the same view with that many times the pixels across and down."""
        hole = self.pinhole
        pinhole = Pinhole(hole.fx * across, hole.fy * down, hole.cx * across, hole.cy * down)
        return Lens(pinhole, self.distortion, self.model)


@dataclass(frozen=True, eq=False)
class Located:
    """Hold where one thing is.

    position_m   (3,) centre of its box
    orientation  (x, y, z, w) quaternion of its box: x away from the camera along the support,
                 y to the left, z up from the support
    size_m       (3,) sides of the box along these axes
    covariance   (6, 6) of x, y, z, then of rotations about them; the heading is not known
    mask         (h, w) bool, the thing's pixels in the depth image
    mask_at      (row, column) of the mask's first pixel
    height_m     how far it stands above its support
    """

    position_m: np.ndarray
    orientation: tuple[float, float, float, float]
    size_m: np.ndarray
    covariance: np.ndarray
    mask: np.ndarray
    mask_at: tuple[int, int]
    height_m: float

    def full_mask(self, size_hw: tuple[int, int]) -> np.ndarray:
        """Return the thing's pixels in the whole depth image of `size_hw`, bool."""
        whole = np.zeros(size_hw, dtype=bool)
        row, column = self.mask_at
        height, width = self.mask.shape
        whole[row : row + height, column : column + width] = self.mask
        return whole


def metres(values: np.ndarray, encoding: str) -> np.ndarray:
    """Return depth values (H, W) as float32 metres, NaN where nothing was measured (REP 118).

    Raises ValueError for an encoding that is no depth.
    """
    with np.errstate(invalid="ignore"):
        depth_m = values.astype(np.float32) / units_a_metre(encoding)
        depth_m[~(np.isfinite(depth_m) & (depth_m > 0))] = np.nan
    return depth_m


def units_a_metre(encoding: str) -> int:
    """Return what a metre is in a depth image; raise ValueError for an encoding that is none."""
    units = UNITS_A_METRE.get(encoding)
    if units is None:
        raise ValueError(f"depth encoding {encoding!r} is none of {', '.join(UNITS_A_METRE)}")
    return units


def scale_between(image_hw: tuple[int, int], depth_hw: tuple[int, int]) -> tuple[float, float]:
    """Return how many depth pixels a colour pixel is, across and down.

    Raises ValueError where both can't show the same view.
    """
    down, across = depth_hw[0] / image_hw[0], depth_hw[1] / image_hw[1]
    if abs(down / across - 1) > SAME_ASPECT:
        raise ValueError(
            f"depth of {depth_hw[1]}x{depth_hw[0]} does not fit an image of "
            f"{image_hw[1]}x{image_hw[0]}: both have to show the same view"
        )
    return across, down


def locate(depth_m: np.ndarray, box_xyxy: ArrayLike, lens: Lens, noun: str = "") -> Located:
    """Return where the thing in a box is.

    depth_m (H, W) float32 metres along the optical axis, NaN where there is none; box_xyxy (4,) and
    lens are in pixels of the depth image. `noun` says what the thing is (see `SHAPES`): where a
    bottle is flat, depth looked through it. Raises ValueError, in one line, where depth does not
    tell.
    """
    shape = SHAPES.get(noun, Shape())
    box = np.asarray(box_xyxy, dtype=np.float64)
    if not np.isfinite(box).all():
        raise ValueError("the box has a number that is not finite")
    with np.errstate(all="ignore"):  # what overflows is refused below
        view = _View(depth_m, box, lens)
        normal, offset = _support(view)
        height = view.points @ normal + offset  # (h, w), above the support
        thing = _thing(view, height, shape.most_height_m)
        found = _placed(view, thing, height, normal, offset)
    if not np.isfinite([*found.position_m, *found.size_m, *found.covariance.ravel()]).all():
        raise ValueError("its place is not finite: is the camera calibrated?")
    reaches_far = found.size_m[0] > MOST_CLEAR_LENGTH * found.size_m[1:].max()
    if shape.may_be_clear and (found.height_m < LEAST_CLEAR_M or reaches_far):
        raise ValueError("depth looks through it: it may be of glass")
    return found


def rotated(place: Located, rotation: np.ndarray, translation_m: np.ndarray) -> Located:
    """Return a place in another frame: rotated by (3, 3), then moved by (3,) metres."""
    both = np.kron(np.eye(2), rotation)  # (6, 6)
    return replace(
        place,
        position_m=rotation @ place.position_m + translation_m,
        orientation=_quaternion(rotation @ rotation_matrix(*place.orientation)),
        covariance=both @ place.covariance @ both.T,
    )


def rotation_matrix(x: float, y: float, z: float, w: float) -> np.ndarray:
    """Return the rotation (3, 3) of a unit quaternion."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


class _View:
    """The part of a depth image about a box, in steps of pixels.

    raw, smooth (h, w) metres; points (h, w, 3) of the smoothed depth; inside, core (h, w) bool: in
    the box, and in the middle of it.
    """

    def __init__(self, depth_m: np.ndarray, box: np.ndarray, lens: Lens) -> None:
        rows, columns = depth_m.shape
        box = np.clip(box, 0, [columns, rows, columns, rows])
        self.box, self.lens = box, lens
        width, height = box[2:] - box[:2]
        if width < 2 or height < 2:
            raise ValueError(f"a box of {width:.0f}x{height:.0f} pixels of depth is too small")
        around = max(MARGIN * max(width, height), 12)
        left, top = np.maximum(np.floor(box[:2] - around), 0).astype(int)
        right, bottom = np.minimum(np.ceil(box[2:] + around), [columns, rows]).astype(int)
        self.step = step = max(1, int(np.ceil(max(right - left, bottom - top) / CROP_PX)))
        self.at = (int(top), int(left))
        self.raw = depth_m[top:bottom, left:right]
        self.smooth = _smoothed(self.raw, SMOOTHED_PX + step - 1)[::step, ::step]
        self.full_hw = self.raw.shape
        self.raw = self.raw[::step, ::step]
        y, x = np.mgrid[top:bottom:step, left:right:step] + 0.5
        rays = lens.rays(np.stack([x, y], -1).reshape(-1, 2)).reshape(*x.shape, 3)
        out_of_view = ~(np.abs(rays) < WIDEST_RAY).all(-1)
        self.raw, self.smooth = (
            np.where(out_of_view, np.nan, depth_m) for depth_m in (self.raw, self.smooth)
        )
        self.points = rays * self.smooth[..., None]
        self.known = np.isfinite(self.smooth)
        self.inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
        self.core = self.inside & (abs(x - (box[0] + box[2]) / 2) < CORE * width)
        self.core &= abs(y - (box[1] + box[3]) / 2) < CORE * height
        share = np.isfinite(self.raw[self.inside]).mean() if self.inside.any() else 0.0
        if share < LEAST_DEPTH or not (self.core & self.known).any():
            raise ValueError(
                f"{100 * share:.0f} % of the box has depth, {100 * LEAST_DEPTH:.0f} % are needed"
            )

    def in_all_pixels(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask (h, w) without steps, as large as the part of the depth image."""
        height, width = self.full_hw
        return mask.repeat(self.step, axis=0).repeat(self.step, axis=1)[:height, :width]

    def size_m(self, depth_m: float) -> np.ndarray:
        """Return width and height (2,) of the box at a depth."""
        pinhole = self.lens.pinhole
        return (self.box[2:] - self.box[:2]) * depth_m / [pinhole.fx, pinhole.fy]

    def ray(self, across: float, down: float) -> np.ndarray:
        """Return the point (3,) one metre ahead that a place in the box, in fractions, shows."""
        place = self.box[:2] + [across, down] * (self.box[2:] - self.box[:2])
        return self.lens.rays(place)[0]


def _smoothed(values: np.ndarray, radius: int) -> np.ndarray:
    """Return the mean of what is known about each pixel, over 2 radius + 1 squared pixels."""
    known = np.isfinite(values)

    def sums(array: np.ndarray) -> np.ndarray:
        padded = np.pad(array, ((radius + 1, radius), (radius + 1, radius)))
        total, side = padded.cumsum(0).cumsum(1), 2 * radius + 1
        rows = total[side:] - total[:-side]
        return rows[:, side:] - rows[:, :-side]

    count = sums(known.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0.5, sums(np.where(known, values, 0.0)) / count, np.nan)


def _support(view: _View) -> tuple[np.ndarray, float]:
    """Return the plane that most points about the box lie on: normal (3,) to the camera, offset.

    A point p is `normal @ p + offset` above it.
    """
    rng = np.random.default_rng(0)  # the same picture gives the same answer
    points = view.points[view.known]
    if len(points) > PLANE_POINTS:
        points = points[rng.choice(len(points), PLANE_POINTS, replace=False)]
    off = 0.004 + 0.008 * float(np.nanmedian(view.smooth[view.inside]))
    a, b, c = points[rng.integers(len(points), size=(PLANE_ROUNDS, 3))].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)  # (rounds, 3)
    length = np.linalg.norm(normals, axis=1)
    normals = normals[length > 1e-9] / length[length > 1e-9, None]
    offsets = -(normals * a[length > 1e-9]).sum(1)
    if not len(normals):
        raise ValueError("no support was found about the box")
    sample = points[rng.permutation(len(points))[:600]]
    on_it = np.abs(sample @ normals.T + offsets) < off  # (600, rounds)
    best = on_it.sum(0).argmax()
    normal, offset = normals[best], offsets[best]
    for _ in range(3):
        near = points[np.abs(points @ normal + offset) < off]
        if len(near) < 10:
            break
        middle = near.mean(0)
        normal = np.linalg.svd(near - middle, full_matrices=False)[2][2]
        offset = -normal @ middle
    return (normal, offset) if offset > 0 else (-normal, -offset)


def _thing(view: _View, height: np.ndarray, most_height_m: float) -> np.ndarray:
    """Return the pixels (h, w) of the thing: above its support, and joined to the box's middle.

    What stands more than `most_height_m` above the support is another thing on it.
    """
    on_it = height > most_height_m
    core = view.core & ~on_it if (view.core & ~on_it & view.known).any() else view.inside & ~on_it
    ring = view.known & ~view.inside & (np.abs(height) < 0.03)
    noise = 1.48 * np.median(np.abs(height[ring])) if ring.sum() > 30 else 0.005
    thing = view.inside & view.known & (height > max(FLAT_M, 2 * noise)) & ~on_it
    middle = thing & core
    if middle.sum() < 0.3 * core.sum():  # flat: what of the box lies on the support
        return view.inside & view.known & (np.abs(height) < max(0.02, 3 * noise))
    depth_m = np.median(view.smooth[middle])
    thing &= np.abs(view.smooth - depth_m) < max(0.75 * view.size_m(depth_m).max(), 0.03)
    return _joined(thing, middle)


def _joined(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that are joined to its seeds, side by side."""
    grown = mask & seeds
    while True:
        wider = grown.copy()
        wider[1:] |= grown[:-1]
        wider[:-1] |= grown[1:]
        wider[:, 1:] |= grown[:, :-1]
        wider[:, :-1] |= grown[:, 1:]
        wider &= mask
        if (wider == grown).all():
            return grown
        grown = wider


def _placed(
    view: _View, thing: np.ndarray, height: np.ndarray, normal: np.ndarray, offset: float
) -> Located:
    """Return the box of a thing from its pixels (h, w) and their heights above the support."""
    seen = np.isfinite(view.raw) & thing
    if seen.sum() < 5:
        raise ValueError("no depth in the box belongs to a thing")
    mean_m = float(view.raw[seen].mean())
    width, tall = view.size_m(mean_m)
    size = max(width, tall)
    top = float(np.percentile(height[thing], 95))
    front, back = np.percentile(view.smooth[thing], [5, 95]) - mean_m
    if top > 1.5 * size or back - front > 3 * size:
        raise ValueError("the depth in the box is of several things or of none")
    ray = view.ray(0.5, 0.5)
    steep = float(np.clip(-normal @ ray / np.linalg.norm(ray), 0.05, 1.0))  # sine of the elevation

    def meets(direction: np.ndarray) -> float:
        """Return how far behind the mean depth a ray meets the support."""
        slope = normal @ direction
        return -offset / slope - mean_m if slope < -1e-6 else size

    contact = meets(view.ray(0.5, 1.0))
    if contact < -1.2 * size:
        raise ValueError("the depth in the box is of something far behind it")
    risen = float(np.clip(top, 0, 1.2 * size))
    half_height = float(np.clip(meets(ray) - risen / (2 * steep), -0.5 * size, size))
    flat_on, side_on = steep**2, 1 - steep**2
    hints = {
        "half height, from above": flat_on * half_height,
        "half height, from the side": side_on * half_height * (steep > LOOKING_DOWN),
        "front": side_on * max(front, -size),
        "back": side_on * min(back, size),
        "width": side_on * min(width, tall),
        "lower of height and half width": side_on * min(top, width / 2),
        "contact": side_on * float(np.clip(contact, -size, size)),
    }
    behind = sum(OFFSETS[name] * hint for name, hint in hints.items())
    position = ray * (mean_m + behind)
    axes = _axes(ray, normal)
    flat = view.points[thing] @ axes[:, :2]
    turn = _turn(flat)
    if turn:
        across, away = np.sin(turn), np.cos(turn)
        axes[:, 0], axes[:, 1] = (
            away * axes[:, 0] + across * axes[:, 1],
            away * axes[:, 1] - across * axes[:, 0],
        )
        width = float(np.ptp(np.percentile(view.points[thing] @ axes[:, 1], [2, 98])))
    along = view.points[thing] @ axes[:, 0]
    near, far = np.percentile(along, [5, 95])
    length = float(np.clip(2 * (position @ axes[:, 0] - near), min(far - near, size), 1.5 * size))
    return Located(
        position_m=position,
        orientation=_quaternion(axes),
        size_m=np.array([max(length, FLAT_M), width, max(risen, FLAT_M)]),
        covariance=_covariance(ray, size),
        mask=view.in_all_pixels(thing),
        mask_at=view.at,
        height_m=risen,
    )


def _turn(flat: np.ndarray) -> float:
    """Return by how much a thing is turned out of the view's axes, in radians up to a quarter turn.

    It is the turn of the least rectangle about the points (n, 2) that are seen, where that is
    longer than wide and clearly less than the one along the view; else 0: of round things, and of
    those whose back is hidden, the rectangle along the view is as good as any.
    """
    points = flat[:: max(1, len(flat) // 400)]
    turns = np.radians(np.arange(-45, 45, 3))
    cos, sin = np.cos(turns)[:, None], np.sin(turns)[:, None]
    turned = np.stack(  # (turns, 2, n)
        [cos * points[:, 0] + sin * points[:, 1], cos * points[:, 1] - sin * points[:, 0]], 1
    )
    sides = np.ptp(np.percentile(turned, [2, 98], axis=2), axis=0)  # (turns, 2)
    area = sides.prod(1)
    best = int(area.argmin())
    long = sides[best].max() > LONG * sides[best].min()
    return float(turns[best]) if long and area[best] < 0.85 * area[len(turns) // 2] else 0.0


def _axes(ray: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return the box's axes as columns (3, 3): away from the camera, to the left, up."""
    away = ray - (ray @ normal) * normal
    if np.linalg.norm(away) < 1e-3:  # straight from above: away is up in the picture
        away = np.array([0.0, -1.0, 0.0]) + normal[1] * normal
    away /= np.linalg.norm(away)
    return np.stack([away, np.cross(normal, away), normal], axis=1)


def _quaternion(axes: np.ndarray) -> tuple[float, float, float, float]:
    """Return the quaternion (x, y, z, w) of a rotation matrix (3, 3)."""
    # The eigenvector of the largest eigenvalue (Bar-Itzhack, 2000) has no special cases.
    (a, b, c), (d, e, f), (g, h, i) = axes
    matrix = np.array(
        [
            [a - e - i, b + d, c + g, h - f],
            [b + d, e - a - i, f + h, c - g],
            [c + g, f + h, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    x, y, z, w = np.linalg.eigh(matrix / 3)[1][:, -1]
    return float(x), float(y), float(z), float(w)


def _covariance(ray: np.ndarray, size_m: float) -> np.ndarray:
    """Return the covariance (6, 6) of a pose: worse along the view, and for large things."""
    ahead = ray / np.linalg.norm(ray)
    along, across = 0.005 + 0.08 * size_m, 0.003 + 0.03 * size_m
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = across**2 * np.eye(3) + (along**2 - across**2) * np.outer(ahead, ahead)
    covariance[3:, 3:] = np.eye(3) * UNKNOWN_HEADING_RAD**2
    return covariance
