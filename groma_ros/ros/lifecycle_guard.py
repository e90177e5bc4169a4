"""Refuse lifecycle transitions that do not exist in the present state, on any version of rclpy."""

from __future__ import annotations

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode


def guard_unknown_transitions(node: LifecycleNode) -> None:
    """Answer `~/change_state` with `success: false` where rclpy raises.

    On Jazzy the exception would reach the executor and end the process (rclpy issue 1209).
    """
    service = next(s for s in node.services if s.srv_name.endswith("/change_state"))
    change_state = service.callback

    def change_or_refuse(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        try:
            return change_state(request, response)
        except RuntimeError as error:
            node.get_logger().error(f"transition refused: {error}")
            response.success = False
            return response

    service.callback = change_or_refuse
