"""Frames of the robot, by tf2_ros where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.time import Time

from groma_ros.depth import rotation_matrix


class Transforms:
    """Look up how frames lie to each other; listens to /tf from its making on."""

    def __init__(self, node: Node) -> None:
        """Listen; tf2_ros has to be installed (`startup_checks` looks)."""
        import tf2_ros  # only where a target frame is asked for

        self._failure = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer(node=node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def lookup(self, target_frame: str, header: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return rotation (3, 3) and translation (3,) metres from a header's frame at its stamp.

        Raises ValueError, in one line, where TF does not know it.
        """
        try:
            found = self._buffer.lookup_transform(
                target_frame, header.frame_id, Time.from_msg(header.stamp)
            ).transform
        except self._failure as error:
            line = " ".join(str(error).split())
            raise ValueError(f"no transform to {target_frame}: {line}") from None
        turn, move = found.rotation, found.translation
        return rotation_matrix(turn.x, turn.y, turn.z, turn.w), np.array([move.x, move.y, move.z])
