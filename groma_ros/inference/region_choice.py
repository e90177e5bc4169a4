"""Decide what a question points at from probabilities: pure numpy functions.

After `<roi>` the model gives a probability to every region and, last, to the end of the list. At
the very start of a list its end means that nothing in the picture fits. A model that was trained on
lists without an order shares the probability out over all regions that fit, so that one look at
these numbers tells a clear answer from a doubtful one, several fitting things and none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from groma_ros.values.boxes import iou

SAME_THING_IOU = 0.5
"""Two regions that overlap by more are taken for the same thing."""


def fitting(
    chances: np.ndarray, boxes_xyxy: np.ndarray, nothing_above: float, rival_share: float
) -> list[int]:
    """Return the regions that a singular phrase fits, best first.

    None where the end of the list has a probability above `nothing_above`. Else the likeliest
    region, and each further one that has at least `rival_share` of its probability. Regions over
    the same thing count as one, with their probabilities added up.

    chances     (n + 1,) probability of each region and, last, of the end
    boxes_xyxy  (n, 4) regions
    """
    if len(chances) == 1 or chances[-1] > nothing_above:
        return []
    order = np.argsort(-chances[:-1], kind="stable")
    overlap = iou(boxes_xyxy[order], boxes_xyxy[order])
    things: dict[int, float] = {}
    for place, region in enumerate(order):
        same = [first for first in things if overlap[first, place] > SAME_THING_IOU]
        at = same[0] if same else place
        things[at] = things.get(at, 0.0) + float(chances[region])
    return [int(order[at]) for at, chance in things.items() if chance >= rival_share * things[0]]


def list_probabilities(regions: Sequence[int], steps: Sequence[np.ndarray]) -> np.ndarray:
    """Return (k,) for k regions chosen one after the other: how sure each one was.

    It is the probability that the answer goes on with this region or with one of those that were
    chosen after it, at the step it was chosen: of three cups each is a sure answer to "all cups",
    though none of them is surely the first. `steps` holds (n + 1,) probabilities for each region.
    """
    each = [float(step[list(regions[at:])].sum()) for at, step in enumerate(steps)]
    return np.clip(np.array(each, dtype=np.float32), 0.0, 1.0)


def one_after_the_other(regions: Sequence[int], chances: np.ndarray) -> list[np.ndarray]:
    """Return the probabilities (n + 1,) that are left at each step when `regions` are chosen."""
    steps, left = [], chances.astype(np.float64)
    for region in regions:
        left = left / max(left.sum(), 1e-9)
        steps.append(left)
        left = left.copy()
        left[region] = 0.0
    return steps
