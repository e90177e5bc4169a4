"""Values to messages: what the node's answers can't show."""

import numpy as np
import pytest
from geometry_msgs.msg import Point, Vector3
from robot_bench import header
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection3D, Detection3DArray
from visualization_msgs.msg import Marker

from groma_ros.ros import messages
from groma_ros.ros.ask import report
from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.requests import Request, Result
from groma_ros.ros.settings import Settings
from groma_ros.values.answers import Grounding, Phrase, Status

CUP, BOWL = [10, 20, 30, 60], [100, 120, 180, 200]


def grounding(status=Status.GROUNDED):
    """Answer "put the cup into the bowl" with two cups and a bowl, which is named twice."""
    text = "the cup into the bowl, a bowl"
    return Grounding(
        status,
        text,
        (
            Phrase("the cup", (0, 7), [CUP, [40, 20, 60, 60]], [0.9, 0.4], "target"),
            Phrase("a bowl", (23, 29), [BOWL], [0.3], "mention"),
            Phrase("the bowl", (13, 21), [BOWL], [0.8], "destination"),
        ),
    )


def grounded_text(value):
    request = Request("put it there", 3, LatestFrame(), 0.0, Settings())
    frame = Frame(Image(header=header(5)))
    return messages.grounded_text(Result(request, value, frame, latency_ms=12.5))


def test_nothing_is_an_empty_array():
    nothing = Grounding(Status.NOT_FOUND, "no")
    array = messages.detection_array(nothing, header(5))
    assert (array.header, array.detections) == (header(5), [])


def test_a_destination_is_no_target_where_the_target_is_missing():
    missing = grounding(Status.NOT_FOUND)
    assert messages.detection_array(missing, header(5)).detections == []
    assert [p.detection_ids for p in grounded_text(missing).phrases] == [[], [], []]


def test_one_id_stands_for_a_box_in_every_message():
    """Consumers parse the id as a number and read results[0] unchecked."""
    array = messages.detection_array(grounding(), header(5))
    assert [d.id for d in array.detections] == ["0", "1", "2"]
    cup, _, bowl = array.detections
    assert [r.hypothesis.class_id for r in cup.results] == ["the cup"]
    assert [r.hypothesis.class_id for r in bowl.results] == ["a bowl", "the bowl"]
    assert [round(r.hypothesis.score, 4) for r in bowl.results] == [0.3, 0.8]
    text = grounded_text(grounding())
    ids = {p.text: p.detection_ids for p in text.phrases}
    assert ids == {"the cup": ["0", "1"], "the bowl": ["2"], "a bowl": ["2"]}
    assert [p.start for p in text.phrases] == [0, 13, 23]
    markers = messages.marker_array(grounding(), header(5), (240, 320), None).markers
    assert [m.id for m in markers if m.ns == "boxes"] == [0, 1, 2]


def test_a_box_that_differs_in_the_last_digits_is_the_same_box():
    """Two phrases point at one region; their boxes may have come through different arithmetic."""
    nearly = np.array(CUP, np.float32) + 1e-4
    value = Grounding(
        Status.GROUNDED,
        "the cup is a mug",
        (
            Phrase("the cup", (0, 7), [CUP], [0.9]),
            Phrase("a mug", (11, 16), [nearly, BOWL], [0.8, 0.1], "mention"),
        ),
    )
    array = messages.detection_array(value, header(5))
    assert [len(d.results) for d in array.detections] == [2, 1]
    assert [p.detection_ids for p in grounded_text(value).phrases] == [["0"], ["0", "1"]]


def test_phrases_that_are_one_object_keep_their_own_ids():
    """An enumeration may hold the very same phrase object twice."""
    phrase = Phrase("cup", (0, 3), [CUP], [0.9])
    text = grounded_text(Grounding(Status.GROUNDED, "cup", (phrase, phrase)))
    assert [p.detection_ids for p in text.phrases] == [["0"], ["0"]]


def test_an_answer_in_words():
    text = grounded_text(grounding(Status.AMBIGUOUS))
    assert (text.header, text.command, text.command_id) == (header(5), "put it there", 3)
    assert (text.status, text.latency_ms) == ("AMBIGUOUS", 12.5)
    for phrase in text.phrases:
        assert text.text[phrase.start : phrase.end] == phrase.text


def test_a_box_and_back():
    box = messages.bounding_box(CUP)
    assert (box.center.position.x, box.center.position.y) == (20, 40)
    assert (box.size_x, box.size_y, box.center.theta) == (20, 40, 0)
    assert messages.box_xyxy(box) == tuple(CUP)


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("size_x", 0.0, "has to have a size, not 0.0 x 40.0 pixels"),
        ("size_y", -1.0, "has to have a size"),
        ("size_x", float("nan"), "not finite"),
    ],
)
def test_a_region_without_a_size_is_refused(field, value, words):
    box = messages.bounding_box(CUP)
    setattr(box, field, value)
    with pytest.raises(ValueError, match=words):
        messages.box_xyxy(box)


def test_a_turned_region_is_refused():
    box = messages.bounding_box(CUP)
    box.center.theta = 0.5
    with pytest.raises(ValueError, match=r"turned by 0\.5 rad"):
        messages.box_xyxy(box)


def camera(width=320, height=240, projection=None):
    info = CameraInfo(width=width, height=height)
    info.k[0], info.k[4], info.k[2], info.k[5] = 400.0, 200.0, 100.0, 50.0
    if projection:
        info.p[0], info.p[5], info.p[2], info.p[6] = projection
    return info


@pytest.mark.parametrize(
    "info, fx, fy, cx, cy",
    [
        (camera(), 400, 200, 100, 50),
        (camera(projection=(500.0, 250.0, 160.0, 120.0)), 500, 250, 160, 120),
        (camera(width=640), 320, 320, 160, 120),  # the info of another image: not used
        (None, 320, 320, 160, 120),
    ],
)
def test_markers_lie_on_the_rays_of_the_camera(info, fx, fy, cx, cy):
    markers = messages.marker_array(grounding(), header(5), (240, 320), info).markers
    corner = markers[1].points[0]
    assert corner.z == 1
    np.testing.assert_allclose((corner.x * fx + cx, corner.y * fy + cy), CUP[:2])


def test_markers_clear_first_and_end_by_themselves():
    first, *others = messages.marker_array(grounding(), header(5), (240, 320), None).markers
    assert first.action == Marker.DELETEALL
    assert len(others) == 6
    assert all(m.lifetime.sec > 0 and m.action == Marker.ADD for m in others)
    assert len({(m.ns, m.id) for m in others}) == 6


def test_a_picture_is_an_rgb8_image():
    rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    message = messages.image(rgb[:, ::-1], header(5))
    assert (message.encoding, message.step, message.width, message.height) == ("rgb8", 12, 4, 2)
    assert bytes(message.data) == rgb[:, ::-1].tobytes()
    assert message.header == header(5)


def test_the_client_says_in_metres_where_a_thing_is():
    array = messages.detection_array(grounding(), header(5))
    place = Detection3D(header=header(5), id="2")
    place.bbox.center.position = Point(x=-0.1, y=0.02, z=0.9)
    place.bbox.size = Vector3(x=0.08, y=0.07, z=0.1)
    told = report(grounded_text(grounding()), array, Detection3DArray(detections=[place]))
    line = "  at        (-0.100, 0.020, 0.900) m in camera_optical, 8 x 7 x 10 cm"
    lines = told.splitlines()
    assert [lines[k - 1].split()[0] for k, one in enumerate(lines) if one == line] == [
        "destination",
        "mention",
    ]
