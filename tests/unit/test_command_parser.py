"""Free English commands: what they ask for, and that no text breaks the reader."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groma_ros.language.command_parser import MAX_CHARACTERS, parse_command
from groma_ros.language.word_tables import word_set
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train import questions
from groma_ros.values.commands import Command

# command => action: targets [preposition] destinations near anchors; * marks a plural
TABLE = Path(__file__).parents[1] / "golden" / "command_parses.txt"
ROWS = [line.split(" => ") for line in TABLE.read_text().splitlines()]


def show(command: Command) -> str:
    def names(role):
        return ", ".join(p.text + "*" * p.plural for p in command.of_role(role))

    text = f"{command.action}: {names('target')}"
    if command.preposition or names("destination"):
        text += f" [{command.preposition}] {names('destination')}"
    if names("relation"):
        text += f" near {names('relation')}"
    return " ".join(text.split())


@pytest.mark.parametrize(("text", "wanted"), ROWS, ids=[text for text, _ in ROWS])
def test_command_is_read(text, wanted):
    assert show(parse_command(text)) == wanted


@pytest.mark.parametrize("text", [text for text, _ in ROWS if not set(text) & set("\"'<")])
def test_a_phrase_of_a_plain_text_stands_in_it_at_its_span(text):
    for phrase in parse_command(text).phrases:
        assert text[slice(*phrase.span)] == phrase.text


@pytest.mark.parametrize(("text", "wanted"), ROWS, ids=[text for text, _ in ROWS])
def test_politeness_case_and_space_change_nothing(text, wanted):
    for variant in (text.upper(), f"Please {text}", f"  {text} please", f"hey robot, {text}"):
        assert show(parse_command(variant)).lower() == wanted.lower()


IMPERATIVES = [row for row in ROWS if row[1].startswith(("pick", "place", "give", "go", "point"))]


@pytest.mark.parametrize("lead", ["could you please ", "I want you to ", "can you ", "now, "])
def test_requests_are_commands(lead):
    for text, wanted in IMPERATIVES:
        if text.split()[0].lower() in ("pick", "put", "give", "go", "point", "grab", "bring"):
            assert show(parse_command(lead + text)).lower() == wanted.lower()


TEMPLATES = (
    "pick up {}",
    "could you please grab {}",
    "fetch {} for me",
    "where is {}?",
    "take {}, please",
    "hand me {}",
    "Please point at {}.",
    "Robot, lift {}!",
    "can you find {}?",
    "{}",
    "is there {}",
)


def test_every_phrase_of_the_training_questions_is_asked_as_it_is():
    rng = np.random.default_rng(0)
    for _ in range(60):
        size = int(rng.integers(1, 9))
        corners = np.sort(rng.random((size, 2, 2)), axis=1).reshape(size, 4)
        kinds = rng.integers(0, len(KINDS), size)
        colours = rng.integers(0, len(COLOURS), size)
        truth = questions.Truth(kinds, colours, corners, rng.random(size) + 0.5)
        for question in questions.ask_many(truth, rng, 8):
            if question.form in ("locate", "locate_all"):
                template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
                found = parse_command(template.format(question.phrase)).of_role("target")
                assert [p.text for p in found] == [question.phrase]
                assert found[0].plural == (question.form == "locate_all")


def check_spans(command: Command):
    for phrase in command.phrases:
        start, end = phrase.span
        assert 0 <= start < end <= len(command.text) and phrase.text.strip() and phrase.query
        assert phrase.role in ("target", "destination", "relation")
        assert all(excluded.role == "excluded" for excluded in phrase.excluded)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_reason(text):
    try:
        check_spans(parse_command(text))
    except ValueError as error:
        assert "command" in str(error)


VOCABULARY = sorted(
    word_set("""pick up put take give me the a red cup cups plate on into to next left of and then
it that is are there where how many all both please could you go door , . ? ! the same from between
find don't "quoted" <r3> don’t looking for what i want nearest ( ) -""")
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=16).map(" ".join))
def test_any_mixture_of_command_words_has_sound_spans(text):
    if any(c.isalnum() for c in text):
        command = parse_command(text)
        check_spans(command)
        assert parse_command(text) == command


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("a" * (MAX_CHARACTERS + 1), "513 characters and at most 512"),
        (b"pick up the cup", "not bytes"),
        (None, "not NoneType"),
        (7, "not int"),
        ("?!...", "no word"),
        ("\U0001f600", "no word"),
        ("pick up\x00 the cup", r"character 7 of the command is U\+0000"),
        ("pick up \ud800", r"U\+D800"),
    ],
)
def test_what_is_no_text_is_refused_with_a_reason(bad, reason):
    with pytest.raises(ValueError, match=reason):
        parse_command(bad)


def test_a_command_of_exactly_the_greatest_length_is_read():
    text = "pick up the " + "x" * (MAX_CHARACTERS - 12)
    assert parse_command(text).target.text == text[8:]
