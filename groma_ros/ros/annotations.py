"""`~/annotations`: an answer as what Foxglove draws over the camera's image.

foxglove_msgs is no dependency: where it is not installed there is no such topic.
"""

from __future__ import annotations

from builtin_interfaces.msg import Time

from groma_ros.ros.messages import DetectedBox, detected_boxes
from groma_ros.values.answers import Grounding
from groma_ros.values.box_labels import box_label
from groma_ros.values.id_colours import id_rgb

try:
    from foxglove_msgs.msg import (
        Color,
        ImageAnnotations,
        Point2,
        PointsAnnotation,
        TextAnnotation,
    )
except ModuleNotFoundError:
    ImageAnnotations = None

LABEL_GAP = 0.25  # between a box and its label, as a part of the letters' height


def image_annotations(
    grounding: Grounding, stamp: Time, size_hw: tuple[int, int]
) -> ImageAnnotations:
    """Return each box of an answer with its phrase and score, in the colour of its id.

    stamp    that of the image: Foxglove draws them over the image that has it
    size_hw  (height, width) of the image in pixels, with which lines and letters grow

    An answer without boxes has no annotations, which clears the last ones.
    """
    boxes = detected_boxes(grounding)
    message = ImageAnnotations(
        points=[_outline(box, stamp, size_hw) for box in boxes],
        texts=[_label(box, stamp, size_hw) for box in boxes],
    )
    if hasattr(message, "timestamp"):  # since 3.2.5
        message.timestamp = stamp
    return message


def _outline(box: DetectedBox, stamp: Time, size_hw: tuple[int, int]) -> PointsAnnotation:
    x1, y1, x2, y2 = (float(v) for v in box.box_xyxy)
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    return PointsAnnotation(
        timestamp=stamp,
        type=PointsAnnotation.LINE_LOOP,
        points=[Point2(x=x, y=y) for x, y in corners],
        outline_color=_colour(box),
        thickness=max(2.0, min(size_hw) / 240),
    )


def _label(box: DetectedBox, stamp: Time, size_hw: tuple[int, int]) -> TextAnnotation:
    """Return the label above a box, or inside its top where no room is above."""
    letters = max(11.0, min(size_hw) / 30)
    x1, y1 = max(0.0, float(box.box_xyxy[0])), float(box.box_xyxy[1])
    gap = LABEL_GAP * letters
    bottom = y1 - gap if y1 >= letters + 2 * gap else max(0.0, y1) + letters + gap
    best = box.hypotheses[0]
    return TextAnnotation(
        timestamp=stamp,
        position=Point2(x=x1, y=bottom),
        text=box_label(best.phrase.text, best.score, best.phrase.role, box.id),
        font_size=letters,
        text_color=Color(r=0.06, g=0.06, b=0.06, a=1.0),
        background_color=_colour(box),
    )


def _colour(box: DetectedBox) -> Color:
    red, green, blue = (level / 255 for level in id_rgb(box.id))
    return Color(r=red, g=green, b=blue, a=1.0)
