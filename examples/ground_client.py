"""Ask by the action, as a leaf of a behaviour tree does: running, then success or failure.

python3 ground_client.py "pick up the red cup"
"""

import sys

import rclpy
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from groma_ros.action import Ground


def ground(node, command):
    """Return the answer to a command, None where there is none."""
    client = ActionClient(node, Ground, "groma/ground")
    client.wait_for_server()
    sent = client.send_goal_async(
        Ground.Goal(command=command),
        feedback_callback=lambda m: print("running:", m.feedback.stage, m.feedback.text),
    )
    rclpy.spin_until_future_complete(node, sent)
    over = sent.result().get_result_async()
    rclpy.spin_until_future_complete(node, over)
    response = over.result()
    return response.result if response.status == GoalStatus.STATUS_SUCCEEDED else None


if __name__ == "__main__":
    rclpy.init()
    answer = ground(rclpy.create_node("ground_client"), sys.argv[1])
    print("failure" if answer is None else f"success: {answer.answer.text}")
