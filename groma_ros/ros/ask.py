"""Give the node one command, from the outside, and show what comes back."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from PIL import Image as Picture
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import Image
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray

from groma_ros.msg import GroundedText
from groma_ros.ros import image_codec
from groma_ros.ros.process import ros

RESEND_S = 5.0
UNANSWERED = (
    GroundedText.STATUS_NO_IMAGE,
    GroundedText.STATUS_CANCELLED,
    GroundedText.STATUS_ERROR,
)


class Client(Node):
    """Hear what the node publishes and say one command."""

    def __init__(self):
        """Connect to `groma` in the node's own namespace."""
        super().__init__("groma_ask")
        self.status: DiagnosticStatus | None = None
        self.answer: GroundedText | None = None
        self._detections: dict[tuple, Detection2DArray] = {}
        self._pictures: dict[tuple, Image] = {}
        self._voice = self.create_publisher(String, "command", 10)
        self.create_subscription(Detection2DArray, "groma/detections", self._on_detections, 10)
        self.create_subscription(Image, "groma/annotated_image", self._on_picture, 10)
        self.create_subscription(GroundedText, "groma/grounded_text", self._on_answer, 10)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(DiagnosticStatus, "groma/status", self._on_status, latched)
        self._command = ""
        self._said = (0.0, -1)  # when, and how many commands the node had got before

    def say(self, command: str) -> None:
        """Give the command, once the node is active.

        Again if the node does not count it: a first message can get lost, as DDS tells a publisher
        that it has found the subscriber, but not the other way round.
        """
        self._command = command
        said_s, before = self._said
        got = self.value("commands")
        if self.value("state") != "active" or not self._voice.get_subscription_count():
            return
        if before < 0 or (int(got) == before and time.monotonic() - said_s > RESEND_S):
            self._said = time.monotonic(), int(got)
            self._voice.publish(String(data=command))

    def value(self, key: str) -> str:
        """Return one value of the node's status; empty before there is any."""
        values = self.status.values if self.status else []
        return next((v.value for v in values if v.key == key), "")

    @property
    def detections(self) -> Detection2DArray | None:
        """Return the detections that belong to the answer."""
        return self._detections.get(_stamp(self.answer))

    @property
    def picture(self) -> Image | None:
        """Return the annotated image that belongs to the answer."""
        return self._pictures.get(_stamp(self.answer))

    def has_answer(self, with_picture: bool) -> bool:
        """Say whether the answer came with all that belongs to it."""
        if self.answer is None or self.detections is None:
            return False
        return bool(self.picture or not with_picture or self.answer.status in UNANSWERED)

    def _on_status(self, message: DiagnosticStatus) -> None:
        self.status = message

    def _on_answer(self, message: GroundedText) -> None:
        if message.command == self._command and self.answer is None:
            self.answer = message

    def _on_detections(self, message: Detection2DArray) -> None:
        self._detections[_stamp(message)] = message

    def _on_picture(self, message: Image) -> None:
        self._pictures[_stamp(message)] = message


def _stamp(message) -> tuple | None:
    return message and (message.header.stamp.sec, message.header.stamp.nanosec)


def ask(client: Client, given: argparse.Namespace, stopping: threading.Event) -> None:
    """Spin until everything about the answer is there.

    Raises RuntimeError where the node can't serve, TimeoutError and InterruptedError.
    """
    end_s = time.monotonic() + given.timeout
    while not client.has_answer(given.save is not None):
        rclpy.spin_once(client, timeout_sec=0.1)
        if stopping.is_set():
            raise InterruptedError("interrupted")
        if time.monotonic() > end_s:
            raise TimeoutError(f"no answer in {given.timeout:.0f} s; {_known(client)}")
        if client.status and client.status.level == DiagnosticStatus.ERROR:
            raise RuntimeError(client.status.message)
        client.say(given.command)


def _known(client: Client) -> str:
    if client.status is None:
        return "no node `groma` was heard"
    return f"the node says: {client.status.message}"


def report(answer: GroundedText, detections: Detection2DArray) -> str:
    """Return what was answered, for people."""
    boxes = {d.id: d for d in detections.detections}
    lines = [
        f"command     {answer.command}",
        f"status      {answer.status}" + (f" ({answer.reason})" if answer.reason else ""),
        f"action      {answer.action}",
        f"text        {answer.text}",
    ]
    for phrase in answer.phrases:
        for detection_id in phrase.detection_ids:
            lines.append(f"{phrase.role:<12}{_box(phrase.text, boxes[detection_id])}")
    if not boxes:
        lines.append("detections  none")
    lines.append(f"latency     {answer.latency_ms:.0f} ms")
    return "\n".join(lines)


def _box(phrase: str, detection) -> str:
    score = next(r.hypothesis.score for r in detection.results if r.hypothesis.class_id == phrase)
    x, y = detection.bbox.center.position.x, detection.bbox.center.position.y
    return (
        f"{phrase!r} id {detection.id} score {score:.2f} centre ({x:.0f}, {y:.0f}) "
        f"size {detection.bbox.size_x:.0f} x {detection.bbox.size_y:.0f} px"
    )


def save_picture(message: Image, path: Path) -> None:
    """Write an Image to a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(image_codec.to_rgb(message)).save(path)


def main(args: list[str] | None = None) -> int:
    """Ask, print the answer, and return 0 if there was one."""
    parser = argparse.ArgumentParser(prog="groma_ask", description=__doc__)
    parser.add_argument("command", help='for example "pick up the red cup"')
    parser.add_argument("--save", type=Path, help="write the annotated image to this file")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait in all")
    given = parser.parse_args(remove_ros_args(args if args is not None else sys.argv)[1:])
    with ros(args) as stopping:
        client = Client()
        try:
            ask(client, given, stopping)
        except (InterruptedError, RuntimeError, TimeoutError) as error:
            print(f"groma_ask: {error}", file=sys.stderr)
            return 1
        print(report(client.answer, client.detections))
        if given.save and client.picture:
            save_picture(client.picture, given.save)
            print(f"picture     {given.save}")
        return int(client.answer.status in UNANSWERED)


if __name__ == "__main__":
    sys.exit(main())
