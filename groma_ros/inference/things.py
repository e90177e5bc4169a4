"""The things of a picture: regions that stand out, and what the model calls them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from groma_ros.encoding import prompts
from groma_ros.inference.answer_context import AnswerContext
from groma_ros.inference.region_choice import SAME_THING_IOU, WHOLE_PICTURE_SHARE
from groma_ros.inference.spoken_answer import describe_region
from groma_ros.language.nouns import head_noun
from groma_ros.values.boxes import area, iou


def thing_regions(context: AnswerContext) -> list[int]:
    """Return the regions that are things, best first.

    Their objectness is above the model's threshold, they do not cover the picture, and they do
    not overlap a better region. Where a caller gave the regions, all of them are things.
    """
    if context.perception.allowed is not None:
        return list(context.perception.allowed)
    perception, least = context.perception, context.model.config.pointing.thing_objectness
    height, width = perception.image_size_hw
    share = area(perception.boxes_xyxy) / max(height * width, 1)
    overlap = iou(perception.boxes_xyxy, perception.boxes_xyxy)
    kept: list[int] = []
    for region in np.argsort(-perception.scores, kind="stable").tolist():
        stands_out = perception.scores[region] > least and share[region] <= WHOLE_PICTURE_SHARE
        if stands_out and not any(overlap[region, other] > SAME_THING_IOU for other in kept):
            kept.append(region)
    return kept


def names_of(context: AnswerContext, regions: Iterable[int]) -> dict[int, str]:
    """Return what the model calls each region, such as "a red cup"; it is asked once a picture.

    Raises Cancelled between two tokens.
    """
    names = context.perception.region_names.setdefault(context.max_new_tokens, {})
    for region in regions:
        if region not in names:
            name, _ = describe_region(context, region, prompts.WHAT_IS_THIS)
            names[region] = name.rstrip(". ")
    return names


def regions_named(
    context: AnswerContext, regions: Sequence[int], nouns: Iterable[str]
) -> list[int]:
    """Return the regions that the model calls by one of the nouns."""
    names, wanted = names_of(context, regions), set(nouns)
    return [region for region in regions if head_noun(names[region]) in wanted]


def without_overlapping(
    context: AnswerContext, regions: Sequence[int], excluded: Sequence[int]
) -> list[int]:
    """Return the regions that are not the same things as excluded ones."""
    if not excluded:
        return list(regions)
    boxes = context.perception.boxes_xyxy
    overlap = iou(boxes[list(regions)], boxes[list(excluded)])
    same = (overlap > SAME_THING_IOU).any(axis=1) if len(regions) else []
    return [region for region, out in zip(regions, same, strict=True) if not out]


def in_a_row(context: AnswerContext, regions: Sequence[int], side: str) -> list[int]:
    """Return regions in the order of their places, counted from a side of the picture.

    The front is the lower edge of the picture, the back its upper edge.
    """
    boxes = context.perception.boxes_xyxy
    left, top, right, bottom = boxes.T
    across = {"left": left + right, "right": -(left + right)}
    down = {"top": top + bottom, "back": bottom, "bottom": -(top + bottom), "front": -bottom}
    size = {"big": -area(boxes), "small": area(boxes)}
    place = (across | down | size)[side]
    return sorted(regions, key=lambda region: float(place[region]))
