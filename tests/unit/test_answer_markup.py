"""The markup of grounded answers becomes clean text, phrases and regions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groma_ros.encoding.answer_markup import parse_answer, without_repetitions
from groma_ros.encoding.special_tokens import SPECIAL_PATTERN


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
