"""`~/annotations` has the boxes and labels of an answer for Foxglove."""

import json
from pathlib import Path

import pytest
from foxglove_msgs.msg import ImageAnnotations, PointsAnnotation
from robot_bench import eventually, header, picture
from test_names import INPUTS, OUTPUTS

from groma_ros.ros import annotations as module
from groma_ros.ros.annotations import image_annotations
from groma_ros.values.answers import Grounding, Phrase, Status
from groma_ros.values.id_colours import id_rgb

BOX = (10, 8, 30, 24)
LAYOUT = Path(__file__).parents[2] / "config/foxglove_layout.json"


@pytest.fixture
def foxglove(sides):
    """The robot with an ear for annotations."""
    robot = sides[1]
    ear = robot.listen(ImageAnnotations, "/groma/annotations")
    yield robot
    robot.node.destroy_subscription(ear)
    del robot.heard["annotations"]


def answer(*boxes, text="the red cup"):
    phrase = Phrase(text, (0, len(text)), list(boxes), [0.75] * len(boxes))
    return Grounding(Status.GROUNDED, text, (phrase,))


def rgb_of(colour):
    return tuple(round(255 * level) for level in (colour.r, colour.g, colour.b))


def test_the_answer_is_drawn_over_its_image(make_bench, foxglove):
    bench = make_bench()
    publisher = bench.node._outputs._annotations
    eventually(publisher.get_subscription_count, "Foxglove")
    shown = bench.show(picture(BOX))
    foxglove.say("the red cup")
    drawn = foxglove.hear("annotations")
    (outline,), (label,) = drawn.points, drawn.texts
    stamp = shown.header.stamp
    assert drawn.timestamp == outline.timestamp == label.timestamp == stamp
    assert outline.type == PointsAnnotation.LINE_LOOP
    assert [(p.x, p.y) for p in outline.points] == [(10, 8), (30, 8), (30, 24), (10, 24)]
    assert label.text == "#1 red cup 0.75"  # the fake model leaves the article out


def test_nothing_found_clears_the_last_annotations(make_bench, foxglove):
    bench = make_bench()
    eventually(bench.node._outputs._annotations.get_subscription_count, "Foxglove")
    shown = bench.show(picture())
    foxglove.say("the red cup")
    drawn = foxglove.hear("annotations")
    assert (drawn.timestamp, drawn.points, drawn.texts) == (shown.header.stamp, [], [])


def test_a_colour_stays_with_an_id_and_differs_from_its_neighbours():
    drawn = image_annotations(
        answer((0, 0, 9, 9), (20, 0, 29, 9), (40, 0, 49, 9)), header(1).stamp, (480, 640)
    )
    colours = [rgb_of(outline.outline_color) for outline in drawn.points]
    assert colours == [id_rgb(str(number)) for number in range(3)]
    assert colours == [rgb_of(label.background_color) for label in drawn.texts]
    assert len({id_rgb(str(number)) for number in range(20)}) == 20
    assert id_rgb("cup-7") == id_rgb("cup-7") != id_rgb("cup-8")


@pytest.mark.parametrize("size_hw", [(240, 320), (1080, 1920)])
@pytest.mark.parametrize("top", [0, 5, 100])
def test_a_label_lies_inside_the_image_and_grows_with_it(size_hw, top):
    drawn = image_annotations(answer((10, top, 60, top + 90)), header(1).stamp, size_hw)
    (label,) = drawn.texts
    assert 0 <= label.position.y - label.font_size and label.position.y < size_hw[0]
    assert label.font_size >= max(11, min(size_hw) / 30)


def test_without_foxglove_msgs_there_is_no_topic(make_bench, monkeypatch):
    monkeypatch.setattr("groma_ros.ros.publishers.ImageAnnotations", None)
    bench = make_bench()
    bench.show(picture(BOX))
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"
    topics = dict(bench.node.get_publisher_names_and_types_by_node("groma", "/"))
    assert "/groma/annotations" not in topics


def test_an_older_foxglove_msgs_without_a_common_stamp_will_do(monkeypatch):
    class Older:
        __slots__ = ("points", "texts")

        def __init__(self, points, texts):
            self.points, self.texts = points, texts

    monkeypatch.setattr(module, "ImageAnnotations", Older)
    drawn = image_annotations(answer(BOX), header(1).stamp, (48, 64))
    assert drawn.points[0].timestamp == header(1).stamp


def test_the_layout_shows_topics_that_there_are():
    layout = json.loads(LAYOUT.read_text())
    panels = layout["configById"]
    image = panels["Image!groma"]["imageMode"]
    named = {image["imageTopic"], image["calibrationTopic"], *image["annotations"]}
    named |= {panels["Publish!groma"]["topicName"], panels["RawMessages!groma"]["topicPath"]}
    named |= panels["3D!groma"]["topics"].keys()
    assert named <= INPUTS.keys() | {f"/groma/{name}" for name in OUTPUTS}
    placed, nodes = set(), [layout["layout"]]
    while nodes:
        node = nodes.pop()
        if isinstance(node, str):
            placed.add(node)
        else:
            nodes += [node["first"], node["second"]]
    assert placed == panels.keys()
