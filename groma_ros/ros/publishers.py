"""Everything that the node publishes."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from groma_ros.action import Ground
from groma_ros.msg import DetectionMasks, GroundedText
from groma_ros.ros import messages
from groma_ros.ros.annotations import ImageAnnotations, image_annotations
from groma_ros.ros.cameras import ONLY, topic_of
from groma_ros.ros.places import Places, target_of
from groma_ros.ros.requests import Result

HEARTBEAT_S = 2.0
"""`~/status` comes at least so often and is not kept longer: who misses it knows that the node is
gone, or that its executor is stuck."""


class Publishers:
    """Hold the publishers; they live as long as the node, so that tools find them in any state.

    Those of the node have its state too, those of one of several cameras only answers.

    proposals  the publisher of `~/proposals`, which ros/proposals.py uses
    """

    def __init__(self, node: Node, camera: str = ONLY) -> None:
        def publisher(kind: type, topic: str) -> Publisher:
            return node.create_publisher(
                kind,
                topic_of(camera, topic),
                # RViz subscribes reliable with depth 5.
                QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )

        self._detections = publisher(Detection2DArray, "~/detections")
        self._grounded_text = publisher(GroundedText, "~/grounded_text")
        self._text = publisher(String, "~/text")
        self._annotated_image = publisher(Image, "~/annotated_image")
        self._markers = publisher(MarkerArray, "~/markers")
        self._detections_3d = publisher(Detection3DArray, "~/detections_3d")
        self._target_pose = publisher(PoseStamped, "~/target_pose")
        self._masks = publisher(Image, "~/masks")
        self._detection_masks = publisher(DetectionMasks, "~/detection_masks")
        self._annotations = ImageAnnotations and publisher(ImageAnnotations, "~/annotations")
        self.proposals = publisher(Detection2DArray, "~/proposals")
        if camera:
            return
        self._diagnostics = publisher(DiagnosticArray, "/diagnostics")
        heartbeat = Duration(seconds=HEARTBEAT_S)
        latched = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
            deadline=heartbeat,
            lifespan=heartbeat,
            liveliness=LivelinessPolicy.AUTOMATIC,
            liveliness_lease_duration=heartbeat,
        )
        self._status = node.create_publisher(DiagnosticStatus, "~/status", latched)
        self._last_status: DiagnosticStatus | None = None

    def want_places(self, has_depth: bool) -> bool:
        """Say whether somebody subscribes to what depth is needed for, or good for."""
        wanting = [self._detections_3d, self._target_pose, self._masks, self._detection_masks]
        if has_depth:
            wanting.append(self._markers)
        return any(publisher.get_subscription_count() for publisher in wanting)

    def publish_answer(self, result: Result, places: Places | None) -> None:
        """Publish a command's answer on every topic, the picture only where somebody subscribes.

        An answer without boxes is published too, as an empty array, so that nobody goes on acting
        on the last one. `~/grounded_text` comes last: who has it can expect the others. A pose of
        the target is published only where there is one.
        """
        header = result.header or Header()
        grounding = result.grounding
        self._detections.publish(messages.detection_array(grounding, header))
        size_hw = result.rgb.shape[:2] if result.rgb is not None else (1, 1)
        camera_info = result.frame and result.frame.camera_info
        markers = messages.marker_array(grounding, header, size_hw, camera_info, places)
        self._markers.publish(markers)
        if result.rgb is not None and self._annotated_image.get_subscription_count():
            self._publish_annotated_image(result, header)
        if self._annotations is not None and self._annotations.get_subscription_count():
            self._annotations.publish(image_annotations(grounding, header.stamp, size_hw))
        if places is not None:
            self._publish_places(result, places, header)
        self._text.publish(String(data=grounding.text or grounding.reason))
        self._grounded_text.publish(messages.grounded_text(result))

    def _publish_places(self, result: Result, places: Places, header: Header) -> None:
        array = messages.detection_array_3d(result.grounding, places, header)
        self._detections_3d.publish(array)
        target = target_of(result, places)
        if target is not None:
            self._target_pose.publish(PoseStamped(header=array.header, pose=messages.pose(target)))
        if self._masks.get_subscription_count():
            self._masks.publish(messages.label_image(places, header))
        if self._detection_masks.get_subscription_count():
            masks = messages.detection_masks(result.grounding, places, header)
            self._detection_masks.publish(masks)

    def action_result(self, result: Result, places: Places) -> Ground.Result:
        """Return an answer as the result of an action's goal."""
        header = result.header or Header()
        answer = Ground.Result(
            answer=messages.grounded_text(result),
            detections=messages.detection_array(result.grounding, header),
            detections_3d=messages.detection_array_3d(result.grounding, places, header),
        )
        target = target_of(result, places)
        if target is not None:
            answer.target_pose.header = answer.detections_3d.header
            answer.target_pose.pose = messages.pose(target)
        return answer

    def _publish_annotated_image(self, result: Result, header: Header) -> None:
        from groma_ros.drawing import draw  # imports Pillow: not before somebody subscribes

        annotated = draw(result.rgb, result.grounding, result.request.text)
        self._annotated_image.publish(messages.image(annotated, header))

    def publish_status(self, status: DiagnosticStatus, is_heartbeat: bool = False) -> None:
        """Publish the node's state where it differs from the last one; a heartbeat always."""
        if is_heartbeat or status != self._last_status:
            self._last_status = status
            self._status.publish(status)

    def publish_diagnostics(self, statuses: list[DiagnosticStatus], now: Time) -> None:
        """Publish states on `/diagnostics`, where robot_monitor and aggregators look."""
        self._diagnostics.publish(DiagnosticArray(header=Header(stamp=now), status=statuses))
