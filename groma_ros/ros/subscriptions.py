"""Everything that the node subscribes to while it is active."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.log import THROTTLED

KEPT_CAMERA_INFOS = 8  # an image may come a little later than the calibration of its stamp


class Subscriptions:
    """Hold the subscriptions, the newest frame, and what is wrong with the images.

    frames          the newest image with its calibration
    images_refused  how many images were malformed
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        on_image: Callable[[Image | CompressedImage], None],
        on_command: Callable[[String], None],
    ) -> None:
        """Subscribe; the callbacks are called with each message, and `on_image` calls `receive`.

        `transport` is "raw" or "compressed".
        """
        self.frames: LatestFrame[Frame] = LatestFrame()
        self.images_refused = 0
        self._camera_infos: deque[CameraInfo] = deque(maxlen=KEPT_CAMERA_INFOS)
        self._node = node
        self._last_image_time = node.get_clock().now()
        self._on_image = on_image
        if transport == "raw":
            self._image = self._subscribe(Image, "image", on_image)
        else:
            self._image = self._subscribe(CompressedImage, "image/compressed", on_image)
        self._others = [
            self._subscribe(CameraInfo, "camera_info", self._on_camera_info),
            self._subscribe(String, "command", on_command, ReliabilityPolicy.RELIABLE, 10),
        ]

    def _subscribe(
        self,
        kind: type,
        topic: str,
        callback: Callable,
        reliability: ReliabilityPolicy = ReliabilityPolicy.BEST_EFFORT,
        depth: int = 1,
    ) -> Subscription:
        return self._node.create_subscription(
            kind,
            topic,
            callback,
            QoSProfile(depth=depth, reliability=reliability),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def receive(self, message: Image | CompressedImage) -> None:
        """Keep an image as the newest frame, or refuse it with the reason in the log."""
        from groma_ros.ros import image_codec  # imports OpenCV: not before the node is active

        try:
            image_codec.check(message)
        except ValueError as error:
            self.images_refused += 1
            self._node.get_logger().warning(f"image refused: {error}", **THROTTLED)
            return
        self._last_image_time = self._node.get_clock().now()
        self.frames.put(Frame(message, self._camera_info_of(message)))

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._camera_infos.append(message)

    def _camera_info_of(self, image: Image | CompressedImage) -> CameraInfo | None:
        """Return the calibration of an image's stamp, else the last one that came."""
        for camera_info in reversed(self._camera_infos):
            if camera_info.header.stamp == image.header.stamp:
                return camera_info
        return self._camera_infos[-1] if self._camera_infos else None

    def image_problem(self, timeout_s: float) -> str:
        """Say what is wrong where no image came for `timeout_s` of ROS time, else nothing.

        Where reliable delivery may help, this asks for it.
        """
        now = self._node.get_clock().now()
        if now.nanoseconds == 0:
            return "use_sim_time is set, but nothing publishes /clock"
        if self._last_image_time.nanoseconds == 0 or now < self._last_image_time:
            self._last_image_time = now  # simulated time has begun, or jumped back
        silent_s = (now - self._last_image_time).nanoseconds / 1e9
        if silent_s < timeout_s:
            return ""
        topic = self._image.topic_name
        publishers = self._node.get_publishers_info_by_topic(topic)
        if not publishers:
            return f"nothing publishes on {topic}: no image for {silent_s:.0f} s"
        problem = f"no image on {topic} for {silent_s:.0f} s"
        if self.frames.received:
            return problem
        if self._all_offer_reliable(publishers):
            self._resubscribe_reliably()
            return f"{problem} by best effort, now asked for reliably"
        return f"{problem}, {self._reason_of_silence(publishers)}"

    def _all_offer_reliable(self, publishers: list[TopicEndpointInfo]) -> bool:
        """Say whether images are asked for by best effort while all publishers offer more."""
        offered = {p.qos_profile.reliability for p in publishers}
        typed = all(p.topic_type == message_type(self._image) for p in publishers)
        requested = self._image.qos_profile.reliability
        reliable = offered == {ReliabilityPolicy.RELIABLE}
        return typed and reliable and requested == ReliabilityPolicy.BEST_EFFORT

    def _resubscribe_reliably(self) -> None:
        """Subscribe anew, so that lost images are sent again."""
        kind, topic = self._image.msg_type, self._image.topic_name
        self._node.destroy_subscription(self._image)
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self._image = self._node.create_subscription(kind, topic, self._on_image, qos)

    def _reason_of_silence(self, publishers: list[TopicEndpointInfo]) -> str:
        """Say why nothing ever came from publishers that are there."""
        wanted, qos = message_type(self._image), self._image.qos_profile
        typed = [p for p in publishers if p.topic_type == wanted]
        if not typed:
            return f"its publisher sends {publishers[0].topic_type}, not {wanted}"
        checks = [qos_check_compatible(p.qos_profile, qos) for p in typed]
        if all(compatible == QoSCompatibility.ERROR for compatible, _ in checks):
            return f"incompatible QoS: {checks[0][1].rstrip(';')}"
        if qos.reliability == ReliabilityPolicy.RELIABLE:
            return "though its publisher fits: does it send?"
        return (
            "though its publisher fits: large images get lost where DDS is not tuned for them, and "
            "it offers best effort only"
        )

    def close(self) -> None:
        """Unsubscribe; whoever waits for an image gets none."""
        self.frames.close()
        for subscription in (self._image, *self._others):
            self._node.destroy_subscription(subscription)


def message_type(subscription: Subscription) -> str:
    """Return the type of a subscription's messages, such as "sensor_msgs/msg/Image"."""
    kind = subscription.msg_type
    return "/".join([*kind.__module__.split(".")[:2], kind.__name__])
