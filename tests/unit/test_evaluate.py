"""An answer is right where it names the right thing, points at it first, or refuses rightly."""

import json
from types import SimpleNamespace

import numpy as np
from PIL import Image

from groma_ros.model.config import PointingConfig
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train import names
from groma_ros.train.questions import UNKNOWN, Question, Truth
from groma_ros.train.views import Thing
from groma_ros.train.views import Truth as ViewTruth
from groma_ros.values.answers import Grounding, Phrase, Status
from groma_ros.verify.evaluate import evaluate, is_right, names_kind_and_colour, table


def test_a_description_has_to_name_kind_and_colour():
    cup, red = names.number_of("cup"), COLOURS.index("red")
    assert names_kind_and_colour("A red mug.", cup, red)
    assert not names_kind_and_colour("A red bowl.", cup, red) and not names_kind_and_colour(
        "A blue cup.", cup, red
    )
    assert names_kind_and_colour("A mug.", cup, UNKNOWN), "a photograph may not tell the colour"


def test_the_first_box_has_to_lie_on_the_thing_and_a_refusal_has_no_box():
    truth = Truth(np.array([0]), np.array([0]), np.array([[0.1, 0.1, 0.5, 0.5]]), np.array([1.0]))
    size = np.array([100, 100, 100, 100])
    right, wrong = np.array([[10, 10, 50, 50]]), np.array([[60, 60, 90, 90]])

    def answer(status, *boxes):
        boxes = np.concatenate(boxes).astype(np.float32) if boxes else np.zeros((0, 4), np.float32)
        phrase = Phrase("cup", (0, 3), boxes, np.ones(len(boxes), np.float32) / 2, "target")
        return Grounding(status, "cup", (phrase,), "pick", {})

    asked = Question("unique", "locate", "the red cup", (0,))
    assert is_right(asked, answer(Status.GROUNDED, right), truth, size)
    assert not is_right(asked, answer(Status.AMBIGUOUS, wrong, right), truth, size)
    assert not is_right(asked, answer(Status.NOT_FOUND), truth, size)
    absent = Question("absent", "locate", "the ball")
    assert is_right(absent, answer(Status.NOT_FOUND), truth, size)
    assert not is_right(absent, answer(Status.GROUNDED, wrong), truth, size)
    every = Question("all", "locate_all", "cups", (0,))
    assert not is_right(every, answer(Status.GROUNDED, right, wrong), truth, size)


def random_pictures(count):
    """Return readers of pictures of 60 x 40 pixels with random things in them."""
    rng, made = np.random.default_rng(0), []
    for size in rng.integers(2, 8, count):
        corners = np.sort(rng.random((size, 2, 2)), axis=1).reshape(size, 4)
        things = [
            Thing(
                KINDS[rng.integers(len(KINDS))],
                COLOURS[rng.integers(len(COLOURS))],
                tuple(map(float, box)),
                float(rng.random() + 0.5),
            )
            for box in corners
        ]
        made.append((Image.new("RGB", (60, 40)), ViewTruth("render", things, [], [], ["*"])))
    return [lambda picture=picture: picture for picture in made]


class Refuser:
    """Find nothing, whatever is asked, and be sure of it."""

    def __init__(self):
        self.model = SimpleNamespace(config=SimpleNamespace(pointing=PointingConfig()))
        self.times = {"perceive": 1.0, "ground": 2.0}

    def perceive(self, rgb):
        return SimpleNamespace(boxes_xyxy=np.array([[0.0, 0, 1, 1]], np.float32))

    def ground(self, perception, command):
        return Grounding(Status.NOT_FOUND, "Found nothing.", timings_ms=self.times)

    def describe(self, perception, boxes_xyxy):
        return Grounding(Status.GROUNDED, "a thing", timings_ms=self.times)

    def point(self, perception, phrases):
        return np.array([[0.1, 0.9]] * len(phrases))


def test_who_refuses_everything_is_right_about_what_is_absent_only(tmp_path):
    failures = tmp_path / "failures.jsonl"
    report = evaluate(Refuser(), random_pictures(60), questions=180, seed=0, failures=failures)
    right = {name: row["accuracy"] for name, row in report["families"].items()}
    assert right["absent"] == right["absent_colour"] == 1.0
    assert right["unique"] == right["kind"] == right["all"] == right["refer"] == 0.0
    assert report["false_refusals"] == 1.0 and report["ms_median"] == 3.0
    wrong = {json.loads(line)["family"] for line in failures.read_text().splitlines()}
    assert {"unique", "kind", "all", "refer"} <= wrong and "absent" not in wrong
    (only,) = report["calibration"]["bins"]
    assert round(only["confidence"], 6) == 0.9 and 0 < only["accuracy"] < 1
    assert "absent" in table(report)
