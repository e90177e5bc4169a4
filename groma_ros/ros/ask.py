"""Give the node one command, from the outside, and show what comes back."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import String
from vision_msgs.msg import Detection2D, Detection2DArray, Detection3D, Detection3DArray

from groma_ros.msg import GroundedText
from groma_ros.ros.arguments import ArgumentParser
from groma_ros.ros.process import ros_context

RESEND_S = 5.0
UNANSWERED = (
    GroundedText.STATUS_NO_IMAGE,
    GroundedText.STATUS_CANCELLED,
    GroundedText.STATUS_ERROR,
)


class Client(Node):
    """Send one command to the node and receive what it publishes."""

    def __init__(self) -> None:
        """Connect to `groma` in the node's own namespace."""
        super().__init__("groma_ask")
        self.status: DiagnosticStatus | None = None
        self.answer: GroundedText | None = None
        self._detections: dict[tuple, Detection2DArray] = {}
        self._pictures: dict[tuple, Image] = {}
        self._places: dict[tuple, Detection3DArray] = {}
        self._command_publisher = self.create_publisher(String, "command", 10)
        self.create_subscription(Detection2DArray, "groma/detections", self._on_detections, 10)
        self.create_subscription(Detection3DArray, "groma/detections_3d", self._on_places, 10)
        self.create_subscription(Image, "groma/annotated_image", self._on_picture, 10)
        self.create_subscription(GroundedText, "groma/grounded_text", self._on_answer, 10)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(DiagnosticStatus, "groma/status", self._on_status, latched)
        self._command = ""
        self._last_sent_s = 0.0
        self._count_before: int | None = None  # how many commands the node had before the last one

    def send_when_active(self, command: str) -> None:
        """Send the command once the node is active, and again where the node does not count it.

        A first message can get lost: DDS tells a publisher that it has found the subscriber, but
        not the other way round.
        """
        self._command = command
        if self.value("state") != "active" or not self._command_publisher.get_subscription_count():
            return
        if self.count_publishers("depth") and self.value("depth_received") in ("", "0"):
            return  # the node's first images have no depth yet
        count, now_s = int(self.value("commands")), time.monotonic()
        is_lost = count == self._count_before and now_s - self._last_sent_s > RESEND_S
        if self._count_before is None or is_lost:
            self._last_sent_s, self._count_before = now_s, count
            self._command_publisher.publish(String(data=command))

    def value(self, key: str) -> str:
        """Return one value of the node's status; empty before there is any."""
        values = self.status.values if self.status else []
        return next((v.value for v in values if v.key == key), "")

    @property
    def detections(self) -> Detection2DArray | None:
        """Return the detections that belong to the answer."""
        return self._detections.get(_stamp(self.answer))

    @property
    def places(self) -> Detection3DArray:
        """Return the places that belong to the answer; none where there is no depth."""
        return self._places.get(_stamp(self.answer)) or Detection3DArray()

    @property
    def picture(self) -> Image | None:
        """Return the annotated image that belongs to the answer."""
        return self._pictures.get(_stamp(self.answer))

    def has_answer(self, with_picture: bool) -> bool:
        """Say whether the answer came with all that belongs to it."""
        if self.answer is None or self.detections is None:
            return False
        if self.answer.status not in UNANSWERED and _stamp(self.answer) not in self._places:
            return False
        return bool(self.picture or not with_picture or self.answer.status in UNANSWERED)

    def _on_status(self, message: DiagnosticStatus) -> None:
        self.status = message

    def _on_answer(self, message: GroundedText) -> None:
        if message.command == self._command and self.answer is None:
            self.answer = message

    def _on_detections(self, message: Detection2DArray) -> None:
        self._detections[_stamp(message)] = message

    def _on_places(self, message: Detection3DArray) -> None:
        self._places[_stamp(message)] = message

    def _on_picture(self, message: Image) -> None:
        self._pictures[_stamp(message)] = message


def _stamp(message: Any) -> tuple[int, int] | None:
    """Return the time in the header of a message, None for no message."""
    return message and (message.header.stamp.sec, message.header.stamp.nanosec)


def ask(client: Client, options: argparse.Namespace, stopping: threading.Event) -> None:
    """Spin until everything about the answer is there.

    Raises RuntimeError where the node can't serve, TimeoutError and InterruptedError.
    """
    end_s = time.monotonic() + options.timeout
    while not client.has_answer(options.save is not None):
        rclpy.spin_once(client, timeout_sec=0.1)
        if stopping.is_set():
            raise InterruptedError("interrupted")
        if time.monotonic() > end_s:
            raise TimeoutError(f"no answer in {options.timeout:.0f} s; {_node_state(client)}")
        if client.status and client.status.level == DiagnosticStatus.ERROR:
            raise RuntimeError(client.status.message)
        client.send_when_active(options.command)


def _node_state(client: Client) -> str:
    if client.status is None:
        return "no node `groma` was heard"
    return f"the node says: {client.status.message}"


def report(
    answer: GroundedText, detections: Detection2DArray, places: Detection3DArray | None = None
) -> str:
    """Return what was answered, for people."""
    boxes = {d.id: d for d in detections.detections}
    placed = {d.id: d for d in places.detections} if places else {}
    lines = [
        f"command     {answer.command}",
        f"status      {answer.status}" + (f" ({answer.reason})" if answer.reason else ""),
        f"action      {answer.action}",
        f"text        {answer.text}",
    ]
    for phrase in answer.phrases:
        for detection_id in phrase.detection_ids:
            lines.append(f"{phrase.role:<12}{_box(phrase.text, boxes[detection_id])}")
            if detection_id in placed:
                lines.append(f"  at        {_place(placed[detection_id])}")
    if not boxes:
        lines.append("detections  none")
    lines.append(f"latency     {answer.latency_ms:.0f} ms")
    return "\n".join(lines)


def _box(phrase: str, detection: Detection2D) -> str:
    score = next(r.hypothesis.score for r in detection.results if r.hypothesis.class_id == phrase)
    x, y = detection.bbox.center.position.x, detection.bbox.center.position.y
    return (
        f"{phrase!r} id {detection.id} score {score:.2f} centre ({x:.0f}, {y:.0f}) "
        f"size {detection.bbox.size_x:.0f} x {detection.bbox.size_y:.0f} px"
    )


def _place(detection: Detection3D) -> str:
    at, size = detection.bbox.center.position, detection.bbox.size
    return (
        f"({at.x:.3f}, {at.y:.3f}, {at.z:.3f}) m in {detection.header.frame_id}, "
        f"{100 * size.x:.0f} x {100 * size.y:.0f} x {100 * size.z:.0f} cm"
    )


def save_picture(message: Image, path: Path) -> None:
    """Write an Image to a file, making its folder."""
    from PIL import Image as Picture  # with OpenCV only needed to write a file

    from groma_ros.ros import image_codec

    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(image_codec.to_rgb(message)).save(path)


def main(args: list[str] | None = None) -> int:
    """Ask, print the answer, and return 0 if there was one."""
    parser = ArgumentParser("groma_ask", __doc__)
    parser.add_argument("command", help='for example "pick up the red cup"')
    parser.add_argument("--save", type=Path, help="write the annotated image to this file")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait in all")
    options = parser.parse(args)
    with ros_context(args, parser) as stopping:
        client = Client()
        try:
            ask(client, options, stopping)
        except (InterruptedError, RuntimeError, TimeoutError) as error:
            print(f"groma_ask: {error}", file=sys.stderr)
            return 1
        print(report(client.answer, client.detections, client.places))
        if options.save and client.picture:
            save_picture(client.picture, options.save)
            print(f"picture     {options.save}")
        return int(client.answer.status in UNANSWERED)


if __name__ == "__main__":
    sys.exit(main())
