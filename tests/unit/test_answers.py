"""Answers: markup to text, phrases and regions; sentences and statuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groma_ros.encoding.answer_markup import parse_answer, without_repetitions
from groma_ros.encoding.special_tokens import SPECIAL_PATTERN
from groma_ros.language.answer_sentences import compose, judge
from groma_ros.language.command_parser import parse_command
from groma_ros.values.answers import Status


@pytest.mark.parametrize(
    ("marked", "text", "phrases"),
    [
        ("", "", []),
        ("A plain sentence.", "A plain sentence.", []),
        (
            "I see <p> a cup </p> <roi> <r3> </roi> and <p> two cans </p> <roi> <r0> <r7> </roi> .",
            "I see a cup and two cans.",
            [("a cup", (3,)), ("two cans", (0, 7))],
        ),
        ("<p>A man</p><roi><r0></roi> rides.", "A man rides.", [("A man", (0,))]),
        ("<roi><r5></roi>", "", [("", (5,))]),
        ("<roi></roi>", "", []),
        ("<p>a cup</p><roi></roi>", "a cup", [("a cup", ())]),
        ("<p>a cup</p><roi><r1><r1><r99></roi>", "a cup", [("a cup", (1,))]),
        ("<p>a cup</p><roi><r1>, then a can", "a cup, then a can", [("a cup", (1,))]),
        ("see <p>a cup <roi><r2></roi> here", "see a cup here", [("a cup", (2,))]),
        ("see <p>a cup", "see a cup", [("a cup", ())]),
        ("see <p></p><roi><r2></roi>", "see", [("", (2,))]),
        ("<p>a <p>b</p><roi><r1></roi>", "a b", [("a", ()), ("b", (1,))]),
        ("</p></roi></p> ok <image> [grounding]", "ok", []),
        ("a cup <r4> there", "a cup there", [("", (4,))]),
        ("a < b <roi", "a < b <roi", []),
    ],
)
def test_markup_is_read(marked, text, phrases):
    clean, found = parse_answer(marked, region_count=20)
    assert clean == text
    assert [(p.text, p.regions) for p in found] == phrases
    assert all(clean[p.span[0] : p.span[1]] == p.text for p in found)


PIECES = ["<p>", "</p>", "<roi>", "</roi>", "<r0>", "<r1>", "<r50>", "cup", " ", ".", "<image>"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join), st.integers(0, 60))
def test_no_answer_breaks_the_reader(marked, region_count):
    text, phrases = parse_answer(marked, region_count)
    assert SPECIAL_PATTERN.search(text) is None
    for phrase in phrases:
        assert text[slice(*phrase.span)] == phrase.text
        assert len(set(phrase.regions)) == len(phrase.regions)
        assert all(r < region_count for r in phrase.regions)


@pytest.mark.parametrize(
    ("command", "counts", "status", "text"),
    [
        ("pick up the red cup", [1], "GROUNDED", "Found the red cup."),
        ("pick up the red cup", [0], "NOT_FOUND", "Could not find the red cup."),
        ("pick up the red cup", [2], "AMBIGUOUS", "2 things fit the red cup."),
        ("find all the cans", [3], "GROUNDED", "Found the cans (3)."),
        ("find all the cans", [1], "GROUNDED", "Found the cans."),
        ("how many cans are there", [1], "GROUNDED", "Counted cans (1)."),
        ("how many cans are there", [0], "NOT_FOUND", "Could not find cans."),
        ("put the cup on the tray", [1, 1], "GROUNDED", "Found the cup and the tray."),
        ("put the cup on the tray", [1, 0], "GROUNDED", "Found the cup. Could not find the tray."),
        ("put the cup on the tray", [0, 1], "NOT_FOUND", "Found the tray. Could not find the cup."),
        ("put the cup on the tray", [0, 0], "NOT_FOUND", "Could not find the cup or the tray."),
        ("put the cup on the tray", [2, 1], "AMBIGUOUS", "Found the tray. 2 things fit the cup."),
        ("grab the mug next to the box", [1, 0], "GROUNDED", "Found the mug next to the box."),
        (
            "the cup, the can and the box",
            [1, 1, 1],
            "GROUNDED",
            "Found the cup, the can and the box.",
        ),
        ("the cup and the can", [1, 0], "NOT_FOUND", "Found the cup. Could not find the can."),
    ],
)
def test_status_and_sentence(command, counts, status, text):
    parsed = parse_command(command)
    assert judge(parsed.phrases, counts)[0] is Status(status)
    sentence, spans = compose(parsed, counts)
    assert sentence == text
    assert [sentence[a:b] for a, b in spans] == [p.text for p in parsed.phrases]


def test_reasons_name_what_is_missing_and_how_many_fit():
    parsed = parse_command("put the cup on the tray").phrases
    assert judge(parsed, [1, 1])[1] == ""
    assert judge(parsed, [1, 0])[1] == 'nothing in the picture fits "the tray"'
    assert judge(parsed, [0, 0])[1] == 'nothing in the picture fits "the cup" or "the tray"'
    assert judge(parsed, [3, 1])[1] == '3 things fit "the cup"'


def marked_list(*items):
    """Write (words, region or None) and separators as the model says them."""
    return "".join(
        item
        if isinstance(item, str)
        else f"<p>{item[0]}</p><roi>" + (f"<r{item[1]}>" if item[1] is not None else "") + "</roi>"
        for item in items
    )


CUP, CAN, GREEN, NOTHING = ("a cup", 0), ("a can", 1), ("a green can", 0), ("a bowl", None)


@pytest.mark.parametrize(
    "said, wanted, left",
    [
        (
            ["I see ", CUP, ", ", CAN, ", ", CUP, " and ", CAN, "."],
            "I see a cup and a can.",
            [0, 1],
        ),
        ([CUP, ", ", CUP, ", ", CUP], "a cup", [0]),
        ([CUP, ", ", CUP, ", ", CAN], "a cup, a can", [0, 2]),
        ([CUP, ", ", GREEN, ", and ", CAN, "."], "a cup, and a can.", [0, 2]),
        ([CUP, " and ", CAN, "."], "a cup and a can.", [0, 1]),
        ([NOTHING, ", ", NOTHING, " and ", CUP], "a bowl, a bowl and a cup", [0, 1, 2]),
        (
            [CUP, " is on the left. ", CUP, " is red."],
            "a cup is on the left. a cup is red.",
            [0, 1],
        ),
        ([CUP, " and ", CUP, ". ", CUP, ", ", CAN], "a cup. a cup, a can", [0, 2, 3]),
        (["Nothing."], "Nothing.", []),
    ],
)
def test_an_enumeration_names_a_thing_once(said, wanted, left):
    text, phrases = parse_answer(marked_list(*said), 2)
    shorter, kept = without_repetitions(text, phrases)
    assert shorter == wanted and [index for index, _ in kept] == left
    assert all(shorter[a:b] == phrases[index].text for index, (a, b) in kept)
