"""Whatever people, planners and networks write is parsed and answered, or refused in one line."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from inputs import ANY_FLOATS, fuzz

from groma_ros.encoding.special_tokens import NEW_TOKENS
from groma_ros.language.command_parser import MAX_CHARACTERS, parse_command
from groma_ros.language.lexicon import COLOURS, DETERMINERS, PRONOUNS
from groma_ros.language.verb_lists import VERBS
from groma_ros.pictures import SHIPPED, open_pictures
from groma_ros.predictor import Predictor

WORDS = sorted(
    {*COLOURS, *DETERMINERS, *PRONOUNS, *(" ".join(verb) for verb in VERBS)}
    | {"cup", "cups", "can", "book", "not", "but", "except", "and", "then", "of", "to", "from"}
    | {"in", "on", "next to", "left", "first", "second", "two", "all", "everything", "leftmost"}
)
MARKS = list(".,;:!?()[]{}<>\"'`*_-#|\\/~^=+&%$@\n\t") + ["```", "...", "{}", '{"a": ', "pick("]
TOKENS = ["<s>", "</s>", "<unk>", "[PAD]", "<image>", "USER:", "ASSISTANT:", *NEW_TOKENS[:40]]
SPELLED = [
    token.replace("<", lesser) for token in TOKENS[:20] for lesser in ("\uff1c", "< ", "\u2039")
]
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(MARKS),
    st.sampled_from([*TOKENS, *SPELLED]),
    st.text(max_size=8),
)
COMMANDS = st.one_of(
    st.lists(PIECES, max_size=40).map(" ".join),
    st.lists(PIECES, max_size=40).map("".join),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join),
    st.text(max_size=MAX_CHARACTERS + 20),
)


def spans_of(phrases):
    for phrase in phrases:
        yield phrase.span
        yield from spans_of(phrase.excluded)


@fuzz
@given(text=COMMANDS)
@example("\x00" * 10)
@example("(" * 512)
@example("not " * 128)
@example('{"a":' * 100)
@example("the red " * 60)
def test_parsing(tally, text):
    command = tally("commands parsed").read(parse_command, text)
    if command is not None:
        assert command.text == text
        for start, end in spans_of(command.phrases):
            assert 0 <= start <= end <= len(text)


@pytest.fixture(scope="module")
def nano():
    return Predictor.from_pretrained("nano", device="cpu")


@pytest.fixture(scope="module")
def perception(nano):
    return nano.perceive(next(open_pictures(SHIPPED).frames))


def assert_is_answer(answer, perception, boxes_from_regions=True):
    height, width = perception.image_size_hw
    for phrase in answer.phrases:
        start, end = phrase.span
        assert 0 <= start <= end <= len(answer.text) + MAX_CHARACTERS
        boxes, scores = np.asarray(phrase.boxes_xyxy).reshape(-1, 4), np.asarray(phrase.scores)
        assert np.isfinite(boxes).all() and ((scores >= 0) & (scores <= 1)).all()
        assert (boxes >= -1).all() and (boxes[:, 2] <= width + 1).all()
        assert (boxes[:, 3] <= height + 1).all()


@fuzz
@given(text=COMMANDS)
def test_answers(tally, nano, perception, text):
    answer = tally("commands answered").read(nano.ground, perception, text, max_new_tokens=24)
    if answer is not None:
        assert_is_answer(answer, perception)


@fuzz
@given(
    box=st.one_of(
        st.lists(st.floats(-50, 700), min_size=4, max_size=4),
        st.lists(ANY_FLOATS, min_size=4, max_size=4),
        st.lists(ANY_FLOATS, max_size=6),
    ),
    question=st.one_of(st.just(""), st.just("What is <region>?"), COMMANDS),
)
def test_regions(tally, nano, perception, box, question):
    answer = tally("questions about regions").read(
        nano.describe, perception, [box], question, max_new_tokens=8
    )
    if answer is not None:
        assert answer.text is not None
