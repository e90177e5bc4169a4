"""Replayed pictures are seen as plain ones; nothing in the recorded part waits for the host.

A GPU is not needed: its recorder is replaced by one that keeps buffers as a graph does.
"""

import logging

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from groma_ros.inference.decode import prefill
from groma_ros.inference.fixed_decoder import FixedDecoder
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.ros.model_loading import load_predictor
from groma_ros.ros.settings import Settings
from groma_ros.speed.cuda_graph import RecordedFunction, Recording


class Recorder:
    """Keep one buffer for each output and write into it at every replay, as a CUDA graph does."""

    def __init__(self, function, argument):
        self.count = 0
        held, kept = argument.clone(), function(argument)

        def replay():
            self.count += 1
            for buffer, new in zip(tensors(kept), tensors(function(held)), strict=True):
                buffer.copy_(new)

        self.recording = Recording(held, kept, replay)


def tensors(seen):
    if isinstance(seen, torch.Tensor):
        return [seen]
    (states, _), proposed = seen
    return [*states, *tree_flatten(vars(proposed))[0]]


@pytest.fixture
def made(monkeypatch):
    """Let models record without a GPU; return the recorder of each shape of pictures."""
    recorders = []

    def record(function, argument):
        recorders.append(Recorder(function, argument))
        return recorders[-1].recording

    monkeypatch.setattr("groma_ros.speed.cuda_graph.record_on_gpu", record)
    return recorders


def same(percept, other):
    torch.testing.assert_close(percept.boxes_cxcywh_norm, other.boxes_cxcywh_norm)
    torch.testing.assert_close(percept.image_tokens, other.image_tokens)
    torch.testing.assert_close(percept.region_tokens, other.region_tokens, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_replayed_pictures_are_seen_as_plain_ones(tiny, made, pixels, mode):
    """Also the earlier ones, after the buffers have been written over."""
    plain, model = tiny(), tiny()
    model.use_cuda_graphs()
    with mode():
        seen = [model.perceive(picture[None])[0] for picture in pixels]
        for percept, picture in zip(seen, pixels, strict=True):
            same(percept, plain.perceive(picture[None])[0])
        assert [recorder.count for recorder in made] == [1 + len(pixels)]
        for percept, other in zip(model.perceive(pixels), plain.perceive(pixels), strict=True):
            same(percept, other)
    assert [recorder.count for recorder in made] == [1 + len(pixels), 2]


def test_a_node_has_recorded_before_its_first_picture(made):
    predictor = load_predictor(Settings(device="cpu", cuda_graphs=True))
    assert len(made) == 2  # vision encoder with proposer, and a token of an answer
    predictor.perceive(np.zeros((30, 40, 3), dtype=np.uint8))
    assert len(made) == 2 and made[0].count == 3


def test_what_differs_or_cannot_be_recorded_runs_plain_and_is_logged_once(caplog):
    def wrong(function, argument):
        return Recording(argument.clone(), function(argument) + 1, lambda: None)

    def broken(function, argument):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    for record, word in ((wrong, "not"), (broken, "stream is capturing"), (None, "device cpu")):
        caplog.clear()
        call = RecordedFunction(torch.sin, lambda result: [result], record)
        with caplog.at_level(logging.WARNING):
            for value in (1.0, 2.0):
                argument = torch.full((3,), value)
                assert torch.equal(call(argument), argument.sin())
        (record,) = caplog.records
        assert word in record.message and "\n" not in record.message


class NothingFromTheHost(TorchDispatchMode):
    """Refuse what a CUDA graph can't hold: values that come from the host or go there."""

    REFUSED = ("lift_fresh", "_local_scalar_dense", "nonzero", "item", "masked_select", "unique")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert not name.startswith(self.REFUSED), f"{name} waits for the host"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("levels", [1, 2])
def test_nothing_recorded_comes_from_the_host_or_goes_there(tiny_config, pixels, levels):
    settings = tiny_config()
    settings["perceiver_cfg"]["ddetr_cfg"]["num_feature_levels"] = levels
    model = Groma(GromaConfig.from_dict(settings)).eval()
    with torch.no_grad():
        model.perceiver(pixels[:1])
        with NothingFromTheHost():
            model.perceiver(pixels[:1])
            with pytest.raises(AssertionError, match="lift_fresh"):
                torch.tensor([1.0])


def test_nothing_in_the_recorded_step_of_a_token_comes_from_the_host(model):
    _, prefix = prefill(model, model.embed_ids(torch.arange(9)[None]))
    fixed = FixedDecoder(model)
    assert fixed.acquire(prefix)
    state = torch.tensor([950, 9])
    with torch.no_grad(), NothingFromTheHost():
        fixed._plain_step(state)
