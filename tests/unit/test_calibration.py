"""What makes probabilities mean what they say."""

import json

import numpy as np
import pytest

from groma_ros.model.config import PointingConfig
from groma_ros.verify.calibrate import write
from groma_ros.verify.calibration import Example, decide, fit, reliability, tempered
from groma_ros.verify.evaluate import plot

BOXES = np.array([[10 * i, 0, 10 * i + 8, 8] for i in range(4)], np.float32)


def example(probabilities, *wanted) -> Example:
    return Example(np.array(probabilities, float), BOXES, BOXES[list(wanted)].reshape(-1, 4))


def test_no_answers_have_no_error():
    assert reliability([], []) == {"ece": 0.0, "bins": []}


def test_the_error_is_how_far_confidence_lies_from_accuracy():
    report = reliability([0.95] * 10 + [0.55] * 10, [True] * 9 + [False] + [True] * 5 + [False] * 5)
    assert report["ece"] == pytest.approx(0.05)
    assert [b["count"] for b in report["bins"]] == [10, 10]
    assert plot(report).size == (500, 500)


@pytest.mark.parametrize(
    ("probabilities", "wanted", "refused", "confidence", "first", "exact"),
    [
        ([0.8, 0.1, 0.0, 0.0, 0.1], [0], False, 0.8, True, True),
        ([0.8, 0.1, 0.0, 0.0, 0.1], [1], False, 0.8, False, False),
        ([0.8, 0.1, 0.0, 0.0, 0.1], [], False, 0.8, False, False),
        ([0.1, 0.1, 0.0, 0.0, 0.8], [], True, 0.8, True, True),
        ([0.1, 0.1, 0.0, 0.0, 0.8], [1], True, 0.8, False, False),
        ([0.5, 0.4, 0.0, 0.0, 0.1], [0, 1], False, 0.9, True, True),
        ([0.5, 0.4, 0.0, 0.0, 0.1], [0], False, 0.9, True, False),
    ],
)
def test_a_decision_says_how_sure_and_how_right_it_is(
    probabilities, wanted, refused, confidence, first, exact
):
    got = decide(example(probabilities, *wanted), PointingConfig())
    assert (got.refused, got.first, got.exact) == (refused, first, exact)
    assert got.confidence == pytest.approx(confidence)


def test_temperatures_multiply():
    probabilities = np.array([0.7, 0.2, 0.1])
    np.testing.assert_allclose(tempered(tempered(probabilities, 2.0), 0.5), probabilities)
    np.testing.assert_allclose(tempered(probabilities, 1.0), probabilities)


def overconfident(seed: int, sharpness: float) -> list[Example]:
    """Draw questions whose answers are right as often as the flattened probabilities say."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(1500):
        true = rng.dirichlet([0.4] * 5)
        fits = int(rng.choice(5, p=true))
        made.append(example(tempered(true, 1 / sharpness), *([fits] if fits < 4 else [])))
    several = [0.45, 0.02, 0.43, 0.02, 0.08]
    return made + [example(tempered(np.array(several), 1 / sharpness), 0, 2)] * 300


def test_fitting_undoes_overconfidence_and_finds_the_rivals():
    examples = overconfident(0, 2.0)
    rule = fit(examples)
    assert rule.temperature == pytest.approx(2.0, rel=0.15)
    for r, most in ((rule, 0.05), (PointingConfig(), 1.0)):
        decisions = [decide(e, r) for e in examples]
        ece = reliability([d.confidence for d in decisions], [d.first for d in decisions])["ece"]
        assert ece < most
    assert decide(examples[-1], rule).exact


def test_a_rule_is_written_into_the_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"a": 1, "groma_ros": {"image_size": 64}}))
    write(path, PointingConfig(1.5, 0.4, 0.6))
    assert json.loads(path.read_text()) == {
        "a": 1,
        "groma_ros": {
            "image_size": 64,
            "pointing": {
                "temperature": 1.5,
                "refusal_threshold": 0.4,
                "ambiguity_ratio": 0.6,
                "list_ratio": 0.0,
                "thing_objectness": 0.35,
                "background_objectness": 0.0,
            },
        },
    }
