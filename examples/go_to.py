"""Drive to what is named: "go to the chair" becomes a goal of nav2, one metre before the chair.

Run the node with target_frame:=map and nav2 beside it, then: python3 go_to.py
"""

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

BEFORE_M = 1.0


class GoTo(Node):
    """Publish `goal_pose`, which nav2's navigator takes, for each target of the node."""

    def __init__(self, **kwargs):
        super().__init__("go_to", **kwargs)
        self.goal = self.create_publisher(PoseStamped, "goal_pose", 1)
        self.create_subscription(PoseStamped, "groma/target_pose", self.on_target, 1)

    def on_target(self, target):
        q, position = target.pose.orientation, target.pose.position
        away_x = 1 - 2 * (q.y * q.y + q.z * q.z)  # x of the pose points away from the camera
        away_y = 2 * (q.x * q.y + q.z * q.w)
        position.x -= BEFORE_M * away_x
        position.y -= BEFORE_M * away_y
        position.z = 0.0
        self.goal.publish(target)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(GoTo())
