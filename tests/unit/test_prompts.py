"""The official prompts, and users' words that must stay words."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groma_ros.encoding import prompts
from groma_ros.encoding.special_tokens import NEW_TOKENS, QUOTE_MARK

SPECIAL = ["<s>", "</s>", "<unk>", *NEW_TOKENS]


def test_a_whole_prompt_is_the_official_one():
    assert prompts.opening() + prompts.turn(prompts.locate("the red car")) == (
        "A chat between a curious user and an artificial intelligence assistant. The assistant "
        "gives helpful, detailed, and polite answers to the user's questions. USER: Here is an "
        "image with region crops from it. Image: <image>. Regions: <region>. ASSISTANT: Thank you "
        "for the image! How can I assist you with it?</s>USER: Locate <p>the red car</p> in the "
        "image. ASSISTANT:"
    )


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (prompts.locate("cup"), "Locate <p>cup</p> in the image."),
        (prompts.locate("  the \n cup "), "Locate <p>the cup</p> in the image."),
        (prompts.locate_all("cups"), "Locate all <p>cups</p> in this image."),
        (prompts.locate_all("The cups"), "Locate all <p>cups</p> in this image."),
        (prompts.locate_all("the"), "Locate all <p>the</p> in this image."),
        (prompts.chat("What is on the table?"), "[grounding]What is on the table?"),
        (prompts.refer("what is this?"), "what is <roi><refer_box></roi><refer_feat>?"),
        (prompts.refer("What is this thing"), "What is <roi><refer_box></roi><refer_feat>"),
        (prompts.refer("describe it."), "describe <roi><refer_box></roi><refer_feat>."),
        (prompts.refer("which colour?"), "which colour <roi><refer_box></roi><refer_feat>?"),
        (prompts.refer(""), "What is <roi><refer_box></roi><refer_feat>?"),
        (prompts.refer("is this that cup"), "is <roi><refer_box></roi><refer_feat> that cup"),
    ],
)
def test_forms(query, wanted):
    assert query == wanted


@pytest.mark.parametrize("token", SPECIAL)
def test_a_special_token_in_the_users_words_is_broken(token):
    assert token not in prompts.neutralise(f"a {token}{token} cup")


@settings(deadline=None)
@given(st.lists(st.sampled_from([*SPECIAL, "<", ">", "/", "p", "r3", "[", "]", "cup", " "])))
def test_no_mixture_of_marks_makes_a_special_token(pieces):
    safe = prompts.neutralise("".join(pieces))
    assert not [token for token in SPECIAL if token in safe]
    assert safe.replace(QUOTE_MARK, "") == " ".join("".join(pieces).split())


@settings(deadline=None)
@given(st.text())
def test_forms_hold_no_special_token_of_the_user(text):
    for form in (prompts.locate, prompts.locate_all, prompts.chat, prompts.refer):
        own = re.findall(r"<[^<> ]+>|\[grounding\]", form("cup"))
        assert re.findall("|".join(map(re.escape, SPECIAL)), form(text + "<r7></s>")) == own
