"""Fit temperature and thresholds so that probabilities match accuracy, in pure numpy.

An answer to a singular phrase is right where its first box lies on a thing that fits, or where it
refuses and nothing fits. Its confidence is the probability behind it: that of nothing for a
refusal, else that of the first region (see `inference.region_choice`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from groma_ros.inference.region_choice import (
    choose_regions,
    list_probabilities,
    renormalised_steps,
)
from groma_ros.model.config import PointingConfig
from groma_ros.values.boxes import iou

BINS = 10
RIGHT_IOU = 0.5
MOST_REFUSED = 0.05
"""Largest share of present things that may be refused: a robot has to see what it is sent for."""


@dataclass(frozen=True, eq=False)
class Example:
    """Hold one singular question and the answer of the model. Boxes are in source pixels.

    probabilities  (n + 1,) of each region and, last, of nothing, at temperature 1
    boxes_xyxy     (n, 4) regions
    wanted_xyxy    (m, 4) the things that fit; m is 0 where nothing fits
    """

    probabilities: np.ndarray
    boxes_xyxy: np.ndarray
    wanted_xyxy: np.ndarray


class Decision(NamedTuple):
    """Say what a rule makes of an example.

    refused     whether the answer is that nothing fits
    confidence  probability of the answer, in [0, 1]
    first       whether its first box, or its refusal, is right
    exact       whether it found everything that fits and nothing else
    """

    refused: bool
    confidence: float
    first: bool
    exact: bool


def decide(example: Example, rule: PointingConfig) -> Decision:
    """Answer an example by a rule."""
    probabilities = tempered(example.probabilities, rule.temperature)
    chosen = choose_regions(
        probabilities, example.boxes_xyxy, rule.refusal_threshold, rule.ambiguity_ratio
    )
    if not chosen:
        right = len(example.wanted_xyxy) == 0
        return Decision(True, float(probabilities[-1]), right, right)
    sure = list_probabilities(chosen, renormalised_steps(chosen, probabilities))
    on = iou(example.boxes_xyxy[chosen], example.wanted_xyxy) > RIGHT_IOU
    if not on.size:
        return Decision(False, float(sure[0]), False, False)
    exact = len(chosen) == on.shape[1] and on.any(0).all() and on.any(1).all()
    return Decision(False, float(sure[0]), bool(on[0].any()), bool(exact))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities (n + 1,) that their softmax has at another temperature."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-30)) / temperature
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def reliability(confidences: Sequence[float], right: Sequence[bool]) -> dict:
    """Return the expected calibration error, and mean confidence and accuracy by tenths.

    The error is the mean distance between confidence and accuracy over the bins, weighted by their
    counts (arXiv 1706.04599). Bins without an answer are left out.
    """
    sure, hit = np.asarray(confidences, float), np.asarray(right, float)
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    bins = [
        {"confidence": float(sure[mine].mean()), "accuracy": float(hit[mine].mean()), "count": n}
        for mine in (place == number for number in range(BINS))
        if (n := int(mine.sum()))
    ]
    total = max(len(sure), 1)
    ece = sum(b["count"] * abs(b["confidence"] - b["accuracy"]) for b in bins) / total
    return {"ece": ece, "bins": bins}


def fit(examples: Sequence[Example]) -> PointingConfig:
    """Return the rule that fits these examples best.

    First the temperature is fitted: it maximises the likelihood of right and wrong answers under
    their confidence. Then the threshold of refusals maximises the accuracy on present things plus
    that on absent ones, and refuses at most `MOST_REFUSED` of the present ones. Last, the share of
    rivals maximises the exact answers on single things plus those on several.
    """
    rule = PointingConfig()
    rule = _best(
        rule, "temperature", np.geomspace(0.5, 3.0, 37), lambda r: _likelihood(examples, r)
    )
    rule = _best(
        rule, "refusal_threshold", np.arange(0.2, 0.81, 0.05), lambda r: _refusals(examples, r)
    )
    return _best(
        rule, "ambiguity_ratio", np.arange(0.1, 0.91, 0.05), lambda r: _rivals(examples, r)
    )


def _best(
    rule: PointingConfig,
    name: str,
    values: Iterable[float],
    goodness: Callable[[PointingConfig], float],
) -> PointingConfig:
    """Return the rule with the value of one field that does best; of equals the middle one."""
    rules = [replace(rule, **{name: round(float(v), 4)}) for v in values]
    good = np.array([goodness(r) for r in rules])
    best = np.flatnonzero(good >= good.max() - 1e-12)
    return rules[best[len(best) // 2]]


def _likelihood(examples: Sequence[Example], rule: PointingConfig) -> float:
    """Return the mean log likelihood of right and wrong answers under their confidence."""
    decisions = [decide(e, rule) for e in examples]
    sure = np.clip([d.confidence for d in decisions], 1e-6, 1 - 1e-6)
    return float(np.log(np.where([d.first for d in decisions], sure, 1 - sure)).mean())


def _refusals(examples: Sequence[Example], rule: PointingConfig) -> float:
    """Return the accuracy on present things plus that on absent ones; too many refusals cost."""
    decisions = [decide(e, rule) for e in examples]
    first, refused = np.array([(d.first, d.refused) for d in decisions]).T
    there = np.array([len(e.wanted_xyxy) > 0 for e in examples])
    too_many = max(float(refused[there].mean()) - MOST_REFUSED, 0.0)
    return float(first[there].mean() + first[~there].mean()) - 100 * too_many


def _rivals(examples: Sequence[Example], rule: PointingConfig) -> float:
    """Return the share of exact answers on single things plus that on several."""
    exact = np.array([decide(e, rule).exact for e in examples])
    count = np.array([len(e.wanted_xyxy) for e in examples])
    return float(exact[count == 1].mean() + exact[count > 1].mean())
