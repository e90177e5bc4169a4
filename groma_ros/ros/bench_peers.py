"""What `groma bench --ros` times: the node with a model that costs nothing, and a bare echo.

python -m groma_ros.ros.bench_peers node --ros-args -r __ns:=/somewhere
python -m groma_ros.ros.bench_peers echo --ros-args -r __ns:=/somewhere
"""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from groma_ros.ros.arguments import ArgumentParser
from groma_ros.ros.node import GromaNode
from groma_ros.ros.process import ros_context, spin
from groma_ros.values.answers import Grounding, Phrase, Status

PHRASE = "the red cup"
RATE_HZ = 30.0  # of continuous mode; frames come at less than that


class FreePredictor:
    """Answer every command with one fixed box, in no time."""

    def __init__(self) -> None:
        phrase = Phrase(PHRASE, (0, len(PHRASE)), np.array([[10.0, 20.0, 60.0, 80.0]]), [0.9])
        self._answer = Grounding(Status.GROUNDED, PHRASE, (phrase,), action="find")

    def perceive_all(self, rgbs: list[np.ndarray]) -> list[SimpleNamespace]:
        """Return what looks like perceptions without a region."""
        nothing = SimpleNamespace(
            boxes_xyxy=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            features=np.zeros((0, 1), np.float32),
        )
        return [nothing for _ in rgbs]

    def ground(self, perception: SimpleNamespace, command: str, **options) -> Grounding:
        """Return the fixed answer."""
        return self._answer


class Echo(Node):
    """Answer each image with an empty Detection2DArray that has its header, and do nothing else."""

    def __init__(self) -> None:
        """X"""
        super().__init__("groma")
        answers = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        images = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self._detections = self.create_publisher(Detection2DArray, "~/detections", answers)
        self.create_subscription(Image, "image", self._on_image, images)
        self.create_timer(1.0, lambda: None)  # wakes the executor to look whether it is to end

    def _on_image(self, message: Image) -> None:
        self._detections.publish(Detection2DArray(header=message.header))


def make_node(kind: str, stopping: threading.Event) -> Node:
    """Return the echo, or the active node in continuous mode."""
    if kind == "echo":
        return Echo()
    settings = {"mode": "continuous", "rate_hz": RATE_HZ}
    node = GromaNode(
        lambda settings: FreePredictor(),
        stopping,
        parameter_overrides=[rclpy.Parameter(k, value=v) for k, v in settings.items()],
    )
    node.autostart()
    return node


def main(args: list[str] | None = None) -> int:
    """Run one of the two until the process is told to end; return the exit status."""
    parser = ArgumentParser("bench_peers", __doc__)
    parser.add_argument("kind", choices=("node", "echo"))
    kind = parser.parse(args).kind
    with ros_context(args, parser) as stopping:
        node = make_node(kind, stopping)
        spin(node, stopping)
        if kind == "node":
            node.close()
        node.destroy_node()
    return 0


if __name__ == "__main__":
    sys.exit(main())
