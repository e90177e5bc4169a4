"""Make probabilities mean what they say: temperature, thresholds and how reliable they are.

Pure numpy. An answer to a singular phrase is right where its first box lies on a thing that fits,
or where it refuses and nothing does. Its confidence is the probability behind it: that of nothing
for a refusal, else that of the first region (`grounding.pointing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from groma_ros.inference.region_choice import fitting, list_probabilities, one_after_the_other
from groma_ros.model.config import PointingConfig
from groma_ros.values.boxes import iou

BINS = 10
RIGHT_IOU = 0.5
MOST_REFUSED = 0.05
"""Share of what is there that may be refused; a robot that does not see its task is of no use."""


@dataclass(frozen=True, eq=False)
class Example:
    """One singular question and what the model made of it.

    chances      (n + 1,) probability of each region and of nothing, at temperature 1
    boxes_xyxy   (n, 4) regions
    wanted_xyxy  (m, 4) the things that fit; m is 0 where there is none
    """

    chances: np.ndarray
    boxes_xyxy: np.ndarray
    wanted_xyxy: np.ndarray


class Decision(NamedTuple):
    """What a rule makes of an example: how sure it is, and whether it is right.

    first  whether its first box, or its refusal, is right
    exact  whether it found all that fits and nothing else
    """

    refused: bool
    confidence: float
    first: bool
    exact: bool


def decide(example: Example, rule: PointingConfig) -> Decision:
    """Answer an example by a rule."""
    chances = tempered(example.chances, rule.temperature)
    chosen = fitting(chances, example.boxes_xyxy, rule.nothing_above, rule.rival_share)
    if not chosen:
        right = len(example.wanted_xyxy) == 0
        return Decision(True, float(chances[-1]), right, right)
    sure = list_probabilities(chosen, one_after_the_other(chosen, chances))
    on = iou(example.boxes_xyxy[chosen], example.wanted_xyxy) > RIGHT_IOU
    if not on.size:
        return Decision(False, float(sure[0]), False, False)
    exact = len(chosen) == on.shape[1] and on.any(0).all() and on.any(1).all()
    return Decision(False, float(sure[0]), bool(on[0].any()), bool(exact))


def tempered(chances: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities as another temperature of their softmax gives them."""
    logits = np.log(np.maximum(chances.astype(np.float64), 1e-30)) / temperature
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def reliability(confidences: Sequence[float], right: Sequence[bool]) -> dict:
    """Return the expected calibration error and, for each tenth of confidence, what came of it.

    The error is the mean distance of confidence and accuracy over the bins, weighted by their
    counts (arXiv 1706.04599).
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
    """Return the rule that serves these examples best.

    The temperature makes the confidence of the answers likeliest. The threshold of refusals then
    weighs what is there and refused against what is not and answered, alike, but refuses no more
    than `MOST_REFUSED` of what is there. The share of rivals balances single things against several.
    """
    rule = PointingConfig()
    rule = _best(
        rule, "temperature", np.geomspace(0.5, 3.0, 37), lambda r: _likelihood(examples, r)
    )
    rule = _best(
        rule, "nothing_above", np.arange(0.2, 0.81, 0.05), lambda r: _refusals(examples, r)
    )
    return _best(rule, "rival_share", np.arange(0.1, 0.91, 0.05), lambda r: _rivals(examples, r))


def _best(rule: PointingConfig, name: str, values, goodness) -> PointingConfig:
    """Return the rule with the value that does best; of equals the one in their middle."""
    rules = [replace(rule, **{name: round(float(v), 4)}) for v in values]
    good = np.array([goodness(r) for r in rules])
    best = np.flatnonzero(good >= good.max() - 1e-12)
    return rules[best[len(best) // 2]]


def _likelihood(examples: Sequence[Example], rule: PointingConfig) -> float:
    decisions = [decide(e, rule) for e in examples]
    sure = np.clip([d.confidence for d in decisions], 1e-6, 1 - 1e-6)
    return float(np.log(np.where([d.first for d in decisions], sure, 1 - sure)).mean())


def _refusals(examples: Sequence[Example], rule: PointingConfig) -> float:
    decisions = [decide(e, rule) for e in examples]
    first, refused = np.array([(d.first, d.refused) for d in decisions]).T
    there = np.array([len(e.wanted_xyxy) > 0 for e in examples])
    too_many = max(float(refused[there].mean()) - MOST_REFUSED, 0.0)
    return float(first[there].mean() + first[~there].mean()) - 100 * too_many


def _rivals(examples: Sequence[Example], rule: PointingConfig) -> float:
    exact = np.array([decide(e, rule).exact for e in examples])
    count = np.array([len(e.wanted_xyxy) for e in examples])
    return float(exact[count == 1].mean() + exact[count > 1].mean())
