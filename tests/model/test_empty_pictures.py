"""In a picture of nothing nothing is found, whatever is asked for."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from groma_ros.inference.region_choice import background_regions
from groma_ros.pictures import SHIPPED
from groma_ros.predictor import Predictor

HEIGHT, WIDTH = 240, 320
COMMANDS = (
    "pick up the red cup",
    "find all the cups",
    "take the box",
    "the leftmost can",
    "is there a cup?",
    "bring me the white plate",
    "find all the objects",
    "what do you see?",
)


@pytest.fixture(scope="module")
def nano():
    return Predictor.from_pretrained("nano", device="cpu", warm_up=False)


def noise(level, deviation):
    rng = np.random.default_rng(0)
    return rng.normal(level, deviation, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)


def wall():
    light = np.linspace(190, 150, WIDTH)[None, :, None]
    return (noise(0, 3) + light).clip(0, 255).astype(np.uint8)


def defocused():
    sharp = Image.open(SHIPPED / "000.jpg").convert("RGB")
    return np.asarray(sharp.filter(ImageFilter.GaussianBlur(60)))


EMPTY = {
    "black": noise(0, 0),
    "dark noise": noise(8, 6),
    "white": noise(255, 0),
    "grey": noise(128, 0),
    "noise": noise(128, 60),
    "a wall": wall(),
    "out of focus": defocused(),
}


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_is_pointed_at_where_nothing_is(nano, name):
    perception = nano.perceive(EMPTY[name])
    for command in COMMANDS:
        answer = nano.ground(perception, command)
        assert answer.status == "NOT_FOUND", command
        assert not any(len(phrase.boxes_xyxy) for phrase in answer.phrases), command


def test_a_thing_that_fills_the_picture_is_no_background():
    boxes = np.array([[0, 0, WIDTH, HEIGHT], [0, 0, WIDTH, HEIGHT], [10, 10, 50, 50]])
    objectness = np.array([0.8, 0.3, 0.1])
    assert background_regions(boxes, objectness, (HEIGHT, WIDTH), least=0.45) == [1]
    assert background_regions(boxes, objectness, (HEIGHT, WIDTH), least=0.0) == []
