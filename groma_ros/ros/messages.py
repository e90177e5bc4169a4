"""Values to messages and back, each conversion in one function."""

from __future__ import annotations

import array
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from numpy.typing import ArrayLike
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import ColorRGBA, Header
from vision_msgs.msg import (
    BoundingBox2D,
    BoundingBox3D,
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    ObjectHypothesisWithPose,
)
from visualization_msgs.msg import Marker, MarkerArray

from groma_ros.action import Ground
from groma_ros.depth import Located, rotation_matrix
from groma_ros.msg import DetectionMasks, GroundedPhrase, GroundedText
from groma_ros.ros.requests import Regions, Result
from groma_ros.values.answers import BoxFound, Grounding, Phrase, Status
from groma_ros.values.box_labels import box_label
from groma_ros.values.boxes import iou
from groma_ros.values.id_colours import id_rgb
from groma_ros.values.pinhole import Pinhole

if TYPE_CHECKING:
    from groma_ros.ros.places import Places

MARKER_LIFETIME_S = 5
MARKER_DEPTH_M = 1.0
LABELS = 65535
PROPOSAL_CLASS = "object"  # of a region that nobody has named
SAME_BOX_IOU = 0.9
"""Phrases that point at one region give the same box; two regions overlap by less than 0.6."""


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """Say that a phrase of an answer points at a box.

    phrase_index  index of `phrase` in the answer's phrases
    score         in [0, 1]
    """

    phrase_index: int
    phrase: Phrase
    score: float


@dataclass(frozen=True, eq=False)
class DetectedBox:
    """Gather what an answer says about one box.

    id          decimal number of the thing, the same in every message; it lasts from image to image
                where things are followed
    box_xyxy    (4,) corners in source pixels
    hypotheses  the phrases that point at the box, one or more
    """

    id: str
    box_xyxy: np.ndarray
    hypotheses: tuple[Hypothesis, ...]


def detected_boxes(grounding: Grounding) -> list[DetectedBox]:
    """Return the distinct boxes of an answer, the target's best first.

    Their ids are those of the things (`Phrase.ids`), else they are numbered from 0.
    Boxes that overlap by an IoU of SAME_BOX_IOU are one box. Only GROUNDED and AMBIGUOUS answers
    have boxes: where the target is not found, nobody is to act on a destination or a landmark
    that was.
    """
    if grounding.status not in (Status.GROUNDED, Status.AMBIGUOUS):
        return []
    boxes_xyxy: list[np.ndarray] = []
    ids: list[int] = []
    hypotheses: list[dict[int, Hypothesis]] = []  # of each box, by the index of the phrase
    for index, phrase in enumerate(grounding.phrases):
        for n, (box_xyxy, score) in enumerate(zip(phrase.boxes_xyxy, phrase.scores, strict=True)):
            number = _number_of(box_xyxy, boxes_xyxy)
            if number == len(boxes_xyxy):
                boxes_xyxy.append(box_xyxy)
                ids.append(phrase.ids[n] if phrase.ids else number)
                hypotheses.append({})
            hypotheses[number].setdefault(index, Hypothesis(index, phrase, float(score)))
    return [
        DetectedBox(str(track_id), box_xyxy.astype(float), tuple(of_box.values()))
        for track_id, box_xyxy, of_box in zip(ids, boxes_xyxy, hypotheses, strict=True)
    ]


def _number_of(box_xyxy: np.ndarray, boxes_xyxy: list[np.ndarray]) -> int:
    """Return the index of the box that `box_xyxy` is, `len(boxes_xyxy)` where it is a new one."""
    overlaps = iou(box_xyxy, boxes_xyxy)[0]
    same = np.flatnonzero(overlaps >= SAME_BOX_IOU)
    return int(same[0]) if len(same) else len(boxes_xyxy)


def detection_array(grounding: Grounding, header: Header) -> Detection2DArray:
    """Return the boxes in source pixels; an empty array where nothing was found.

    The array and every detection carry the header of the source image; `class_id` is the phrase,
    and no `results` is ever empty.
    """
    return Detection2DArray(
        header=header, detections=[_detection(box, header) for box in detected_boxes(grounding)]
    )


def _detection(box: DetectedBox, header: Header) -> Detection2D:
    detection = Detection2D(header=header, id=box.id, bbox=bounding_box(box.box_xyxy))
    for hypothesis in box.hypotheses:
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = hypothesis.phrase.text
        result.hypothesis.score = hypothesis.score
        detection.results.append(result)
    return detection


def proposal_array(regions: Regions) -> Detection2DArray:
    """Return all regions of an image, best first, with its header; the score is the objectness."""
    header = regions.frame.image.header
    array = Detection2DArray(header=header)
    for number, box_xyxy in enumerate(regions.boxes_xyxy):
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = PROPOSAL_CLASS
        result.hypothesis.score = float(regions.scores[number])
        box = bounding_box(box_xyxy)
        array.detections.append(
            Detection2D(header=header, id=str(number), bbox=box, results=[result])
        )
    return array


def found(event: BoxFound, phrase: str, header: Header) -> Detection2D:
    """Return a box of an answer that still grows; it has no id yet."""
    hypothesis = Hypothesis(0, Phrase(phrase, (0, 0), [], []), event.score)
    return _detection(DetectedBox("", event.box_xyxy, (hypothesis,)), header)


def no_result(command: str, reason: str) -> Ground.Result:
    """Return the result of a goal that could not be asked."""
    answer = GroundedText(command=command, status=Status.ERROR.value, reason=reason)
    return Ground.Result(answer=answer)


def bounding_box(box_xyxy: ArrayLike) -> BoundingBox2D:
    """Return a box in source pixels as centre and size."""
    x1, y1, x2, y2 = (float(v) for v in box_xyxy)
    box = BoundingBox2D(size_x=x2 - x1, size_y=y2 - y1)
    box.center.position.x, box.center.position.y = (x1 + x2) / 2, (y1 + y2) / 2
    return box


def region_of(box: BoundingBox2D, roi: RegionOfInterest) -> BoundingBox2D:
    """Return a region that is given as a box or, where that has no size, as whole pixels."""
    if box.size_x or box.size_y or not (roi.width and roi.height):
        return box
    left, top = roi.x_offset, roi.y_offset
    return bounding_box((left, top, left + roi.width, top + roi.height))


def box_xyxy(box: BoundingBox2D) -> tuple[float, float, float, float]:
    """Return the corners of a box in source pixels; raise ValueError if it is no upright box."""
    x, y, width, height = box.center.position.x, box.center.position.y, box.size_x, box.size_y
    if not all(math.isfinite(v) for v in (x, y, width, height)):
        raise ValueError(f"bbox has a value that is not finite: {x}, {y}, {width}, {height}")
    if width <= 0 or height <= 0:
        raise ValueError(f"bbox has to have a size, not {width} x {height} pixels")
    if box.center.theta:
        raise ValueError(f"bbox is turned by {box.center.theta} rad; only upright boxes are read")
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def detection_array_3d(grounding: Grounding, places: Places, header: Header) -> Detection3DArray:
    """Return the boxes that have a place, with the ids that they have in `~/detections`.

    They are in the frame of the places at the stamp of the picture.
    """
    header = Header(stamp=header.stamp, frame_id=places.frame_id)
    return Detection3DArray(
        header=header,
        detections=[
            _detection_3d(box, places.located[box.id], header)
            for box in detected_boxes(grounding)
            if box.id in places.located
        ],
    )


def _detection_3d(box: DetectedBox, place: Located, header: Header) -> Detection3D:
    x, y, z = place.size_m
    detection = Detection3D(header=header, id=box.id)
    detection.bbox = BoundingBox3D(center=pose(place), size=Vector3(x=x, y=y, z=z))
    for hypothesis in box.hypotheses:
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = hypothesis.phrase.text
        result.hypothesis.score = hypothesis.score
        result.pose.pose = pose(place)
        result.pose.covariance = place.covariance.reshape(-1)
        detection.results.append(result)
    return detection


def pose(place: Located) -> Pose:
    """Return a place as a pose: the middle of its box and the box's axes."""
    (x, y, z), (qx, qy, qz, qw) = place.position_m, place.orientation
    return Pose(
        position=Point(x=float(x), y=float(y), z=float(z)),
        orientation=Quaternion(x=qx, y=qy, z=qz, w=qw),
    )


def label_image(places: Places, header: Header) -> Image:
    """Return which pixel of the depth image belongs to which detection.

    A pixel is 0 where it belongs to none, else the detection's id and 1 (beyond 65534 it begins
    anew).
    """
    labels = np.zeros(places.depth_hw, dtype=np.uint16)
    for number, place in places.located.items():
        labels[place.full_mask(places.depth_hw)] = int(number) % LABELS + 1
    return image_16uc1(labels, header)


def detection_masks(grounding: Grounding, places: Places, header: Header) -> DetectionMasks:
    """Return a mono8 mask of each detection that has a place, of the depth image's size."""
    message = DetectionMasks(header=header)
    for box in detected_boxes(grounding):
        if box.id in places.located:
            mask = places.located[box.id].full_mask(places.depth_hw)
            message.detection_ids.append(box.id)
            message.masks.append(image_mono8(np.where(mask, 255, 0).astype(np.uint8), header))
    return message


def image_mono8(values: np.ndarray, header: Header) -> Image:
    """Return (H, W) uint8 values as a mono8 Image."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values))
    height, width = values.shape
    return Image(header=header, height=height, width=width, encoding="mono8", step=width, data=data)


def image_16uc1(values: np.ndarray, header: Header) -> Image:
    """Return (H, W) uint16 values, such as millimetres of depth, as a 16UC1 Image."""
    data = array.array("B")
    data.frombytes(values.astype("<u2").tobytes())
    height, width = values.shape
    return Image(
        header=header, height=height, width=width, encoding="16UC1", step=2 * width, data=data
    )


def grounded_text(result: Result) -> GroundedText:
    """Return the answer in words and the ids of the detections that each phrase points at."""
    grounding, request = result.grounding, result.request
    ids: list[list[str]] = [[] for _ in grounding.phrases]
    for box in detected_boxes(grounding):
        for hypothesis in box.hypotheses:
            ids[hypothesis.phrase_index].append(box.id)
    phrases = sorted(zip(grounding.phrases, ids, strict=True), key=lambda pair: pair[0].span)
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
                detection_ids=detection_ids,
            )
            for phrase, detection_ids in phrases
        ],
        latency_ms=result.latency_ms,
        source=result.source,
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
    grounding: Grounding,
    header: Header,
    size_hw: tuple[int, int],
    camera_info: CameraInfo | None,
    places: Places | None = None,
) -> MarkerArray:
    """Return each box as a block where it is, else as a frame one metre ahead, with its phrase.

    The depth of a frame is made up: what is right is the direction, so that the frames lie on the
    things in RViz's Camera display. Without a CameraInfo of the image's size a pinhole with a
    horizontal field of view of 53 degrees is assumed. The first marker deletes those of the last
    answer.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    pinhole = pinhole_of(size_hw, camera_info)
    for box in detected_boxes(grounding):
        place = places.located.get(box.id) if places else None
        if place is None:
            markers += _markers(box, header, pinhole)
        else:
            top = Header(stamp=header.stamp, frame_id=places.frame_id)
            markers += _placed_markers(box, top, place)
    return MarkerArray(markers=markers)


def pinhole_of(size_hw: tuple[int, int], camera_info: CameraInfo | None) -> Pinhole:
    """Return the camera of a picture: that of the rectified image (P) where it is known, else K.

    Without a CameraInfo of the picture's size (height, width) the camera is an assumed one.
    """
    if camera_info is not None and (camera_info.height, camera_info.width) == size_hw:
        for fx, fy, cx, cy in (
            (camera_info.p[0], camera_info.p[5], camera_info.p[2], camera_info.p[6]),
            (camera_info.k[0], camera_info.k[4], camera_info.k[2], camera_info.k[5]),
        ):
            if fx > 0 and fy > 0 and all(map(math.isfinite, (fx, fy, cx, cy))):
                return Pinhole(fx, fy, cx, cy)
    return Pinhole.assumed(size_hw)


def _markers(box: DetectedBox, header: Header, pinhole: Pinhole) -> list[Marker]:
    x1, y1, x2, y2 = box.box_xyxy
    points = [
        pinhole.at_depth(u, v, MARKER_DEPTH_M)
        for u, v in ((x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1))
    ]
    corners = [Point(x=x, y=y, z=z) for x, y, z in points]
    frame, label = _marker(box, header, "boxes"), _label(box, header)
    frame.type, frame.points, frame.scale = Marker.LINE_STRIP, corners, Vector3(x=0.005)
    top = corners[0], corners[1]
    label.pose.position = Point(x=(top[0].x + top[1].x) / 2, y=top[0].y - 0.03, z=MARKER_DEPTH_M)
    return [frame, label]


def _placed_markers(box: DetectedBox, header: Header, place: Located) -> list[Marker]:
    block, label = _marker(box, header, "boxes"), _label(box, header)
    x, y, z = place.size_m
    block.type, block.pose, block.scale = Marker.CUBE, pose(place), Vector3(x=x, y=y, z=z)
    block.color.a = 0.5
    up = rotation_matrix(*place.orientation)[:, 2]
    x, y, z = place.position_m + (z / 2 + 0.03) * up
    label.pose.position = Point(x=x, y=y, z=z)
    return [block, label]


def _label(box: DetectedBox, header: Header) -> Marker:
    label, best = _marker(box, header, "labels"), box.hypotheses[0]
    label.type, label.scale = Marker.TEXT_VIEW_FACING, Vector3(z=0.04)
    label.text = box_label(best.phrase.text, best.score, best.phrase.role, box.id)
    return label


def _marker(box: DetectedBox, header: Header, namespace: str) -> Marker:
    """Return what all markers of a box have in common."""
    red, green, blue = (level / 255 for level in id_rgb(box.id))
    marker = Marker(
        header=header,
        ns=namespace,
        id=int(box.id),
        action=Marker.ADD,
        color=ColorRGBA(r=red, g=green, b=blue, a=1.0),
        lifetime=Duration(sec=MARKER_LIFETIME_S),
    )
    marker.pose.orientation.w = 1.0
    return marker


def status(level: bytes, message: str, model: str, values: dict) -> DiagnosticStatus:
    """Return the node's state: `message` for people, `values` for programs."""
    return DiagnosticStatus(
        level=level,
        name="groma",
        message=message,
        hardware_id=model,
        values=key_values(values),
    )


def key_values(values: dict) -> list[KeyValue]:
    """Return values of a DiagnosticStatus."""
    return [KeyValue(key=key, value=str(value)) for key, value in values.items()]
