"""Reading the answer from one forward chooses what greedy decoding would choose."""

import json
import math
from types import SimpleNamespace

import pytest
import torch

from groma_ros.encoding.special_tokens import NEW_TOKENS
from groma_ros.inference.answer_grammar import RegionTokens
from groma_ros.inference.decode import decode_one, greedy, prefill
from groma_ros.inference.shared_prefix import cache_of_question, read_questions
from groma_ros.verify.parity import rule, trace

TURN = 12  # tokens at the end of a golden prompt that are read as a question


def token_id(model, token):
    return model.llm.lm_head.out_features + NEW_TOKENS.index(token)


def regions_of(model, count):
    """Return the region tokens of a model that has no tokenizer."""
    tokenizer = SimpleNamespace(
        token_id=lambda token: token_id(model, token),
        region_token_id=lambda number: token_id(model, f"<r{number}>"),
    )
    return RegionTokens(tokenizer, count, model.device)


def questions(folder, name):
    """Yield model, picture prefix, a question that ends in `<roi>` and regions of each case."""
    settings = json.loads((folder / f"{name}.json").read_text())
    plain = trace.build(settings)
    for case in map(trace.Case.from_dict, settings["cases"]):
        model = plain.with_settings(**case.override)
        pixels = torch.stack([torch.from_numpy(rule.draw_image(tag)) for tag in case.images])
        boxes = case.refer_boxes and [torch.tensor(b).reshape(-1, 4) for b in case.refer_boxes]
        ground = case.ground_boxes and [torch.tensor(b).reshape(-1, 4) for b in case.ground_boxes]
        seen = model.perceiver.see(pixels)
        chosen = model.select(model.perceiver.propose(seen.states), boxes, ground)
        rows = zip(case.input_ids, model.encode(seen, chosen), strict=True)
        for row, percept in rows:
            embeds = model.embed_prompt(torch.tensor(row), percept)
            roi = model.embed_ids(torch.tensor([token_id(model, "<roi>")]))
            _, prefix = prefill(model, embeds[None, :-TURN])
            turn = torch.cat((embeds[-TURN:], roi))
            yield model, prefix, turn, regions_of(model, len(percept.scores))


@pytest.mark.parametrize("name", ["A", "B", "C"])
@torch.no_grad()
def test_one_forward_chooses_what_greedy_decoding_chooses_on_every_golden(golden_folder, name):
    seen = 0
    for model, prefix, turn, regions in questions(golden_folder, name):
        hidden, cache = prefill(model, turn[None], prefix.fork())
        allowed = torch.zeros(model.config.vocab_size, dtype=torch.bool)
        allowed[regions.ids] = True
        ((token, logprob),) = greedy(model, hidden, cache, allowed, max_new_tokens=1)
        other = torch.flip(turn, [0])[: TURN // 2]
        together, _ = read_questions(model, [other, turn, other], prefix)
        probabilities = regions.probabilities(model, together)[1]
        assert int(regions.ids[probabilities.argmax()]) == token
        assert probabilities.max() == pytest.approx(math.exp(logprob), rel=1e-3)
        seen += 1
    assert seen >= 3


@torch.no_grad()
def test_a_turn_goes_on_from_its_part_of_the_cache_as_if_it_were_alone(model, pixels, prompt):
    percept = model.perceive(pixels[:1])[0]
    embeds = model.embed_prompt(prompt, percept)
    _, prefix = prefill(model, embeds[None, :-3])
    known = prefix.length
    turns = [embeds[-3:], model.embed_ids(torch.tensor([4, 5, 6, 7, 8])), embeds[-2:]]
    hidden, cache = read_questions(model, turns, prefix)
    assert prefix.length == known
    start = known
    for turn, last in zip(turns, hidden, strict=True):
        alone, alone_cache = prefill(model, turn[None], prefix.fork())
        torch.testing.assert_close(last, alone[0], rtol=1e-4, atol=1e-4)
        mine = cache_of_question(cache, known, start, start + len(turn))
        next_hidden, _ = decode_one(model, 9, mine)
        torch.testing.assert_close(
            next_hidden, decode_one(model, 9, alone_cache)[0], rtol=1e-4, atol=1e-4
        )
        start += len(turn)
