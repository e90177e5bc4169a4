"""Put the gripper 10 cm above whatever is asked for: `~/target_pose` in, `pregrasp` out.

Run the node with target_frame:=base_link, then: python3 grasp_planner.py
"""

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

ABOVE_M = 0.10


class GraspPlanner(Node):
    """Move each target's pose up along z of its frame, and let the gripper point down."""

    def __init__(self, **kwargs):
        super().__init__("grasp_planner", **kwargs)
        self.pregrasp = self.create_publisher(PoseStamped, "pregrasp", 1)
        self.create_subscription(PoseStamped, "groma/target_pose", self.on_target, 1)

    def on_target(self, target):
        target.pose.position.z += ABOVE_M
        q = target.pose.orientation
        q.x, q.y, q.z, q.w = 1.0, 0.0, 0.0, 0.0
        self.pregrasp.publish(target)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(GraspPlanner())
