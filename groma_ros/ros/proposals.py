"""`~/proposals`: every region of the newest picture, also where nothing was asked."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.publisher import Publisher

from groma_ros.ros import messages
from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.log import THROTTLED
from groma_ros.ros.requests import Look, Regions
from groma_ros.ros.settings import Settings


class Proposals:
    """Have the newest picture looked at while somebody subscribes, `proposals_hz` times a second.

    One look is under way at a time, so that a command waits for one at most. A picture is looked at
    once; a subscriber that comes later gets the last one again.
    """

    def __init__(
        self,
        node: Node,
        publisher: Publisher,
        submit: Callable[[Look], None],
        hand_over: Callable[[Callable[[], None]], None],
    ) -> None:
        """Wait for `look_if_due`.

        submit     hands a Look to the model's thread
        hand_over  has the executor call a function; called in the model's thread
        """
        self._node = node
        self._publisher = publisher
        self._submit = submit
        self._hand_over = hand_over
        self._under_way: Look | None = None
        self._last_frame: Frame | None = None
        self._last_ns: int | None = None
        self._subscribers = 0

    def look_if_due(self, frames: LatestFrame[Frame], settings: Settings) -> None:
        """Ask for the regions of the newest picture, where somebody wants them and it is time."""
        before, self._subscribers = self._subscribers, self._publisher.get_subscription_count()
        if self._subscribers > before:
            self._last_frame = None
        if not self._subscribers or self._under_way is not None:
            return
        if frames.last is None or frames.last is self._last_frame:
            return
        now_ns = self._node.get_clock().now().nanoseconds
        # Simulated time may jump back.
        if self._last_ns is not None and 0 <= now_ns - self._last_ns < 1e9 / settings.proposals_hz:
            return
        self._last_ns = now_ns
        self._under_way = look = Look(
            frames,
            settings.max_image_age_s,
            lambda regions: self._hand_over(lambda: self._publish(look, regions)),
        )
        self._submit(look)

    def stop(self) -> None:
        """Drop the look that is under way."""
        if self._under_way is not None:
            self._under_way.cancel.set()
        self._under_way = self._last_frame = self._last_ns = None

    def _publish(self, look: Look, regions: Regions) -> None:
        if look is not self._under_way:
            return
        self._under_way = None
        self._last_frame = regions.frame
        if regions.problem:
            self._node.get_logger().warning(f"no proposals: {regions.problem}", **THROTTLED)
        elif regions.frame is not None:
            self._publisher.publish(messages.proposal_array(regions))
