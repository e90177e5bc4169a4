"""Decide what a question points at from probabilities: pure numpy functions.

After `<roi>` the model gives a probability to every region and, last, to the end of the list. At
the very start of a list its end means that nothing in the picture fits. A model that was trained on
lists without an order shares the probability out over all regions that fit, so that one look at
these numbers tells a clear answer from a doubtful one, several fitting things and none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from groma_ros.values.boxes import area, iou

SAME_THING_IOU = 0.5
"""Two regions that overlap by more are taken for the same thing."""
WHOLE_PICTURE_SHARE = 0.9
"""A box over more of the picture than this may be its background."""


class ChosenRegion(NamedTuple):
    """Hold a region of an answer and the probabilities (n + 1,) that it was chosen from."""

    region: int
    probabilities: np.ndarray

    @property
    def probability(self) -> float:
        """How likely the region was at its step."""
        return float(self.probabilities[self.region])


def background_regions(
    boxes_xyxy: np.ndarray, objectness: np.ndarray, size_hw: tuple[int, int], least: float
) -> list[int]:
    """Return the regions that fill a picture (height, width) with an objectness below `least`.

    In a picture of nothing, black, plain or out of focus, that is all that the proposer gives.
    """
    share = area(boxes_xyxy) / max(size_hw[0] * size_hw[1], 1)
    return np.flatnonzero((share > WHOLE_PICTURE_SHARE) & (objectness < least)).tolist()


def outside_regions(boxes_xyxy: np.ndarray, allowed: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the regions over the same things as the allowed ones, and all that are not allowed."""
    outside = [region for region in range(len(boxes_xyxy)) if region not in allowed]
    overlap = iou(boxes_xyxy, boxes_xyxy[list(allowed)]).max(axis=1)
    return [region for region in outside if overlap[region] > SAME_THING_IOU], outside


def choose_regions(
    probabilities: np.ndarray,
    boxes_xyxy: np.ndarray,
    refusal_threshold: float,
    ambiguity_ratio: float,
) -> list[int]:
    """Return the regions that a singular phrase fits, best first.

    There is none where the end of the list has a probability above `refusal_threshold`. Else it is
    the likeliest region, and each further one that has at least `ambiguity_ratio` of its
    probability. Regions over the same thing count as one, with their probabilities added up.

    probabilities  (n + 1,) of each region and, last, of the end of the list
    boxes_xyxy     (n, 4) regions
    """
    if len(probabilities) == 1 or probabilities[-1] > refusal_threshold:
        return []
    order = np.argsort(-probabilities[:-1], kind="stable")
    overlap = iou(boxes_xyxy[order], boxes_xyxy[order])
    things: dict[int, float] = {}
    for place, region in enumerate(order):
        same = [first for first in things if overlap[first, place] > SAME_THING_IOU]
        at = same[0] if same else place
        things[at] = things.get(at, 0.0) + float(probabilities[region])
    return [int(order[at]) for at, p in things.items() if p >= ambiguity_ratio * things[0]]


def list_probabilities(regions: Sequence[int], steps: Sequence[np.ndarray]) -> np.ndarray:
    """Return (k,) for k regions chosen one after the other: how sure each one was.

    It is the probability that the answer goes on with this region or with one of those that were
    chosen after it, at the step it was chosen: of three cups each is a sure answer to "all cups",
    though none of them is surely the first. `steps` holds (n + 1,) probabilities for each region.
    """
    each = [float(step[list(regions[at:])].sum()) for at, step in enumerate(steps)]
    return np.clip(np.array(each, dtype=np.float32), 0.0, 1.0)


def renormalised_steps(regions: Sequence[int], probabilities: np.ndarray) -> list[np.ndarray]:
    """Return the probabilities (n + 1,) that are left at each step when `regions` are chosen."""
    steps, left = [], probabilities.astype(np.float64)
    for region in regions:
        left = left / max(left.sum(), 1e-9)
        steps.append(left)
        left = left.copy()
        left[region] = 0.0
    return steps


def boxes_and_scores(
    chosen: Sequence[ChosenRegion], boxes_xyxy: np.ndarray, objectness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (k, 4) and scores (k,) of the regions of one list, best first.

    A score is the region's probability in the list times its objectness; `boxes_xyxy` (n, 4) and
    `objectness` (n,) are those of all regions.
    """
    regions = np.array([one.region for one in chosen], dtype=np.int64)
    probabilities = list_probabilities(regions.tolist(), [one.probabilities for one in chosen])
    scores = probabilities * objectness[regions]
    order = np.lexsort((regions, -scores))
    return boxes_xyxy[regions[order]], scores[order]
