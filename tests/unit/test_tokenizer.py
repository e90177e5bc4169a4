"""The tokenizer beyond the golden texts: quoting, region tokens, flags of a folder."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groma_ros.encoding.special_tokens import NEW_TOKENS, quote
from groma_ros.encoding.tokenizer import GromaTokenizer

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "tokenizer"
TOKENIZER = GromaTokenizer.from_folder(FOLDER)
SPECIAL = st.sampled_from([*NEW_TOKENS[:20], "</s>", "<s>", "<unk>", "<r99>"])
WORDS = st.sampled_from(["a", "cup", " ", "<", ">", "r3", "[", "grounding", "</", "é", "\ue0f0"])


def test_nothing_is_the_beginning_alone():
    assert TOKENIZER.encode("") == [1]
    assert TOKENIZER.encode("", add_bos=False) == []
    assert TOKENIZER.decode([]) == ""


def test_added_tokens_count_on_from_the_vocabulary():
    assert TOKENIZER.vocab_size == 900
    assert len(TOKENIZER) == 1014
    assert TOKENIZER.pad_id == 900
    assert (TOKENIZER.bos_id, TOKENIZER.eos_id) == (1, 2)
    assert TOKENIZER.token_id("[grounding]") == 913


def test_region_tokens_map_both_ways():
    assert TOKENIZER.region_token_id(0) == 914
    assert TOKENIZER.region_index(TOKENIZER.region_token_id(99)) == 99
    assert TOKENIZER.region_index(913) is None
    assert TOKENIZER.region_index(1014) is None
    for index in (-1, 100):
        with pytest.raises(ValueError, match=f"region {index} "):
            TOKENIZER.region_token_id(index)


def test_a_word_that_is_no_token_is_refused():
    with pytest.raises(ValueError, match="cup"):
        TOKENIZER.token_id("cup")


def test_text_cut_at_a_special_token_gives_the_same_ids():
    first, second = "Here it is.</s>", "USER: Locate <p>the cup</p> now. ASSISTANT:"
    cut = TOKENIZER.encode(first) + TOKENIZER.encode(second, add_bos=False)
    assert cut == TOKENIZER.encode(first + second)


def test_answers_keep_their_tags():
    ids = TOKENIZER.encode("<p>A man</p><roi><r0><r12></roi> rides.</s>", add_bos=False)
    assert TOKENIZER.decode(ids) == "<p> A man </p> <roi> <r0> <r12> </roi> rides."
    assert TOKENIZER.decode(ids, skip_special=False).endswith("rides.</s>")


@given(st.lists(st.one_of(SPECIAL, WORDS)).map("".join))
def test_quoted_text_holds_no_special_token(text):
    ids = TOKENIZER.encode(text, add_bos=False, neutralise=True)
    assert all(2 < index < 900 or index == 0 for index in ids)
    prompt = TOKENIZER.encode(f"<p>{quote(text)}</p>", add_bos=False)
    assert prompt[0] == TOKENIZER.token_id("<p>")
    assert prompt[-1] == TOKENIZER.token_id("</p>")
    assert all(index < 900 for index in prompt[1:-1])


@given(st.text(alphabet="abcdefghij klm.,?", max_size=40).map(lambda t: " ".join(t.split())))
def test_plain_text_survives_the_round_trip(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_flags_come_from_the_folder(tmp_path):
    shutil.copy(FOLDER / "tokenizer.model", tmp_path)
    assert GromaTokenizer.from_folder(tmp_path).legacy
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"legacy": False}))
    assert not GromaTokenizer.from_folder(tmp_path).legacy


def test_other_ids_in_the_folder_are_refused(tmp_path):
    shutil.copy(FOLDER / "tokenizer.model", tmp_path)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<roi>": 904, "[PAD]": 900}))
    GromaTokenizer.from_folder(tmp_path)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<roi>": 905}))
    with pytest.raises(ValueError, match="905.*904"):
        GromaTokenizer.from_folder(tmp_path)


def folder_with(tmp_path, **files):
    shutil.copy(FOLDER / "tokenizer.model", tmp_path)
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def test_a_folder_may_leave_out_the_beginning(tmp_path):
    folder = folder_with(tmp_path, tokenizer_config={"add_bos_token": False})
    with_beginning = TOKENIZER.encode("a cup")
    assert GromaTokenizer.from_folder(folder).encode("a cup") == with_beginning[1:]


def test_the_released_neighbours_are_read(tmp_path):
    marks = {"bos_token": {"content": "<s>"}, "eos_token": "</s>", "unk_token": "<unk>"}
    ids = {"900": {"content": "[PAD]"}, "904": {"content": "<roi>"}}
    folder = folder_with(
        tmp_path,
        tokenizer_config=marks | {"legacy": None, "pad_token": None, "added_tokens_decoder": ids},
        special_tokens_map=marks | {"pad_token": "[PAD]"},
        generation_config={"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 900},
    )
    assert GromaTokenizer.from_folder(folder).encode("a cup") == TOKENIZER.encode("a cup")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 7]}))
    GromaTokenizer.from_folder(folder)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("tokenizer_config", {"bos_token": "<bos>"}, "bos_token is '<bos>'; only '<s>'"),
        ("special_tokens_map", {"eos_token": {"content": "<end>"}}, "eos_token is '<end>'"),
        ("tokenizer_config", {"add_eos_token": True}, "add_eos_token"),
        ("tokenizer_config", {"added_tokens_decoder": {"7": {"content": "<roi>"}}}, "7.*904"),
        ("generation_config", {"eos_token_id": 7}, "id 7, but </s> is 2"),
    ],
)
def test_what_this_tokenizer_is_not_is_refused(tmp_path, name, content, words):
    with pytest.raises(ValueError, match=words):
        GromaTokenizer.from_folder(folder_with(tmp_path, **{name: content}))


def test_a_folder_without_vocabulary_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no tokenizer.model"):
        GromaTokenizer.from_folder(tmp_path)
