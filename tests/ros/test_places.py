"""With depth and CameraInfo an answer says where things are, in metres."""

import array
import sys
import types

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from robot_bench import eventually, header, picture
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import Marker

from groma_ros.msg import DetectionMasks
from groma_ros.ros.camera import camera_info
from groma_ros.values.pinhole import Pinhole

RED_BOX = (24, 16, 40, 32)
SIZE_HW = (48, 64)
PINHOLE = Pinhole(80.0, 80.0, 32.0, 24.0)
# A block on a floor, seen from straight above: 0.9 m to its top, 1.0 m to the floor.
FLOOR_M, TOP_M = 1.0, 0.9


def depth_image(top=None, metres=False):
    depth_m = np.full(SIZE_HW, FLOOR_M, np.float32)
    x1, y1, x2, y2 = RED_BOX
    depth_m[y1:y2, x1:x2] = TOP_M
    values = depth_m if metres else np.round(1000 * depth_m).astype(np.uint16)
    data = array.array("B", values.tobytes())
    return Image(
        header=top or header(1),
        height=SIZE_HW[0],
        width=SIZE_HW[1],
        encoding="32FC1" if metres else "16UC1",
        step=values.strides[0],
        data=data,
    )


@pytest.fixture
def robot(sides):
    """The robot with ears for places, and a depth camera."""
    robot = sides[1]
    ears = [
        robot.listen(kind, f"/groma/{topic}")
        for kind, topic in (
            (Detection3DArray, "detections_3d"),
            (PoseStamped, "target_pose"),
            (Image, "masks"),
            (DetectionMasks, "detection_masks"),
        )
    ]
    robot.depth = robot.node.create_publisher(Image, "/depth", 1)
    robot.info = robot.node.create_publisher(CameraInfo, "/camera_info", 1)
    yield robot
    for end in (robot.depth, robot.info):
        robot.node.destroy_publisher(end)
    for ear in ears:
        robot.node.destroy_subscription(ear)
    for topic in ("detections_3d", "target_pose", "masks", "detection_masks"):
        del robot.heard[topic]


def see(bench, robot, depth=None, info=True, seconds=1):
    """Show the node a picture with a red box, its calibration and its depth."""
    node = bench.node
    if info:
        eventually(robot.info.get_subscription_count, "somebody who takes CameraInfo")
        eventually(lambda: node.count_publishers("/camera_info"), "the calibration's publisher")
        known = camera_info(header(seconds), SIZE_HW, PINHOLE)
        sent_until(robot.info, known, lambda: node._inputs[""]._camera_infos)
    if depth is not None:
        eventually(robot.depth.get_subscription_count, "somebody who takes depth")
        sent_until(robot.depth, depth, lambda: node._inputs[""].depth.received)
    bench.show(picture(RED_BOX), seconds=seconds)


def sent_until(publisher, message, arrived):
    """Publish a message, which best effort may lose, until it has arrived."""

    def sent():
        publisher.publish(message)
        return arrived()

    eventually(sent, publisher.topic)


@pytest.mark.parametrize("metres", [False, True])
def test_the_target_has_a_pose_in_the_cameras_frame(make_bench, robot, metres):
    bench = make_bench()
    see(bench, robot, depth_image(metres=metres))
    robot.say("the red cup")
    answer = robot.hear("grounded_text")
    pose = robot.hear("target_pose")
    assert pose.header == answer.header
    position = pose.pose.position
    np.testing.assert_allclose((position.x, position.y, position.z), (0, 0, 0.95), atol=0.01)
    (detection,) = robot.hear("detections_3d").detections
    assert detection.id == answer.phrases[0].detection_ids[0]
    assert detection.results[0].hypothesis.class_id == "red cup"
    assert detection.results[0].pose.pose == pose.pose
    assert detection.bbox.size.z == pytest.approx(0.1, abs=0.01)
    mask = robot.hear("masks")
    labels = np.frombuffer(mask.data, "<u2").reshape(SIZE_HW)
    x1, y1, x2, y2 = RED_BOX
    assert (labels[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3] == 1 + int(detection.id)).all()
    assert not labels[:8].any()


def test_each_detection_has_a_mask_of_its_own(make_bench, robot):
    bench = make_bench()
    see(bench, robot, depth_image())
    robot.say("the red cup")
    message, labels = robot.hear("detection_masks"), robot.hear("masks")
    assert message.detection_ids == [d.id for d in robot.hear("detections").detections] == ["1"]
    (mask,) = message.masks
    assert message.header == mask.header == labels.header
    assert (mask.encoding, mask.height, mask.width, mask.step) == ("mono8", *SIZE_HW, SIZE_HW[1])
    pixels = np.frombuffer(mask.data, np.uint8)
    assert (pixels == 255 * (np.frombuffer(labels.data, "<u2") == 2)).all() and pixels.any()


def test_nothing_found_has_no_masks(make_bench, robot):
    bench = make_bench()
    see(bench, robot, depth_image())
    robot.say("the blue cup")
    message = robot.hear("detection_masks")
    assert (message.detection_ids, message.masks) == ([], [])


def test_the_marker_is_a_block_where_the_thing_is(make_bench, robot):
    bench = make_bench()
    see(bench, robot, depth_image())
    robot.say("the red cup")
    block, label = robot.hear("markers").markers[1:]
    assert block.type == Marker.CUBE
    assert block.pose == robot.hear("target_pose").pose
    assert block.scale.z == pytest.approx(0.1, abs=0.01)
    # Above the thing, which the camera sees from straight above: nearer to it.
    assert label.pose.position.z == pytest.approx(0.87, abs=0.01)


def test_a_goal_gets_its_pose_without_any_subscriber(make_bench, robot):
    bench = make_bench()
    see(bench, robot, depth_image())
    _, result = robot.pursue("the red cup").result()
    assert result.target_pose.header == result.answer.header
    assert result.target_pose.pose.position.z == pytest.approx(0.95, abs=0.01)
    assert len(result.detections_3d.detections) == 1


@pytest.mark.parametrize(
    "depth, info, reason",
    [
        (None, True, "no depth image has come"),
        (depth_image(header(9)), True, "the nearest depth image is 8.000 s from the image"),
        (depth_image(header(1, "other")), True, "register it to the image"),
        (depth_image(), False, "no CameraInfo has come"),
    ],
)
def test_without_a_place_nothing_is_guessed_and_the_log_says_why(
    make_bench, robot, depth, info, reason
):
    bench = make_bench()
    see(bench, robot, depth, info)
    robot.say("the red cup")
    assert robot.hear("grounded_text").status == "GROUNDED"
    assert not robot.hear("detections_3d").detections
    assert robot.heard["target_pose"].empty()
    robot.hear("rosout", lambda m: "no place: " in m.msg and reason in m.msg)


def test_nothing_found_clears_the_last_places(make_bench, robot):
    bench = make_bench()
    see(bench, robot, depth_image())
    robot.say("the blue cup")
    assert robot.hear("grounded_text").status == "NOT_FOUND"
    cleared = robot.hear("detections_3d")
    assert (cleared.detections, cleared.header.frame_id) == ([], "camera_optical")


@pytest.fixture
def frames(monkeypatch):
    """Stand in for tf2_ros, which ROS's Python wheels have not: one known frame."""
    tf2_ros = types.ModuleType("tf2_ros")
    tf2_ros.__spec__ = types.SimpleNamespace(origin=None)

    class TransformException(Exception):
        pass

    class Buffer:
        def __init__(self, node):
            self.asked = []

        def lookup_transform(self, target, source, time):
            if target != "base_link":
                raise TransformException(f"{target} does not\nexist")
            turn = types.SimpleNamespace(x=-(0.5**0.5), y=0.0, z=0.0, w=0.5**0.5)
            move = types.SimpleNamespace(x=0.0, y=0.0, z=2.0)
            both = types.SimpleNamespace(rotation=turn, translation=move)
            return types.SimpleNamespace(transform=both)

    tf2_ros.TransformException, tf2_ros.Buffer = TransformException, Buffer
    tf2_ros.TransformListener = lambda buffer, node: None
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)


def test_places_come_in_the_target_frame_through_tf(frames, make_bench, robot):
    bench = make_bench(target_frame="base_link")
    see(bench, robot, depth_image())
    robot.say("the red cup")
    pose = robot.hear("target_pose")
    assert pose.header.frame_id == "base_link"
    position = pose.pose.position  # turned by -90 degrees about x, then raised by 2 m
    np.testing.assert_allclose((position.x, position.y, position.z), (0, 0.95, 2.0), atol=0.01)


def test_an_unknown_frame_gives_no_place_in_another_one(frames, make_bench, robot):
    bench = make_bench(target_frame="nowhere")
    see(bench, robot, depth_image())
    robot.say("the red cup")
    assert not robot.hear("detections_3d").detections
    robot.hear("rosout", lambda m: "no transform to nowhere: nowhere does not exist" in m.msg)


def test_a_target_frame_without_tf_is_refused_while_configuring(make_bench, sides):
    make_bench(target_frame="base_link")
    status = sides[1].hear("status", lambda s: "configure failed" in s.message)
    assert "target_frame needs tf2_ros" in status.message
