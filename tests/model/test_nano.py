"""groma-nano as it ships: what a person sees who tries the demo, and one real photograph."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from groma_ros.predictor import Predictor
from groma_ros.values.answers import Status
from groma_ros.values.boxes import iou
from groma_ros.verify.evaluate import GOALS

FRAMES = Path(__file__).parents[2] / "groma_ros" / "data" / "tabletop"
COFFEE_CUP = (172, 17, 409, 310)
COFFEE_CUP_AND_SAUCER = (76, 17, 480, 388)


@pytest.fixture(scope="module")
def nano():
    return Predictor.from_pretrained("nano", device="cpu")


@pytest.fixture(scope="module")
def sequence():
    return json.loads((FRAMES / "sequence.json").read_text())["frames"]


def overlap(answer, wanted) -> float:
    boxes = answer.phrases[0].boxes_xyxy
    return float(iou(boxes[:1], np.array([wanted], np.float32))[0, 0]) if len(boxes) else 0.0


def test_the_demo_s_command_is_grounded_in_every_frame(nano, sequence):
    for frame in sequence:
        rgb = np.asarray(Image.open(FRAMES / frame["file"]))
        answer = nano.ground(nano.perceive(rgb), "pick up the red cup")
        cup = next(o for o in frame["objects"] if (o["colour"], o["kind"]) == ("red", "cup"))
        assert answer.status is Status.GROUNDED, frame["file"]
        assert overlap(answer, cup["box_xyxy"]) > 0.5, frame["file"]


def test_cups_of_colours_that_are_not_there_get_no_box(nano, sequence):
    """As many as the evaluation's goal asks for are refused; one is asked for as a user would."""
    colours = ("green", "yellow", "purple", "pink", "white", "black", "orange", "brown")
    threshold, refused = nano.model.config.pointing.refusal_threshold, []
    for frame in sequence:
        assert not any(o["kind"] == "cup" and o["colour"] in colours for o in frame["objects"])
        seen = nano.perceive(np.asarray(Image.open(FRAMES / frame["file"])))
        chances = nano.point(seen, [f"the {colour} cup" for colour in colours])
        refused += (chances[:, -1] > threshold).tolist()
    assert np.mean(refused) >= GOALS["absent_colour"]
    answer = nano.ground(seen, "pick up the yellow banana")
    assert answer.status is Status.NOT_FOUND and not len(answer.phrases[0].boxes_xyxy)


def test_a_real_photograph(nano):
    """The red cup of scikit-image's coffee.png."""
    answer = nano.ground(nano.perceive(skimage.data.coffee()), "pick up the red cup")
    assert answer.status in (Status.GROUNDED, Status.AMBIGUOUS)
    assert max(overlap(answer, COFFEE_CUP), overlap(answer, COFFEE_CUP_AND_SAUCER)) > 0.5


ANSWER_WITHOUT_TRANSFORMERS = """
import sys
import torch

REFUSED = {"transformers", "tokenizers", "torchao", "huggingface_hub", "cv2", "sympy"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in REFUSED or name in ("torch._dynamo", "torch._inductor"):
            raise ModuleNotFoundError(f"{name} is out of reach in this test", name=name)

sys.meta_path.insert(0, Refuse())
from groma_ros.cli import main
sys.exit(main(["ground", *sys.argv[1:], "--json"]))
"""


def test_a_picture_is_grounded_where_transformers_and_torch_s_compiler_are_out_of_reach(sequence):
    """Each of them takes longer to import than the answer takes, and other versions break."""
    frame = FRAMES / sequence[0]["file"]
    run = subprocess.run(
        [sys.executable, "-c", ANSWER_WITHOUT_TRANSFORMERS, str(frame), "pick up the red cup"],
        cwd=FRAMES.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["status"] == "GROUNDED"


def test_the_model_for_photographs_ships_too_and_knows_a_cup_from_a_laptop():
    photos = Predictor.from_pretrained("nano-photos", device="cpu")
    seen = photos.perceive(skimage.data.coffee())
    answer = photos.ground(seen, "find the cup")
    assert answer.status is Status.GROUNDED
    assert overlap(answer, COFFEE_CUP_AND_SAUCER) > 0.5
    assert photos.ground(seen, "find the laptop").status is Status.NOT_FOUND
