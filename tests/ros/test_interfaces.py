"""Messages cross real DDS between two contexts with every field and the upstream type."""

import json
import threading
from pathlib import Path

import pytest
import rclpy
from geometry_msgs.msg import Point
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    ObjectHypothesisWithPose,
)

from groma_ros.msg import GroundedPhrase, GroundedText
from groma_ros.srv import DescribeRegion

TIMEOUT_S = 30.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Side:
    """A context with one node, spun by a thread of its own."""

    def __init__(self, name):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node(name, context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.executor.spin)
        self.thread.start()

    def close(self):
        self.executor.shutdown()
        self.thread.join(TIMEOUT_S)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def sides():
    pair = Side("talker"), Side("listener")
    yield pair
    for side in pair:
        side.close()


def exchange(sides, message):
    """Publish on one side and return what arrives on the other, and the publisher it came from."""
    talker, listener = sides
    received, arrived = [], threading.Event()

    def on_message(value):
        received.append(value)
        arrived.set()

    listener.node.create_subscription(type(message), "exchange", on_message, LATCHED)
    talker.node.create_publisher(type(message), "exchange", LATCHED).publish(message)
    assert arrived.wait(TIMEOUT_S), "no message arrived over DDS"
    return received[0], listener.node.get_publishers_info_by_topic("/exchange")[0]


def grounded_text():
    message = GroundedText(
        command="put the café cup into the bowl",
        command_id=7,
        status=GroundedText.STATUS_AMBIGUOUS,
        reason="2 cups fit",
        action="place",
        text="the café cup, the bowl",
        latency_ms=12.5,
    )
    message.header.stamp.sec = 1_700_000_000
    message.header.stamp.nanosec = 999_999_999
    message.header.frame_id = "camera_color_optical_frame"
    message.phrases = [
        GroundedPhrase(
            text="the café cup",
            start=0,
            end=12,
            role=GroundedPhrase.ROLE_TARGET,
            detection_ids=["3", "5"],
        ),
        GroundedPhrase(text="the bowl", start=14, end=22, role=GroundedPhrase.ROLE_DESTINATION),
    ]
    return message


def detections():
    box = BoundingBox2D(size_x=40.5, size_y=60.25)
    box.center.position.x, box.center.position.y = 320.5, 239.75
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id, result.hypothesis.score = "the red cup", 0.875
    result.pose.pose.position = Point(x=0.1, y=-0.2, z=0.9)
    message = Detection2DArray(detections=[Detection2D(bbox=box, id="3", results=[result])])
    message.header.frame_id = message.detections[0].header.frame_id = "camera_color_optical_frame"
    return message


def test_an_empty_answer_arrives(sides):
    received, _ = exchange(sides, GroundedText())
    assert received == GroundedText()


def test_a_grounded_text_arrives_whole(sides):
    received, _ = exchange(sides, grounded_text())
    assert received == grounded_text()
    assert [received.text[p.start : p.end] for p in received.phrases] == [
        "the café cup",
        "the bowl",
    ]


def test_detections_arrive_whole_and_with_the_upstream_type(sides):
    received, publisher = exchange(sides, detections())
    assert received == detections()
    upstream = json.loads((Path(__file__).parent / "data/vision_msgs_type_hashes.json").read_text())
    digest = upstream["vision_msgs/msg/Detection2DArray"].removeprefix("RIHS01_")
    assert bytes(publisher.topic_type_hash.value).hex() == digest


def test_describe_region_answers_over_dds(sides):
    server, client_side = sides

    def answer(request, response):
        response.success = True
        response.answer.text = f"{request.bbox.size_x:.0f} px wide: {request.question}"
        return response

    server.node.create_service(DescribeRegion, "describe", answer)
    client = client_side.node.create_client(DescribeRegion, "describe")
    assert client.wait_for_service(TIMEOUT_S)
    future, done = (
        client.call_async(
            DescribeRegion.Request(bbox=BoundingBox2D(size_x=12.0), question="what?")
        ),
        threading.Event(),
    )
    future.add_done_callback(lambda _: done.set())
    assert done.wait(TIMEOUT_S), "the service did not answer"
    assert future.result().success
    assert future.result().answer.text == "12 px wide: what?"
