"""An edited text knows where each of its characters came from."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groma_ros.language.mapped_text import INSERTED, MappedText


def test_an_unedited_text_has_its_own_spans():
    text = MappedText.original("red cup")
    assert text.original_span(4, 7) == (4, 7)
    assert MappedText.original("").original_span(0, 0) == (0, 0)


def test_a_removed_word_is_covered_by_the_span_around_it():
    text = MappedText.original("the uh cup").substituted(re.compile("uh "), "")
    assert text.text == "the cup" and text.original_span(0, 7) == (0, 10)
    assert text.original_span(4, 7) == (7, 10)


def test_only_a_group_of_a_match_is_kept():
    text = MappedText.original("a **red** cup").unwrapped(re.compile(r"\*\*(\w+)\*\*"), 1)
    assert text.text == "a red cup" and text.original_span(2, 5) == (4, 7)


def test_inserted_words_have_no_place_in_the_original():
    text = MappedText.original("cup") + MappedText(" on", (INSERTED,) * 3)
    assert text.text == "cup on" and text.original_span(0, 6) == (0, 3)


def test_offsets_fit_the_text():
    with pytest.raises(ValueError, match="3 characters and 1 offsets"):
        MappedText("cup", (0,))


@given(st.text(max_size=30), st.integers(0, 30), st.integers(0, 30), st.text(max_size=5))
def test_offsets_of_what_is_left_are_unchanged(text, a, b, new):
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    edited = MappedText.original(text).replaced(start, end, new)
    assert edited.text == text[:start] + new + text[end:]
    assert edited.offsets[:start] == tuple(range(start))
    assert edited.offsets[start + len(new) :] == tuple(range(end, len(text)))
