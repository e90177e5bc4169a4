"""A command on the newest image becomes messages that a planner can act on."""

from array import array

import cv2
import numpy as np
import pytest
from robot_bench import eventually, header, picture, value_of
from sensor_msgs.msg import CompressedImage, Image
from visualization_msgs.msg import Marker

RED_BOX = (10, 8, 30, 24)


def corners(detection):
    center, box = detection.bbox.center.position, detection.bbox
    return (
        center.x - box.size_x / 2,
        center.y - box.size_y / 2,
        center.x + box.size_x / 2,
        center.y + box.size_y / 2,
    )


def test_a_command_becomes_a_box(bench):
    """A planner needs the image's own header, source pixels, filled results and a real score."""
    shown = bench.show(picture(RED_BOX), seconds=7)
    bench.robot.say("pick up the red cup")
    answer = bench.robot.hear("grounded_text")
    detections = bench.robot.hear("detections")
    assert answer.header == detections.header == shown.header
    (detection,) = detections.detections
    assert detection.header == shown.header
    assert corners(detection) == RED_BOX
    assert detection.id.isdecimal()
    (result,) = detection.results
    assert result.hypothesis.class_id == "red cup"
    assert result.hypothesis.score == 0.75
    assert (answer.status, answer.action, answer.command) == (
        "GROUNDED",
        "pick",
        "pick up the red cup",
    )
    assert answer.command_id == 1
    assert answer.latency_ms > 0
    (phrase,) = answer.phrases
    assert answer.text[phrase.start : phrase.end] == phrase.text == "red cup"
    assert phrase.role == "target"
    assert phrase.detection_ids == [detection.id]
    assert bench.robot.hear("text").data == answer.text


def test_nothing_found_is_an_empty_array(bench):
    """Where nothing was published planners would act on the old target."""
    shown = bench.show(picture())
    bench.robot.say("pick up the red cup")
    answer = bench.robot.hear("grounded_text")
    assert (answer.status, answer.reason) == ("NOT_FOUND", "not in the picture")
    detections = bench.robot.hear("detections")
    assert detections.detections == []
    assert detections.header == shown.header
    assert [m.action for m in bench.robot.hear("markers").markers] == [Marker.DELETEALL]


def test_markers_clear_the_last_ones_and_end(bench):
    shown = bench.show(picture(RED_BOX))
    bench.robot.say("the red cup")
    first, *others = bench.robot.hear("markers").markers
    (detection,) = bench.robot.hear("detections").detections
    assert first.action == Marker.DELETEALL
    assert {m.ns for m in others} == {"boxes", "labels"}
    for marker in others:
        assert marker.header == shown.header
        assert marker.lifetime.sec > 0
        assert str(marker.id) == detection.id


@pytest.mark.parametrize("encoding, order", [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0])])
def test_red_is_red_in_both_orders(bench, encoding, order):
    """Nodes that swap BGR and RGB see blue where an rgb8 camera shows red."""
    rgb = picture(RED_BOX)
    message = Image(header=header(1), height=48, width=64, step=192, encoding=encoding)
    message.data = array("B", np.ascontiguousarray(rgb[:, :, order]).tobytes())
    bench.show(message)
    bench.robot.say("the red cup")
    assert corners(bench.robot.hear("detections").detections[0]) == RED_BOX


def test_the_annotated_image_is_rendered_for_who_looks(bench):
    shown = bench.show(picture(RED_BOX))
    bench.robot.listen(Image, "/groma/annotated_image")
    bench.wait_for_ears()
    bench.robot.say("the red cup")
    annotated = bench.robot.hear("annotated_image")
    assert annotated.header == shown.header
    assert (annotated.height, annotated.width, annotated.encoding) == (48, 64, "rgb8")
    assert annotated.data != shown.data


def test_a_command_without_an_image_waits_and_is_answered_no_image(make_bench):
    bench = make_bench(command_timeout_s=0.2)
    bench.robot.say("the red cup")
    answer = bench.robot.hear("grounded_text")
    assert (answer.status, answer.command) == ("NO_IMAGE", "the red cup")
    assert answer.reason == "no image came in time"
    assert answer.header.frame_id == ""
    assert bench.robot.hear("detections").detections == []


def test_a_command_before_the_first_image_is_answered_when_it_comes(bench):
    bench.robot.say("the red cup")
    bench.robot.hear("status", lambda s: value_of(s, "commands") == "1")
    shown = bench.show(picture(RED_BOX))
    answer = bench.robot.hear("grounded_text")
    assert (answer.status, answer.header) == ("GROUNDED", shown.header)


@pytest.mark.parametrize(
    "command, reason",
    [
        ("", "the command is empty"),
        ("break", "RuntimeError: something broke"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_the_reason_and_the_node_goes_on(
    bench, command, reason
):
    bench.show(picture(RED_BOX))
    bench.robot.say(command)
    answer = bench.robot.hear("grounded_text")
    assert (answer.status, answer.reason, answer.command_id) == ("ERROR", reason, 1)
    bench.robot.hear("rosout", lambda log: f"no answer to {command!r}: " in log.msg)
    assert bench.robot.hear("detections").detections == []
    bench.robot.say("the red cup")
    answer = bench.robot.hear("grounded_text")
    assert (answer.status, answer.command_id) == ("GROUNDED", 2)


@pytest.mark.parametrize(
    "fault",
    [
        {"step": 5},
        {"data": array("B", bytes(9))},
        {"width": 0},
        {"height": 0},
        {"encoding": "rgb9"},
    ],
)
def test_a_malformed_image_is_refused_and_the_node_goes_on(bench, fault):
    message = Image(header=header(3), height=48, width=64, step=192, encoding="rgb8")
    message.data = array("B", bytes(48 * 192))
    for name, value in fault.items():
        setattr(message, name, value)
    bench.show(message)
    shown = bench.show(picture(RED_BOX), seconds=4)
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").header == shown.header
    status = bench.robot.hear("status", lambda s: value_of(s, "answers") == "1")
    assert int(value_of(status, "images_refused")) >= 1


def test_compressed_images(make_bench):
    bench = make_bench(image_transport="compressed", image_timeout_s=0.1)
    camera = bench.robot.node.create_publisher(CompressedImage, "/image/compressed", 1)
    eventually(lambda: bench.node.count_publishers("/image/compressed"), "the other camera")
    png = cv2.imencode(".png", picture(RED_BOX)[:, :, ::-1])[1].tobytes()
    try:
        shown = CompressedImage(header=header(3), format="png", data=array("B", b"no picture"))
        bench.show(shown, camera=camera)
        bench.robot.say("the red cup")
        answer = bench.robot.hear("grounded_text")
        assert answer.status == "NO_IMAGE"
        assert answer.reason.startswith("1 image refused: compressed image of format 'png' and 10")
        shown = CompressedImage(header=header(4), format="png", data=array("B", png))
        bench.show(shown, camera=camera)
        bench.robot.say("the red cup")
        answer = bench.robot.hear("grounded_text")
        assert (answer.status, answer.header) == ("GROUNDED", shown.header)
        found = bench.robot.hear("detections", lambda d: d.header == shown.header)
        assert corners(found.detections[0]) == RED_BOX
    finally:
        bench.robot.node.destroy_publisher(camera)


def test_images_are_taken_as_they_are_published(make_bench):
    """With image_transport auto a camera that only sends compressed images is found."""
    bench = make_bench(image_transport="auto", image_timeout_s=0.1)
    assert bench.node._inputs[""]._image.topic_name == "/image"  # the robot's raw camera is there
    bench.show(picture(RED_BOX), seconds=1)
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"


def test_compressed_images_are_found_where_there_are_no_others(make_bench):
    remap = ["image:=/jpeg_only"]
    bench = make_bench(image_transport="auto", image_timeout_s=0.1, remap=remap)
    camera = bench.robot.node.create_publisher(CompressedImage, "/jpeg_only/compressed", 1)
    try:
        jpeg = cv2.imencode(".png", picture(RED_BOX)[:, :, ::-1])[1].tobytes()
        shown = CompressedImage(header=header(4), format="png", data=array("B", jpeg))
        bench.show(shown, camera=camera)
        bench.robot.say("the red cup")
        answer = bench.robot.hear("grounded_text")
        assert (answer.status, answer.header) == ("GROUNDED", shown.header)
    finally:
        bench.robot.node.destroy_publisher(camera)
