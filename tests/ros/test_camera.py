"""The camera for demonstrations: what it publishes beside its pictures."""

import numpy as np
from robot_bench import header

from groma_ros.ros.camera import camera_info
from groma_ros.values.pinhole import Pinhole


def test_the_calibration_is_that_of_the_pictures():
    info = camera_info(header(1), (480, 640), Pinhole(600.0, 610.0, 320.0, 240.0))
    assert (info.width, info.height, info.header) == (640, 480, header(1))
    np.testing.assert_array_equal(
        info.k.reshape(3, 3) @ [0.1, -0.2, 1.0], [600 * 0.1 + 320, 610 * -0.2 + 240, 1]
    )
    np.testing.assert_array_equal(info.p.reshape(3, 4)[:, :3], info.k.reshape(3, 3))
