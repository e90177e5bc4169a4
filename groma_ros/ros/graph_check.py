"""What `groma doctor` finds of ROS: the middleware, its packages, and the graph that runs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from groma_ros.ros import cv_bridge_decoder
from groma_ros.values.findings import MISSING, NOTE, OK, SLOW, Finding

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
ANSWER_TYPE = "groma_ros/msg/GroundedText"
OPTIONAL = {
    "tf2_ros": ("poses in target_frame", "apt install ros-$ROS_DISTRO-tf2-ros"),
    "foxglove_msgs": ("annotations for Foxglove", "apt install ros-$ROS_DISTRO-foxglove-msgs"),
}


def findings(wait_s: float) -> Iterator[Finding]:
    """Yield what is found of ROS, then what publishes and listens within `wait_s` seconds."""
    distribution = os.environ.get("ROS_DISTRO") or "of wheels"
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    middleware = rclpy.get_rmw_implementation_identifier()
    yield Finding("ROS 2", OK, f"{distribution}, {middleware}, ROS_DOMAIN_ID {domain}")
    yield from packages()
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node, executor = Node("groma_doctor", context=context), SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        _listen(executor, wait_s)
        yield from graph(node)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)


def packages() -> Iterator[Finding]:
    """Yield the packages of messages, and what decodes images."""
    for name in ("vision_msgs", "groma_ros.msg"):
        if find_spec(name):
            yield Finding(name, OK, "found")
        else:
            advice = "build the workspace and source it: colcon build, . install/setup.sh"
            yield Finding(name, MISSING, "not found: the node can't publish", advice)
    decoder = cv_bridge_decoder.load()
    if decoder.imgmsg_to_cv2:
        yield Finding("cv_bridge", OK, f"decodes {len(decoder.encodings)} encodings")
    else:
        yield Finding("cv_bridge", NOTE, f"{decoder.reason}; the package's own codec decodes")
    for name, (purpose, advice) in OPTIONAL.items():
        if find_spec(name):
            yield Finding(name, OK, "found")
        else:
            yield Finding(name, NOTE, f"not installed: no {purpose}", advice)


def graph(node: Node) -> Iterator[Finding]:
    """Yield each node of groma_ros with what it listens to, and each camera without a listener."""
    topics = dict(node.get_topic_names_and_types())
    images = [topic for topic, types in topics.items() if set(types) & set(IMAGE_TYPES)]
    answers = [topic for topic, types in topics.items() if ANSWER_TYPE in types]
    nodes = sorted({_name(p) for t in answers for p in node.get_publishers_info_by_topic(t)})
    cameras = {t: p for t in images if (p := node.get_publishers_info_by_topic(t))}
    cameras = {t: p for t, p in cameras.items() if not {_name(each) for each in p} <= set(nodes)}
    if not nodes:
        advice = "ros2 launch groma_ros groma.launch.py image:=YOUR_CAMERA/image_raw"
        yield Finding("groma node", NOTE, "none runs here", advice)
    for name in nodes:
        yield from _inputs(node, name, images, cameras)
    for topic, publishers in cameras.items():
        said = ", ".join(sorted({_reliability(p.qos_profile) for p in publishers}))
        yield Finding("camera", OK, f"{topic}, {said}")
    if not cameras:
        yield Finding("camera", NOTE, "no image is published here", "start the camera's driver")


def _inputs(
    node: Node, name: str, images: Sequence[str], cameras: dict[str, list[TopicEndpointInfo]]
) -> Iterator[Finding]:
    """Say to which images a node of groma_ros listens, and what keeps them from it."""
    heard = 0
    for topic in images:
        mine = [s for s in node.get_subscriptions_info_by_topic(topic) if _name(s) == name]
        if not mine:
            continue
        publishers, heard = cameras.get(topic, []), heard + 1
        if not publishers:
            there = ", ".join(cameras) or "no topic"
            advice = f"images are published on {there}; remap image:=TOPIC"
            yield Finding("groma node", MISSING, f"{name}: nothing publishes {topic}", advice)
            continue
        fitting = [p for p in publishers if _fits(p.qos_profile, mine[0].qos_profile)]
        if not fitting:
            advice = f"set qos_overrides.{topic}.subscription.durability: volatile"
            what = f"{name}: the QoS of {topic} does not fit its publisher's"
            yield Finding("groma node", MISSING, what, advice)
        else:
            yield Finding("groma node", OK, f"{name} listens to {topic}")
    if not heard:
        advice = f"activate it: ros2 lifecycle set {name} activate"
        yield Finding("groma node", SLOW, f"{name} listens to no image: it is not active", advice)


def _listen(executor: SingleThreadedExecutor, wait_s: float) -> None:
    """Let the middleware find the other nodes."""
    until_s = time.monotonic() + wait_s
    while time.monotonic() < until_s:
        executor.spin_once(timeout_sec=0.1)


def _name(endpoint: TopicEndpointInfo) -> str:
    namespace = endpoint.node_namespace.rstrip("/")
    return f"{namespace}/{endpoint.node_name}"


def _reliability(profile: QoSProfile) -> str:
    return "reliable" if profile.reliability == ReliabilityPolicy.RELIABLE else "best effort"


def _fits(offered: QoSProfile, wanted: QoSProfile) -> bool:
    """Tell whether a subscription gets what a publisher offers (reliability and durability)."""
    reliable = ReliabilityPolicy.RELIABLE
    latched = DurabilityPolicy.TRANSIENT_LOCAL
    return (offered.reliability == reliable or wanted.reliability != reliable) and (
        offered.durability == latched or wanted.durability != latched
    )
