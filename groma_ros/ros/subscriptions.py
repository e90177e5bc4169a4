"""Everything that the node subscribes to for one camera while it is active."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from builtin_interfaces.msg import Time as TimeMessage
from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.time import Time
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from groma_ros.ros.cameras import ONLY, topic_of
from groma_ros.ros.depth_images import DepthBuffer
from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.log import THROTTLED
from groma_ros.ros.settings import Settings
from groma_ros.values.precision import AUTO

RAW, COMPRESSED = "raw", "compressed"
DEPTH_QUEUE = 5  # an image's own depth is not to be replaced before it is taken
KEPT_CAMERA_INFOS = 8  # an image may come a little later than the calibration of its stamp


class Subscriptions:
    """Hold the subscriptions, the newest frame, and what is wrong with the images.

    frames       the newest image with its calibration
    depth        the newest depth images
    images_lost  how many images the middleware says were lost
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        on_image: Callable[[Image | CompressedImage], None],
        on_command: Callable[[String], None],
        camera: str = ONLY,
    ) -> None:
        """Subscribe; the callbacks are called with each message, and `on_image` calls `receive`."""
        image, depth_topic = topic_of(camera, "image"), topic_of(camera, "depth")
        self.frames: LatestFrame[Frame] = LatestFrame()
        self.images_lost = 0
        self._camera_infos: deque[CameraInfo] = deque(maxlen=KEPT_CAMERA_INFOS)
        self._node = node
        self._max_pixels = settings.max_image_pixels
        self._last_image_time = node.get_clock().now()
        self._on_image = on_image
        self._asked_reliably = False
        self.depth = DepthBuffer(max_pixels=settings.max_image_pixels)
        self._image_topics = {
            RAW: (Image, image),
            COMPRESSED: (CompressedImage, self._beside(image, COMPRESSED)),
        }
        self._finds_transport = settings.image_transport == AUTO
        transport = self._published_transport() if self._finds_transport else ""
        transport = transport or (RAW if self._finds_transport else settings.image_transport)
        self._image = self._subscribe_to_images(*self._image_topics[transport])
        if settings.depth_transport == "raw":
            depth = self._subscribe(Image, depth_topic, self.depth.put, depth=DEPTH_QUEUE)
        else:
            topic = self._beside(depth_topic, "compressedDepth")
            depth = self._subscribe(CompressedImage, topic, self.depth.put, depth=DEPTH_QUEUE)
        self._others = [
            depth,
            self._subscribe(CameraInfo, topic_of(camera, "camera_info"), self._on_camera_info),
            subscribe_to_commands(node, on_command, topic_of(camera, "command")),
        ]

    def _published_transport(self) -> str:
        """Return how images are published: raw where both are, empty where none is."""
        node, topics = self._node, self._image_topics
        names = {t: node.resolve_topic_name(topic) for t, (_, topic) in topics.items()}
        return next((t for t, name in names.items() if node.count_publishers(name)), "")

    def _find_transport(self) -> None:
        """Subscribe to the images that are published, where those subscribed to are not."""
        found = self._published_transport()
        if not found or self._node.count_publishers(self._image.topic_name):
            return
        self._node.destroy_subscription(self._image)
        self._image = self._subscribe_to_images(*self._image_topics[found])
        self._node.get_logger().info(f"images are taken from {self._image.topic_name}")

    def _beside(self, topic: str, transport: str) -> str:
        """Return where image_transport publishes what is compressed: beside a topic.

        The topic may be remapped; a remapping of its compressed images comes first.
        """
        own = f"{topic}/{transport}"
        if self._node.resolve_topic_name(own) != self._node.resolve_topic_name(
            own, only_expand=True
        ):
            return own
        return f"{self._node.resolve_topic_name(topic)}/{transport}"

    @property
    def image_is_rectified(self) -> bool:
        """Say whether images are without distortion, as the topic's name says (image_rect)."""
        return "rect" in self._image.topic_name

    def _subscribe_to_images(
        self, kind: type, topic: str, qos: QoSProfile | None = None
    ) -> Subscription:
        """Subscribe to images; without a `qos` by best effort, which parameters may override."""
        overriding = QoSOverridingOptions(
            (
                QoSPolicyKind.HISTORY,
                QoSPolicyKind.DEPTH,
                QoSPolicyKind.RELIABILITY,
                QoSPolicyKind.DURABILITY,
            )
        )
        return self._node.create_subscription(
            kind,
            topic,
            self._on_image,
            qos or QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
            event_callbacks=SubscriptionEventCallbacks(message_lost=self.on_message_lost),
            qos_overriding_options=None if qos else overriding,
        )

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

    def on_message_lost(self, event: QoSMessageLostInfo) -> None:
        """Count images that were sent and did not arrive."""
        self.images_lost += event.total_count_change

    def frames_of(self, message: Image) -> LatestFrame[Frame]:
        """Return frames that hold one image alone, with the camera's calibration where it fits.

        Raises ValueError where the image is malformed or too large.
        """
        from groma_ros.ros import image_codec  # imports OpenCV: not before the node is active

        image_codec.check(message, self._max_pixels)
        frames: LatestFrame[Frame] = LatestFrame()
        frames.put(Frame(message, self._camera_info_of(message)))
        return frames

    def receive(self, message: Image | CompressedImage) -> None:
        """Keep an image as the newest frame, or refuse it with the reason in the log."""
        from groma_ros.ros import image_codec  # imports OpenCV: not before the node is active

        try:
            image_codec.check(message, self._max_pixels)
        except ValueError as error:
            self.frames.refuse(str(error))
            self._node.get_logger().warning(f"image refused: {error}", **THROTTLED)
            return
        self._last_image_time = self._node.get_clock().now()
        taken = message.header.stamp
        if not (taken.sec or taken.nanosec):  # no stamp: it is as old as its arrival
            taken = self._last_image_time.to_msg()
        stamp_s = taken.sec + 1e-9 * taken.nanosec
        camera_info = self._camera_info_of(message)
        self.frames.put(Frame(message, camera_info, lambda: self._age_s(taken), stamp_s))

    def _age_s(self, taken: TimeMessage) -> float:
        """Return how many seconds of ROS time have passed since a stamp."""
        clock = self._node.get_clock()
        return (clock.now() - Time.from_msg(taken, clock.clock_type)).nanoseconds / 1e9

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._camera_infos.append(message)

    def _camera_info_of(self, image: Image | CompressedImage) -> CameraInfo | None:
        """Return the calibration of an image's stamp, else the last one that came."""
        known = tuple(self._camera_infos)  # another thread may add one meanwhile
        for camera_info in reversed(known):
            if camera_info.header.stamp == image.header.stamp:
                return camera_info
        return known[-1] if known else None

    def image_problem(self, timeout_s: float) -> str:
        """Say what is wrong where no image came for `timeout_s` of ROS time, else nothing.

        Where images were lost and reliable delivery can be had, this asks for it; where a publisher
        appears that does not offer it, this asks for best effort again.
        """
        now = self._node.get_clock().now()
        if now.nanoseconds == 0:
            return "use_sim_time is set, but nothing publishes /clock"
        if self._last_image_time.nanoseconds == 0 or now < self._last_image_time:
            self._last_image_time = now  # simulated time has begun, or jumped back
        if self._finds_transport:
            self._find_transport()
        topic = self._image.topic_name
        publishers = self._node.get_publishers_info_by_topic(topic)
        if self._asked_reliably and publishers and not self._all_offer_reliable(publishers):
            self._resubscribe(ReliabilityPolicy.BEST_EFFORT)
        silent_s = (now - self._last_image_time).nanoseconds / 1e9
        if silent_s < timeout_s:
            return ""
        if self.frames.refusal:
            return self.frames.refusal
        if not publishers:
            return f"nothing publishes on {topic}: no image for {silent_s:.0f} s"
        problem = f"no image on {topic} for {silent_s:.0f} s"
        by_best_effort = self._image.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        if self.images_lost and by_best_effort and self._all_offer_reliable(publishers):
            self._resubscribe(ReliabilityPolicy.RELIABLE)
            lost = f"{self.images_lost} were lost by best effort"
            return f"{problem}, {lost}: now asked for reliably"
        return problem if self.frames.received else self._silence(problem, publishers)

    def _all_offer_reliable(self, publishers: list[TopicEndpointInfo]) -> bool:
        """Say whether every publisher sends images of this kind, and reliably where asked."""
        return all(
            p.qos_profile.reliability == ReliabilityPolicy.RELIABLE
            and p.topic_type == message_type(self._image)
            for p in publishers
        )

    def _resubscribe(self, reliability: ReliabilityPolicy) -> None:
        """Subscribe anew with another reliability: reliably lost images are sent again."""
        kind, topic, before = self._image.msg_type, self._image.topic_name, self._image.qos_profile
        self._node.destroy_subscription(self._image)
        qos = QoSProfile(depth=1, reliability=reliability, durability=before.durability)
        self._image = self._subscribe_to_images(kind, topic, qos)
        self._asked_reliably = reliability == ReliabilityPolicy.RELIABLE

    def _silence(self, problem: str, publishers: list[TopicEndpointInfo]) -> str:
        return f"{problem}, {self._reason_of_silence(publishers)}"

    def _reason_of_silence(self, publishers: list[TopicEndpointInfo]) -> str:
        """Say why nothing ever came from publishers that are there."""
        wanted, qos = message_type(self._image), self._image.qos_profile
        typed = [p for p in publishers if p.topic_type == wanted]
        if not typed:
            return f"its publisher sends {publishers[0].topic_type}, not {wanted}"
        checks = [qos_check_compatible(p.qos_profile, qos) for p in typed]
        if all(compatible == QoSCompatibility.ERROR for compatible, _ in checks):
            return f"incompatible QoS: {checks[0][1].rstrip(';')}"
        if self.images_lost:
            return (
                f"though its publisher fits: {self.images_lost} were lost; large images get lost "
                "where DDS is not tuned for them, and it offers best effort only"
            )
        return "though its publisher fits: does it send?"

    def close(self) -> None:
        """Unsubscribe; whoever waits for an image gets none."""
        self.frames.close()
        for subscription in (self._image, *self._others):
            self._node.destroy_subscription(subscription)


def subscribe_to_commands(
    node: Node, on_command: Callable[[String], None], topic: str = "command"
) -> Subscription:
    """Subscribe to commands, reliably."""
    return node.create_subscription(
        String,
        topic,
        on_command,
        QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE),
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )


def message_type(subscription: Subscription) -> str:
    """Return the type of a subscription's messages, such as "sensor_msgs/msg/Image"."""
    kind = subscription.msg_type
    return "/".join([*kind.__module__.split(".")[:2], kind.__name__])
