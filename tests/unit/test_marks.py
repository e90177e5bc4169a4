"""Marks of chat, Markdown, lists and code vanish from a command; its words stay."""

import pytest

from groma_ros.language.command_parser import parse_command
from groma_ros.language.mapped_text import MappedText
from groma_ros.language.marks import clean_marks, single_spaces


def clean(text):
    return single_spaces(clean_marks(MappedText.original(text))).text.strip()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pick up the red cup", "pick up the red cup"),
        ("\ufeffpick up the red cup", "pick up the red cup"),
        ("pick up the red\u200b cup", "pick up the red cup"),
        ("pick up the red\u00a0cup", "pick up the red cup"),
        ("**Pick up** the *red cup*", "Pick up the red cup"),
        ("`pick up` the __red__ cup", "pick up the red cup"),
        ("```pick up the red cup```", "pick up the red cup"),
        ("1. pick up the red cup", "pick up the red cup"),
        ("2) pick up the red cup", "pick up the red cup"),
        ("Step 3: pick up the red cup", "pick up the red cup"),
        ("- pick up the red cup", "pick up the red cup"),
        ("\u2022 pick up the red cup", "pick up the red cup"),
        ("### Task: pick up the red cup", "pick up the red cup"),
        ("> pick up the red cup", "pick up the red cup"),
        ("pick up the red cup!!!???", "pick up the red cup!"),
        ("pick up the red_cup", "pick up the red cup"),
        ("pick up the red_cup_1", "pick up the red cup"),
        ("pick up the blue-book", "pick up the blue book"),
        ("the L-shaped block", "the L-shaped block"),
        ("the coca-cola can", "the coca-cola can"),
        ("the blue-green cup", "the blue-green cup"),
        ("\u201cpick up the red cup\u201d", "pick up the red cup"),
        ("'pick up the red cup'", "pick up the red cup"),
        ("\u00abpick up\u00bb the cup", "pick up the cup"),
        ("my friend's cup, it's the kids' cup", "my friend's cup, it's the kids' cup"),
        ("don\u2019t move", "don't move"),
        ('the box labelled "salt"', 'the box labelled "salt"'),
        ("[BLANK_AUDIO]", ""),
        ("(applause)", ""),
        ("\uff50\uff49\uff43\uff4b it up", "pick it up"),
        ("the <r3> cup", "the <r3> cup"),
    ],
)
def test_marks_vanish(text, wanted):
    assert clean(text) == wanted


def test_the_phrase_is_clean_and_its_span_lies_in_the_original():
    text = "pick up the \u201cred_cup\u201d\u2026"
    target = parse_command(text).target
    assert target.text == "the red cup"
    assert text[slice(*target.span)] == "the \u201cred_cup"
