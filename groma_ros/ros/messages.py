"""Values to messages and back, each conversion in one function."""

from __future__ import annotations

import array
import math
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Vector3
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import ColorRGBA, Header
from vision_msgs.msg import BoundingBox2D, Detection2D, Detection2DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker, MarkerArray

from groma_ros.msg import GroundedPhrase, GroundedText
from groma_ros.ros.model_thread import Result
from groma_ros.values.answers import Grounding, Phrase, Status
from groma_ros.values.pinhole import Pinhole
from groma_ros.values.role_colours import ROLE_RGB

MARKER_LIFETIME_S = 5
MARKER_DEPTH_M = 1.0


@dataclass(frozen=True, eq=False)
class Thing:
    """Gather what an answer says about one box: the same `id` stands in every message.

    box_xyxy    (4,) corners in source pixels
    hypotheses  the phrases that point at the box and their scores
    """

    id: str
    box_xyxy: np.ndarray
    hypotheses: tuple[tuple[Phrase, float], ...]


def things(grounding: Grounding) -> list[Thing]:
    """Number the distinct boxes of an answer from 0, the target's best first.

    Only GROUNDED and AMBIGUOUS have things: where the target is not found, nobody is to act on a
    destination or a landmark that was.
    """
    if grounding.status not in (Status.GROUNDED, Status.AMBIGUOUS):
        return []
    found: dict[tuple, list] = {}
    for phrase in grounding.phrases:
        for box, score in zip(phrase.boxes_xyxy, phrase.scores, strict=True):
            found.setdefault(tuple(box.tolist()), []).append((phrase, float(score)))
    return [
        Thing(str(i), np.array(box), tuple(said)) for i, (box, said) in enumerate(found.items())
    ]


def detection_array(grounding: Grounding, header: Header) -> Detection2DArray:
    """Return the boxes in source pixels; an empty array where nothing was found.

    The array and every detection carry the header of the source image; `class_id` is the phrase,
    and no `results` is ever empty.
    """
    return Detection2DArray(
        header=header, detections=[_detection(thing, header) for thing in things(grounding)]
    )


def _detection(thing: Thing, header: Header) -> Detection2D:
    detection = Detection2D(header=header, id=thing.id, bbox=bounding_box(thing.box_xyxy))
    for phrase, score in thing.hypotheses:
        hypothesis = ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id = phrase.text
        hypothesis.hypothesis.score = score
        detection.results.append(hypothesis)
    return detection


def bounding_box(box_xyxy) -> BoundingBox2D:
    """Return a box in source pixels as centre and size."""
    x1, y1, x2, y2 = (float(v) for v in box_xyxy)
    box = BoundingBox2D(size_x=x2 - x1, size_y=y2 - y1)
    box.center.position.x, box.center.position.y = (x1 + x2) / 2, (y1 + y2) / 2
    return box


def box_xyxy(box: BoundingBox2D) -> tuple[float, float, float, float]:
    """Return the corners of a box in source pixels; raise ValueError if it is none."""
    x, y, width, height = box.center.position.x, box.center.position.y, box.size_x, box.size_y
    if not all(math.isfinite(v) for v in (x, y, width, height)):
        raise ValueError(f"bbox has a value that is not finite: {x}, {y}, {width}, {height}")
    if width <= 0 or height <= 0:
        raise ValueError(f"bbox has to have a size, not {width} x {height} pixels")
    if box.center.theta:
        raise ValueError(f"bbox is turned by {box.center.theta} rad; only upright boxes are read")
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def grounded_text(result: Result) -> GroundedText:
    """Return the answer in words and the ids of the detections that each phrase points at."""
    grounding, request = result.grounding, result.request
    ids: dict[int, list[str]] = {}
    for thing in things(grounding):
        for phrase, _ in thing.hypotheses:
            ids.setdefault(id(phrase), []).append(thing.id)
    return GroundedText(
        header=result.header or Header(),
        command=request.text,
        command_id=request.command_id,
        status=grounding.status.value,
        reason=grounding.reason,
        action=grounding.action,
        text=grounding.text,
        phrases=[
            GroundedPhrase(
                text=phrase.text,
                start=phrase.span[0],
                end=phrase.span[1],
                role=phrase.role,
                detection_ids=ids.get(id(phrase), []),
            )
            for phrase in sorted(grounding.phrases, key=lambda phrase: phrase.span)
        ],
        latency_ms=result.latency_ms,
    )


def image(rgb: np.ndarray, header: Header) -> Image:
    """Return a (H, W, 3) uint8 RGB picture as an rgb8 Image."""
    # rclpy takes an array as it is, but checks any other sequence item by item.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(rgb))
    height, width = rgb.shape[:2]
    return Image(
        header=header, height=height, width=width, encoding="rgb8", step=3 * width, data=data
    )


def marker_array(
    grounding: Grounding, header: Header, size_hw: tuple[int, int], camera: CameraInfo | None
) -> MarkerArray:
    """Return each box as a frame one metre in front of the camera, with its phrase above it.

    The depth is made up: what is right is the direction, so that the frames lie on the things in
    RViz's Camera display. Without a CameraInfo of the image's size a pinhole with a horizontal
    field of view of 53 degrees is assumed. The first marker deletes those of the last answer.
    """
    clear = Marker(header=header, action=Marker.DELETEALL)
    pinhole = pinhole_of(size_hw, camera)
    return MarkerArray(
        markers=[
            clear,
            *(marker for thing in things(grounding) for marker in _markers(thing, header, pinhole)),
        ]
    )


def pinhole_of(size_hw: tuple[int, int], camera: CameraInfo | None) -> Pinhole:
    """Return the camera of a picture: of the rectified image (P) where `camera` gives that, else K.

    Without a CameraInfo of the picture's size (height, width) the camera is an assumed one.
    """
    if camera is not None and (camera.height, camera.width) == size_hw:
        for fx, fy, cx, cy in (
            (camera.p[0], camera.p[5], camera.p[2], camera.p[6]),
            (camera.k[0], camera.k[4], camera.k[2], camera.k[5]),
        ):
            if fx > 0 and fy > 0:
                return Pinhole(fx, fy, cx, cy)
    return Pinhole.assumed(size_hw)


def _markers(thing: Thing, header: Header, pinhole: Pinhole) -> list[Marker]:
    x1, y1, x2, y2 = thing.box_xyxy
    points = [
        pinhole.at_depth(u, v, MARKER_DEPTH_M)
        for u, v in ((x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1))
    ]
    corners = [Point(x=x, y=y, z=z) for x, y, z in points]
    phrase, score = thing.hypotheses[0]
    red, green, blue = (level / 255 for level in ROLE_RGB[phrase.role])
    common = {
        "header": header,
        "id": int(thing.id),
        "action": Marker.ADD,
        "color": ColorRGBA(r=red, g=green, b=blue, a=1.0),
        "lifetime": Duration(sec=MARKER_LIFETIME_S),
    }
    frame = Marker(
        ns="boxes", type=Marker.LINE_STRIP, points=corners, scale=Vector3(x=0.005), **common
    )
    label = Marker(
        ns="labels",
        type=Marker.TEXT_VIEW_FACING,
        text=f"{phrase.text} {score:.2f}",
        scale=Vector3(z=0.04),
        **common,
    )
    frame.pose.orientation.w = label.pose.orientation.w = 1.0
    top = corners[0], corners[1]
    label.pose.position = Point(x=(top[0].x + top[1].x) / 2, y=top[0].y - 0.03, z=MARKER_DEPTH_M)
    return [frame, label]


def status(level: bytes, message: str, model: str, values: dict) -> DiagnosticStatus:
    """Return the node's state: `message` for people, `values` for programs."""
    return DiagnosticStatus(
        level=level,
        name="groma",
        message=message,
        hardware_id=model,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
