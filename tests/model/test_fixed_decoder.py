"""Tokens that are read into buffers of a fixed size and place are those of the plain path.

A GPU is not needed: its recorder is replaced by one that calls the function at every replay.
"""

import logging

import pytest
import torch

from groma_ros.inference.decode import decode_one, prefill, token_reader
from groma_ros.inference.fixed_decoder import FixedDecoder
from groma_ros.speed.cuda_graph import Recording


def call_again(function, argument):
    """Record as a CUDA graph does: one buffer for what goes in, one for what comes out."""
    held, kept = argument.clone(), function(argument)
    return Recording(held, kept, lambda: kept.copy_(function(held)))


@pytest.fixture
def record(monkeypatch):
    monkeypatch.setattr("groma_ros.speed.cuda_graph.record_on_gpu", call_again)


@pytest.fixture
def prefix(model):
    return prefill(model, model.embed_ids(torch.arange(20)[None]))[1]


def steps(model, prefix, fixed, tokens=(5, 950, 7, 1001)):
    with token_reader(model, prefix.fork(), fixed) as read:
        return [read(token).clone() for token in tokens]


@pytest.mark.parametrize("options", [{}, {"record": True}])
@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_steps_in_fixed_buffers_equal_those_of_a_growing_cache(
    model, prefix, record, options, mode
):
    fixed = FixedDecoder(model, **options)
    with mode():
        wanted = steps(model, prefix, None)
        for _ in range(2):
            for got, plain in zip(steps(model, prefix, fixed), wanted, strict=True):
                torch.testing.assert_close(got, plain, rtol=1e-4, atol=1e-4)
    assert prefix.length == 20


def test_nothing_moves_and_nothing_is_as_long_as_the_text(model, prefix):
    """What a CUDA graph replays has the same addresses and shapes at every step."""
    fixed = FixedDecoder(model)
    assert fixed.acquire(prefix)
    places = [(layer.keys.data_ptr(), layer.keys.shape) for layer in fixed._cache.layers]
    for token in (3, 4, 5):
        fixed.read(token)
    assert [(layer.keys.data_ptr(), layer.keys.shape) for layer in fixed._cache.layers] == places
    assert places[0][1][2] == model.config.language.max_position_embeddings
    fixed.release()


def test_a_step_is_compiled_as_a_whole(model, prefix):
    """`fullgraph=True` raises where a part of the step could not be taken."""
    fixed = FixedDecoder(model, compile_step=True, backend="eager")
    for got, plain in zip(steps(model, prefix, fixed), steps(model, prefix, None), strict=True):
        torch.testing.assert_close(got, plain, rtol=1e-4, atol=1e-4)
    assert not fixed._given_up


def test_a_second_answer_at_the_same_time_takes_the_plain_path(model, prefix):
    fixed = FixedDecoder(model)
    with token_reader(model, prefix.fork(), fixed) as first:
        one = first(5).clone()
        with token_reader(model, prefix.fork(), fixed) as second:
            other = second(9)
        two = first(7).clone()
    cache = prefix.fork()
    for token, got in ((5, one), (7, two)):
        torch.testing.assert_close(got, decode_one(model, token, cache)[0], rtol=1e-4, atol=1e-4)
    wanted, _ = decode_one(model, 9, prefix.fork())
    torch.testing.assert_close(other, wanted, rtol=1e-4, atol=1e-4)
    assert fixed.acquire(prefix)


def test_what_differs_or_cannot_be_compiled_is_given_up_with_a_line(
    monkeypatch, caplog, model, prefix
):
    def differs(self, state):
        return torch.ones(1, model.config.language.hidden_size)

    def breaks(self, state):
        raise RuntimeError("no compiler was found\nmore")

    for step, words in ((differs, "differs from the plain path"), (breaks, "no compiler")):
        caplog.clear()
        monkeypatch.setattr(FixedDecoder, "_plain_step", step)
        fixed = FixedDecoder(model)
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                for got, plain in zip(
                    steps(model, prefix, fixed), steps(model, prefix, None), strict=True
                ):
                    torch.testing.assert_close(got, plain)
        (line,) = caplog.records
        assert words in line.message and "\n" not in line.message


def test_where_no_graph_can_be_recorded_the_growing_cache_goes_on(caplog, model, prefix):
    fixed = FixedDecoder(model, record=True)
    with caplog.at_level(logging.WARNING):
        assert not fixed.acquire(prefix) and not fixed.acquire(prefix)
    assert [record.name.rpartition(".")[2] for record in caplog.records] == [
        "cuda_graph",
        "fixed_decoder",
    ]
    assert "device cpu" in caplog.records[0].message


def test_the_predictor_answers_the_same_with_and_without(predictor, perception, record):
    plain = type(predictor)(predictor.model, predictor.tokenizer)
    fixed = FixedDecoder(predictor.model, record=True)
    quick = type(predictor)(predictor.model, predictor.tokenizer, fixed)
    for command in ("find all the cans", "what is on the table?"):
        one, other = (p.ground(perception, command, max_new_tokens=12) for p in (plain, quick))
        assert (one.text, one.status) == (other.text, other.status)
        assert [p.boxes_xyxy.tolist() for p in one.phrases] == [
            p.boxes_xyxy.tolist() for p in other.phrases
        ]
    assert not fixed._given_up and not fixed._busy
