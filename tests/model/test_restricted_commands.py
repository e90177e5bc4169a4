"""Exclusions, counts, ordinals and texts that ask for nothing, answered on a picture."""

import json

import numpy as np
import pytest
from PIL import Image

from groma_ros.inference import spoken_answer
from groma_ros.inference.answer_grammar import DecodedToken
from groma_ros.pictures import SHIPPED
from groma_ros.predictor import Predictor
from groma_ros.values.answers import Status
from groma_ros.values.boxes import iou


@pytest.fixture(scope="module")
def nano():
    return Predictor.from_pretrained("nano", device="cpu")


def tabletop_picture():
    with Image.open(SHIPPED / "000.jpg") as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def tabletop(nano):
    """Return what nano sees in the first shipped picture, and the names and boxes in it."""
    perception = nano.perceive(tabletop_picture())
    frame = json.loads((SHIPPED / "sequence.json").read_text())["frames"][0]
    names = [f"{thing['colour']} {thing['kind']}" for thing in frame["objects"]]
    return perception, names, [thing["box_xyxy"] for thing in frame["objects"]]


def things(answer, tabletop):
    """Return the names of the things that the targets of an answer point at."""
    _, names, boxes = tabletop
    found = [box for p in answer.phrases if p.role == "target" for box in p.boxes_xyxy]
    overlap = iou(found, boxes)
    return [names[row.argmax()] if row.max() >= 0.5 else "?" for row in overlap]


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("bring me the blue cup not the red cup", ["blue cup"]),
        ("the cup that is not red", ["blue cup"]),
        ("pick up all cups except the red one", ["blue cup"]),
        ("don't take the red cup, take the blue one", ["blue cup"]),
        ("pick up the red cup, sorry, the blue cup", ["blue cup"]),
        ("the red cup, pick it up", ["red cup"]),
        ("pick(red_cup)", ["red cup"]),
        ("pick up the second can from the left", ["green can"]),
    ],
)
def test_what_is_excluded_is_never_the_target(nano, tabletop, command, wanted):
    answer = nano.ground(tabletop[0], command)
    assert answer.status == Status.GROUNDED and things(answer, tabletop) == wanted


def test_an_answer_says_what_was_excluded(nano, tabletop):
    answer = nano.ground(tabletop[0], "the cup that is not red")
    assert answer.reason == 'excluded: "the red cup"'


def test_everything_is_a_phrase_for_each_thing(nano, tabletop):
    answer = nano.ground(tabletop[0], "pick up everything but the red cup")
    found = things(answer, tabletop)
    assert len(found) >= 7 and len(set(found)) == len(found) and "red cup" not in found
    assert all(len(p.boxes_xyxy) == 1 and p.text for p in answer.phrases)
    assert "a blue cup" in [p.text for p in answer.phrases]


def test_more_than_there_is_stays_open(nano, tabletop):
    answer = nano.ground(tabletop[0], "bring me five cans")
    assert answer.status == Status.AMBIGUOUS and "asks for 5 and" in answer.reason
    answer = nano.ground(tabletop[0], "take the fifth can from the right")
    assert answer.status == Status.NOT_FOUND and "asks for number 5 of" in answer.reason


def test_what_a_region_is_called_is_asked_once_a_picture(nano, tabletop, monkeypatch):
    perception = nano.perceive(tabletop_picture())
    first = nano.ground(perception, "pick up the leftmost cup").to_dict() | {"timings_ms": {}}
    monkeypatch.setattr("groma_ros.inference.things.describe_region", None)  # a call would fail
    again = nano.ground(perception, "pick up the leftmost cup").to_dict() | {"timings_ms": {}}
    assert again == first and len(first["phrases"][0]["boxes_xyxy"]) == 1


def test_a_name_cut_short_is_not_kept_for_longer_answers(nano, tabletop):
    perception = nano.perceive(tabletop_picture())
    nano.ground(perception, "pick up everything", max_new_tokens=2)
    answer = nano.ground(perception, "pick up everything")
    assert "a blue cup" in [p.text for p in answer.phrases]


@pytest.mark.parametrize(
    ("command", "action", "reason"),
    [
        ("don't pick up the red cup", "none", "forbids an action"),
        ("do not move", "stop", "forbids an action"),
        ("stop", "stop", "asks to do nothing"),
        ("Thank you.", "none", "asks for nothing"),
        ("\u62ff\u8d77\u7ea2\u8272\u7684\u676f\u5b50", "find", "cannot read"),
        ("pick up the flurbiglorp", "pick", 'does not know the noun "flurbiglorp"'),
    ],
)
def test_what_is_no_command_or_not_understood_points_at_nothing(
    nano, tabletop, command, action, reason
):
    answer = nano.ground(tabletop[0], command)
    assert answer.status == Status.NOT_FOUND and answer.action == action and reason in answer.reason
    assert all(len(p.boxes_xyxy) == 0 for p in answer.phrases)


def test_a_stream_ends_in_the_same_answer(nano, tabletop):
    for command in ("pick up all cups except the red one", "pick up everything"):
        whole = nano.ground(tabletop[0], command).to_dict() | {"timings_ms": {}}
        streamed = list(nano.stream(tabletop[0], command))[-1].to_dict() | {"timings_ms": {}}
        assert streamed == whole


# ---- answers in words


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("I see <p> the cups </p> <roi> </roi> .", "Nothing in the picture answers this."),
        (
            "I see <p> the cups </p> <roi> </roi> , <p> the cans </p> <roi> <r1> </roi> .",
            "I see the cans.",
        ),
        ("I see <p> the cups </p> .", "I see the cups."),  # words that point at nothing
    ],
)
def test_a_sentence_is_not_built_from_an_empty_list(nano, tabletop, monkeypatch, written, said):
    perception, tokenizer = tabletop[0], nano.tokenizer
    count = len(perception.scores)
    ids = [*tokenizer.encode(written, add_bos=False), tokenizer.eos_id]
    tokens = [DecodedToken(i, 0.9, np.eye(count + 1)[1]) for i in ids]
    monkeypatch.setattr(spoken_answer, "decode_words", lambda *_: iter(tokens))
    answer = nano.ground(perception, "what is on the table?")
    assert answer.text == said
    assert [p.text for p in answer.phrases if len(p.boxes_xyxy)] == (
        ["the cans"] if "cans" in said else []
    )
