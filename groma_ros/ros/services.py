"""The services that the node offers beside those of its lifecycle."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger
from vision_msgs.msg import BoundingBox2D

from groma_ros.ros import messages
from groma_ros.ros.requests import Result
from groma_ros.srv import DescribeRegion
from groma_ros.values.answers import Status

AskAboutRegion = Callable[[str, str, BoundingBox2D, Callable[[Result], None]], None]


class Services:
    """Offer `~/describe_region` and `~/reset_dialogue`."""

    def __init__(
        self,
        node: Node,
        group: CallbackGroup,
        ask_about_region: AskAboutRegion,
        reset_dialogue: Callable[[], None],
    ) -> None:
        """Create the services.

        node              the node that offers them
        group             reentrant callback group, for the service that awaits the model
        ask_about_region  takes a question, the camera, the region and a callback for the result;
                          raises ValueError where the region is none or nothing can be asked now
        reset_dialogue    forgets what was spoken of and cancels what is pending
        """
        self._ask_about_region = ask_about_region
        self._reset_dialogue = reset_dialogue
        node.create_service(
            DescribeRegion, "~/describe_region", self.on_describe_region, callback_group=group
        )
        node.create_service(Trigger, "~/reset_dialogue", self.on_reset_dialogue)

    async def on_describe_region(
        self, request: DescribeRegion.Request, response: DescribeRegion.Response
    ) -> DescribeRegion.Response:
        """Answer a question about a region of the newest image."""
        answered: Future = Future()
        try:
            bbox = messages.region_of(request.bbox, request.roi)
            self._ask_about_region(request.question, request.camera, bbox, answered.set_result)
        except ValueError as error:
            response.message = str(error)
            return response
        result = await answered
        response.success = result.grounding.status in (Status.GROUNDED, Status.AMBIGUOUS)
        response.message = result.grounding.reason
        response.answer = messages.grounded_text(result)
        return response

    def on_reset_dialogue(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Begin a new dialogue: forget the last command and cancel what is pending."""
        self._reset_dialogue()
        response.success = True
        return response
