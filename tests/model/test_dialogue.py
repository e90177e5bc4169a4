"""Several turns about one picture."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from groma_ros.encoding import prompts
from groma_ros.inference import dialogue as module
from groma_ros.inference.answer import answer_commands
from groma_ros.language.command_parser import parse_command
from groma_ros.values.answers import Grounding, Status


@pytest.fixture
def single_turn(monkeypatch, predictor):
    """Make the model one that has seen no conversations."""
    config = replace(predictor.model.config, multi_turn=False)
    monkeypatch.setattr(predictor.model, "config", config)


def test_a_follow_up_is_asked_in_words(single_turn, predictor, perception, script):
    dialogue = predictor.dialogue(perception)
    script("<r2><r1></roi>")
    assert dialogue.ground("pick up the red cup").status is Status.GROUNDED
    answer = dialogue.ground("and the one behind it?")
    assert [p.text for p in answer.phrases] == ["the cup behind the red cup", "the red cup"]
    assert dialogue.perception is perception


def test_what_was_not_found_is_not_pointed_back_to(single_turn, predictor, perception, script):
    dialogue = predictor.dialogue(perception)
    script("<r2></roi><r1>")
    dialogue.ground("pick up the red cup")
    assert dialogue.ground("where is the apple?").status is Status.NOT_FOUND
    assert dialogue.ground("pick it up").target.text == "the red cup"


def test_earlier_turns_are_read_as_in_one_conversation(predictor, perception):
    dialogue = predictor.dialogue(perception)
    first = dialogue.ground("find all the cans")
    dialogue.ground("the blue one")
    regions = [
        perception.boxes_xyxy.tolist().index(box.tolist()) for box in first.target.boxes_xyxy
    ]
    context = predictor.context(perception)
    answer_commands(context, [parse_command("find all the cans")])
    transcript = context.transcript_ids
    tokenizer, model = predictor.tokenizer, predictor.model
    turn = tokenizer.encode(prompts.turn(prompts.locate_all("the cans")), add_bos=False)
    said = [tokenizer.region_index(i) for i in transcript]
    assert sorted(r for r in said if r is not None) == sorted(regions)
    assert transcript[: len(turn)] == turn and transcript[-1] == tokenizer.eos_id
    asked = tokenizer.encode(prompts.turn(prompts.locate("the blue cans")), add_bos=False)
    ids = [*tokenizer.encode(prompts.opening()), *transcript, *asked, tokenizer.token_id("<roi>")]
    with torch.no_grad():
        embeds = model.embed_prompt(torch.tensor(ids), perception.percept)
        hidden = model.llm.model(embeds[None]).hidden
        wanted = model.logits(hidden[0, -1])[context.region_tokens.ids].softmax(-1)
    probabilities = predictor.point(dialogue.perception, ["the blue cans"])[0]
    np.testing.assert_allclose(probabilities, wanted, atol=1e-5)


def test_the_oldest_turns_are_forgotten_when_the_conversation_gets_long(
    monkeypatch, predictor, perception
):
    used = perception.prefix.length
    room = predictor.model.config.language.max_position_embeddings - used
    monkeypatch.setattr(module, "ROOM", room - 60)
    long, again = predictor.dialogue(perception), predictor.dialogue(perception)
    for number in range(6):
        long.ground(f"pick up the cup number {number}")
    long._read()
    kept = long._turns
    assert 0 < sum(map(len, kept)) == long.perception.prefix.length - used <= 60
    again._turns, again._unread = kept, len(kept)
    again._read()
    a, b = (predictor.point(d.perception, ["the apple"]) for d in (long, again))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_withdrawn_command_leaves_no_trace(predictor, perception):
    dialogue = predictor.dialogue(perception)
    dialogue.ground("pick up the red cup")
    last, turns = dialogue.last, list(dialogue._turns)
    cancel = threading.Event()
    cancel.set()
    assert dialogue.ground("find all the cans", cancel=cancel).status is Status.CANCELLED
    assert (dialogue.last, dialogue._turns) == (last, turns)


def test_a_dialogue_streams_and_refuses_as_the_predictor_does(predictor, perception):
    dialogue = predictor.dialogue(perception)
    *_, answer = dialogue.stream("what is on the table?", max_new_tokens=5)
    assert isinstance(answer, Grounding) and len(dialogue._turns) == 1
    with pytest.raises(ValueError, match="empty"):
        dialogue.stream("  ")
