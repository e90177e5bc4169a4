"""What the README and the RViz configuration name is what the node offers, and the reverse."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OUTPUTS = {
    "annotations": "foxglove_msgs/msg/ImageAnnotations",
    "annotated_image": "sensor_msgs/msg/Image",
    "detection_masks": "groma_ros/msg/DetectionMasks",
    "detections": "vision_msgs/msg/Detection2DArray",
    "detections_3d": "vision_msgs/msg/Detection3DArray",
    "grounded_text": "groma_ros/msg/GroundedText",
    "markers": "visualization_msgs/msg/MarkerArray",
    "masks": "sensor_msgs/msg/Image",
    "proposals": "vision_msgs/msg/Detection2DArray",
    "status": "diagnostic_msgs/msg/DiagnosticStatus",
    "target_pose": "geometry_msgs/msg/PoseStamped",
    "text": "std_msgs/msg/String",
}
SERVICES = {
    "describe_region": "groma_ros/srv/DescribeRegion",
    "reset_dialogue": "std_srvs/srv/Trigger",
}
ACTIONS = {"ground": "groma_ros/action/Ground"}
INPUTS = {
    "/image": "sensor_msgs/msg/Image",
    "/camera_info": "sensor_msgs/msg/CameraInfo",
    "/command": "std_msgs/msg/String",
    "/depth": "sensor_msgs/msg/Image",
}


def by_node(names_and_types, of_rclpy=()):
    return {n: t[0] for n, t in names_and_types if not n.endswith(of_rclpy)}


def test_the_node_offers_the_names_that_are_documented(bench):
    me, node = ("groma", "/"), bench.node
    published = by_node(
        node.get_publisher_names_and_types_by_node(*me),
        ("/rosout", "/parameter_events", "/transition_event", "/_action/status"),
    )
    assert published.pop("/diagnostics") == "diagnostic_msgs/msg/DiagnosticArray"
    feedback = published.pop("/groma/ground/_action/feedback")
    assert feedback == f"{ACTIONS['ground']}_FeedbackMessage"
    assert published == {f"/groma/{name}": kind for name, kind in OUTPUTS.items()}
    heard = by_node(node.get_subscriber_names_and_types_by_node(*me), ("/parameter_events",))
    assert heard == INPUTS
    offered = by_node(node.get_service_names_and_types_by_node(*me))
    assert {f"/groma/{n}": k for n, k in SERVICES.items()}.items() <= offered.items()


@pytest.mark.parametrize(
    "transport, topic", [("raw", "/image"), ("compressed", "/image/compressed")]
)
def test_the_transport_chooses_the_topic(make_bench, transport, topic):
    bench = make_bench(image_transport=transport)
    heard = by_node(bench.node.get_subscriber_names_and_types_by_node("groma", "/"))
    assert [name for name in heard if name.startswith("/image")] == [topic]


def test_the_readme_names_every_topic_and_service_and_no_other():
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"`~/(\w+)`", readme)) == {*OUTPUTS, *SERVICES, *ACTIONS}
    for name in INPUTS:
        assert f"`{name[1:]}`" in readme


def test_rviz_subscribes_to_what_is_published():
    config = yaml.safe_load((ROOT / "rviz/groma.rviz").read_text())
    displays = config["Visualization Manager"]["Displays"]
    # TF has no topic of its own: it always reads /tf and /tf_static.
    without_topic = [d["Class"] for d in displays if "Topic" not in d]
    assert without_topic == ["rviz_default_plugins/TF"]
    topics = {}
    for display in displays:
        if "Topic" not in display:
            continue
        topic = display["Topic"]
        topics[topic["Value"]] = display["Class"].split("/")[-1]
        assert topic["Durability Policy"] == "Volatile"
        assert topic["History Policy"] == "Keep Last"
        assert topic["Reliability Policy"] in ("Reliable", "Best Effort")
        assert topic["Depth"] > 0
    assert topics == {
        "/groma/annotated_image": "Image",
        "/groma/markers": "MarkerArray",
        "/groma/target_pose": "Pose",
        "/image": "Camera",
    }


def test_rviz_overlays_only_displays_that_it_has():
    config = yaml.safe_load((ROOT / "rviz/groma.rviz").read_text())
    displays = {d["Name"]: d for d in config["Visualization Manager"]["Displays"]}
    overlaid = set(displays["Camera"]["Visibility"]) - {"Value"}
    assert overlaid == set(displays) - {"Camera"}
