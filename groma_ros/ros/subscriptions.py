"""Everything that the node subscribes to while it is active."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from groma_ros.ros import image_codec
from groma_ros.ros.latest_frame import Mailbox

THROTTLED = {"throttle_duration_sec": 10.0}  # counted for each place in the code that logs


class Inputs:
    """Hold the subscriptions, what came through them last, and what is wrong with them.

    frames   the newest image, as a message
    camera   its calibration, where there is any
    refused  how many images were malformed
    """

    def __init__(self, node: Node, transport: str, on_image: Callable, on_command: Callable):
        """Subscribe; the two callbacks are called with each message, `on_image` calls `receive`."""
        self.frames: Mailbox[Image | CompressedImage] = Mailbox()
        self.camera: CameraInfo | None = None
        self.refused = 0
        self._node = node
        self._last_image = node.get_clock().now()
        self._on_image = on_image
        if transport == "raw":
            self._image = self._subscribe(Image, "image", on_image)
        else:
            self._image = self._subscribe(CompressedImage, "image/compressed", on_image)
        self._others = [
            self._subscribe(CameraInfo, "camera_info", self._on_camera_info),
            self._subscribe(String, "command", on_command, ReliabilityPolicy.RELIABLE, 10),
        ]

    def _subscribe(self, kind, topic, callback, reliability=ReliabilityPolicy.BEST_EFFORT, depth=1):
        return self._node.create_subscription(
            kind,
            topic,
            callback,
            QoSProfile(depth=depth, reliability=reliability),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def receive(self, message: Image | CompressedImage) -> None:
        """Keep an image as the newest one, or refuse it with the reason."""
        try:
            image_codec.check(message)
        except ValueError as error:
            self.refused += 1
            self._node.get_logger().warning(f"image refused: {error}", **THROTTLED)
            return
        self._last_image = self._node.get_clock().now()
        self.frames.put(message)

    def _on_camera_info(self, message: CameraInfo) -> None:
        self.camera = message

    def trouble(self, timeout_s: float) -> str:
        """Say what is wrong where no image came for `timeout_s` of ROS time; else nothing."""
        now = self._node.get_clock().now()
        if now.nanoseconds == 0:
            return "use_sim_time is set, but nothing publishes /clock"
        if self._last_image.nanoseconds == 0 or now < self._last_image:
            self._last_image = now  # simulated time has begun, or jumped back
        silent_s = (now - self._last_image).nanoseconds / 1e9
        if silent_s < timeout_s:
            return ""
        topic = self._image.topic_name
        publishers = self._node.get_publishers_info_by_topic(topic)
        if not publishers:
            return f"nothing publishes on {topic}: no image for {silent_s:.0f} s"
        said = f"no image on {topic} for {silent_s:.0f} s"
        if self.frames.received:
            return said
        if self._reliable_would_do(publishers):
            self._ask_reliably()
            return f"{said} by best effort, now asked for reliably"
        return f"{said}, {self._misfit(publishers)}"

    def _reliable_would_do(self, publishers: list[TopicEndpointInfo]) -> bool:
        """Tell whether images are asked for by best effort while all publishers offer more."""
        offered = {p.qos_profile.reliability for p in publishers}
        typed = all(p.topic_type == message_type(self._image) for p in publishers)
        asked = self._image.qos_profile.reliability
        reliable = offered == {ReliabilityPolicy.RELIABLE}
        return typed and reliable and asked == ReliabilityPolicy.BEST_EFFORT

    def _ask_reliably(self) -> None:
        """Subscribe anew: what is lost is sent again then, as large images are without it."""
        kind, topic = self._image.msg_type, self._image.topic_name
        self._node.destroy_subscription(self._image)
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self._image = self._node.create_subscription(kind, topic, self._on_image, qos)

    def _misfit(self, publishers: list[TopicEndpointInfo]) -> str:
        """Say why nothing ever came from publishers that are there."""
        wanted, qos = message_type(self._image), self._image.qos_profile
        typed = [p for p in publishers if p.topic_type == wanted]
        if not typed:
            return f"its publisher sends {publishers[0].topic_type}, not {wanted}"
        checked = [qos_check_compatible(p.qos_profile, qos) for p in typed]
        if all(compatible == QoSCompatibility.ERROR for compatible, _ in checked):
            return f"incompatible QoS: {checked[0][1].rstrip(';')}"
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
