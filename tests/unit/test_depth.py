"""A thing's place is found from its box and a depth image, or it is said why not.

The scenes are cast in closed form: a camera half a metre above a table, looking down at it.
"""

import cv2
import numpy as np
import pytest

from groma_ros.depth import Lens, locate, metres, scale_between
from groma_ros.values.pinhole import Pinhole

HEIGHT, WIDTH = 240, 320
PINHOLE = Pinhole(300.0, 300.0, 160.0, 120.0)
TILT = np.radians(50)  # of the view below the horizon
UP = np.array([0.0, -np.cos(TILT), -np.sin(TILT)])  # of the table, in the optical frame
AHEAD = np.array([0.0, -np.sin(TILT), np.cos(TILT)])  # along the table, away from the camera
RIGHT = np.array([1.0, 0.0, 0.0])
CAMERA_M = 0.5


def on_table(right_m, ahead_m, above_m):
    """Return the point of the optical frame that is so far from the camera's foot."""
    return right_m * RIGHT + ahead_m * AHEAD + (above_m - CAMERA_M) * UP


def rays(lens=None):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return (lens or Lens(PINHOLE)).rays(np.stack([x, y], -1).reshape(-1, 2)).T  # (3, H * W)


def table(directions):
    slope = UP @ directions
    return np.where(slope < 0, -CAMERA_M / np.minimum(slope, -1e-9), 9.0)


def ball(directions, centre, radius):
    a, b = (directions**2).sum(0), centre @ directions
    inside = b**2 - a * (centre @ centre - radius**2)
    return np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, np.inf)


def slabs(directions, centre, half, axes):
    """Cast a box with half sides (3,) along axes (3, 3), rows; returns depths and entries."""
    with np.errstate(divide="ignore"):
        inverse = 1 / (axes @ directions)
    low = ((axes @ centre) - half)[:, None] * inverse
    high = ((axes @ centre) + half)[:, None] * inverse
    near, far = np.minimum(low, high).max(0), np.maximum(low, high).min(0)
    return np.where((near < far) & (near > 0), near, np.inf)


def can(directions, centre, radius, tall):
    """Cast an upright cylinder: its side, and the disc on top."""
    flat = np.stack([RIGHT @ directions, AHEAD @ directions])
    foot = np.array([RIGHT @ centre, AHEAD @ centre])
    a, b = (flat**2).sum(0), foot @ flat
    inside = b**2 - a * (foot @ foot - radius**2)
    t = np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, np.inf)
    with np.errstate(invalid="ignore"):
        level = UP @ (directions * t) - UP @ centre
        side = np.where(np.abs(level) < tall / 2, t, np.inf)
    top = (UP @ centre + tall / 2) / (UP @ directions)
    over = (RIGHT @ directions * top - foot[0]) ** 2 + (AHEAD @ directions * top - foot[1]) ** 2
    return np.minimum(side, np.where((over < radius**2) & (top > 0), top, np.inf))


def scene(cast, *arguments, lens=None):
    """Return depth (H, W), and the box and the mask of one thing on the table."""
    directions = rays(lens)
    ground, thing = table(directions), cast(directions, *arguments)
    mask = (thing < ground).reshape(HEIGHT, WIDTH)
    depth_m = np.minimum(ground, thing).reshape(HEIGHT, WIDTH).astype(np.float32)
    rows, columns = np.nonzero(mask)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
    return depth_m, box, mask


UPRIGHT = np.stack([RIGHT, AHEAD, UP])
BALL = (ball, on_table(0.05, 0.4, 0.04), 0.04)
CAN = (can, on_table(-0.06, 0.42, 0.06), 0.033, 0.12)
BLOCK = (slabs, on_table(0.0, 0.4, 0.03), np.array([0.03, 0.03, 0.03]), UPRIGHT)
THINGS = {"a ball": BALL, "a can": CAN, "a block": BLOCK}


def iou(found, mask):
    got = found.full_mask(mask.shape)
    return (got & mask).sum() / (got | mask).sum()


@pytest.mark.parametrize("name", THINGS)
def test_a_thing_on_a_table_is_found_within_a_centimetre(name):
    cast, centre, *rest = THINGS[name]
    depth_m, box, mask = scene(cast, centre, *rest)
    found = locate(depth_m, box, Lens(PINHOLE))
    assert np.linalg.norm(found.position_m - centre) < 0.01
    assert iou(found, mask) > 0.8


@pytest.mark.parametrize("name", THINGS)
def test_noise_and_holes_cost_a_centimetre_at_most(name):
    cast, centre, *rest = THINGS[name]
    depth_m, box, mask = scene(cast, centre, *rest)
    rng = np.random.default_rng(0)
    depth_m *= 1 + 0.02 * rng.standard_normal(depth_m.shape).astype(np.float32)
    depth_m[rng.random(depth_m.shape) < 0.1] = np.nan
    found = locate(depth_m, box, Lens(PINHOLE))
    assert np.linalg.norm(found.position_m - centre) < 0.02
    assert iou(found, mask) > 0.7


def test_the_same_depth_gives_the_same_answer():
    depth_m, box, _ = scene(*BALL)
    first, second = (locate(depth_m, box, Lens(PINHOLE)) for _ in "ab")
    assert (first.position_m == second.position_m).all()


def test_the_box_of_a_block_stands_on_the_table():
    depth_m, box, _ = scene(*BLOCK)
    found = locate(depth_m, box, Lens(PINHOLE))
    np.testing.assert_allclose(found.size_m, 0.06, atol=0.03)
    x, y, z, w = found.orientation
    up = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]  # third column
    np.testing.assert_allclose(up, UP, atol=0.05)


def test_a_plate_that_hardly_rises_is_found_where_it_lies():
    centre = on_table(0.0, 0.4, 0.004)
    depth_m, box, _ = scene(can, centre, 0.08, 0.008)
    found = locate(depth_m, box, Lens(PINHOLE))
    assert np.linalg.norm(found.position_m - centre) < 0.01
    assert found.height_m < 0.02


def test_glass_that_depth_looks_through_is_refused_and_not_taken_for_paper():
    _, box, _ = scene(*CAN)
    empty = table(rays()).reshape(HEIGHT, WIDTH).astype(np.float32)
    with pytest.raises(ValueError, match="it may be of glass"):
        locate(empty, box, Lens(PINHOLE), noun="glass")


def test_a_neighbour_whose_box_overlaps_is_not_taken_in():
    depth_m, box, mask = scene(*BALL)
    behind, _, _ = scene(slabs, on_table(0.09, 0.52, 0.06), np.array([0.03, 0.03, 0.06]), UPRIGHT)
    found = locate(np.minimum(depth_m, behind), box, Lens(PINHOLE))
    assert np.linalg.norm(found.position_m - BALL[1]) < 0.012
    assert iou(found, mask) > 0.75


def test_without_depth_nothing_is_guessed():
    depth_m, box, _ = scene(*BALL)
    with pytest.raises(ValueError, match="0 % of the box has depth, 20 % are needed"):
        locate(np.full_like(depth_m, np.nan), box, Lens(PINHOLE))
    with pytest.raises(ValueError, match="too small"):
        locate(depth_m, [10, 10, 11, 11], Lens(PINHOLE))


def test_a_large_box_is_taken_in_steps_and_gives_the_same_place():
    depth_m, box, mask = scene(ball, on_table(0.0, 0.35, 0.15), 0.15)
    found = locate(depth_m, box, Lens(PINHOLE))
    assert np.linalg.norm(found.position_m - on_table(0.0, 0.35, 0.15)) < 0.04
    assert iou(found, mask) > 0.8


def test_depth_of_another_size_shows_the_same_place():
    across, down = scale_between((2 * HEIGHT, 2 * WIDTH), (HEIGHT, WIDTH))
    depth_m, box, _ = scene(*BALL)
    colour = Lens(PINHOLE).scaled(2, 2)
    scale = np.array([across, down, across, down])
    found = locate(depth_m, 2 * box * scale, colour.scaled(across, down))
    assert np.linalg.norm(found.position_m - BALL[1]) < 0.01
    with pytest.raises(ValueError, match="depth of 320x320 does not fit an image of 320x240"):
        scale_between((240, 320), (320, 320))


@pytest.mark.parametrize(
    "model, distortion",
    [
        ("plumb_bob", (-0.3, 0.1, 0.001, -0.001, 0.0)),
        ("rational_polynomial", (-0.2, 0.05, 0.0, 0.0, 0.01, 0.1, 0.0, 0.0)),
        ("equidistant", (-0.02, 0.01, 0.0, 0.0)),
    ],
)
def test_a_distorted_pixel_gives_the_ray_that_hit_it(model, distortion):
    points = np.array([[0.1, -0.2, 1.0], [-0.3, 0.25, 1.0], [0.0, 0.0, 1.0]])
    matrix = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    zero = np.zeros(3)
    pixels = project(points[:, None], zero, zero, matrix, np.array(distortion))[0].reshape(-1, 2)
    lens = Lens(PINHOLE, distortion, model)
    np.testing.assert_allclose(lens.rays(pixels), points, atol=2e-3)


def test_a_thing_seen_through_a_distorted_lens_is_found():
    lens = Lens(PINHOLE, (-0.25, 0.05, 0.0, 0.0, 0.0))
    depth_m, box, _ = scene(ball, on_table(0.15, 0.45, 0.04), 0.04, lens=lens)
    found = locate(depth_m, box, lens)
    assert np.linalg.norm(found.position_m - on_table(0.15, 0.45, 0.04)) < 0.01


def test_an_unknown_distortion_says_what_to_do():
    with pytest.raises(ValueError, match="publish a rectified image"):
        Lens(PINHOLE, (0.1,), "nothing").rays([[1, 1]])


def test_units_are_told_by_the_encoding():
    np.testing.assert_allclose(metres(np.array([[500, 0]]), "16UC1"), [[0.5, np.nan]])
    np.testing.assert_allclose(metres(np.array([[0.5, np.inf]]), "32FC1"), [[0.5, np.nan]])
    with pytest.raises(ValueError, match="'mono8' is none of 16UC1"):
        metres(np.zeros((1, 1)), "mono8")


def test_a_plate_is_found_below_what_stands_on_it():
    plate, cup = on_table(0.0, 0.42, 0.005), on_table(0.02, 0.44, 0.06)
    depth_m, box, _ = scene(can, plate, 0.11, 0.01)
    on_it = can(rays(), cup, 0.035, 0.10).reshape(HEIGHT, WIDTH)
    both = np.minimum(depth_m, on_it).astype(np.float32)
    found = locate(both, box, Lens(PINHOLE), noun="plate")
    assert np.linalg.norm(found.position_m - plate) < 0.02
    assert found.full_mask(both.shape)[on_it < depth_m].mean() < 0.5
    as_any_thing = locate(both, box, Lens(PINHOLE))
    assert np.linalg.norm(as_any_thing.position_m - plate) > 0.02
