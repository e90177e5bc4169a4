"""Groma and a planner in one process, served by one executor.

python3 one_process.py --ros-args -p groma:model:=nano -r groma:image:=/camera/color/image_raw
"""

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node

from groma_ros.msg import GroundedText
from groma_ros.ros.node import GromaNode


class Planner(Node):
    """Take the answers, and do with them what has to be done."""

    def __init__(self):
        super().__init__("planner")
        self.create_subscription(GroundedText, "groma/grounded_text", self.on_answer, 10)

    def on_answer(self, answer):
        self.get_logger().info(f"{answer.command!r}: {answer.status}, {answer.text}")


def main():
    rclpy.init()
    groma, planner = GromaNode(), Planner()
    executor = MultiThreadedExecutor()  # a SingleThreadedExecutor will do as well
    for node in (groma, planner):
        executor.add_node(node)
    executor.create_task(groma.autostart)  # the others are served while the model loads
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        groma.close(timeout_s=3.0)


if __name__ == "__main__":
    main()
