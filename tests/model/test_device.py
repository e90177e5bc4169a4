"""A model runs on the device and in the precision that were asked for, or says why not."""

import json

import pytest
import torch

from groma_ros.inference import device as module


def test_auto_is_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert module.choose_device("auto") == torch.device("cpu")
    assert module.choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("device", ["toaster", "cuda:x", "mps", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match=device):
        module.choose_device(device)


@pytest.mark.parametrize(
    ("width", "native", "wanted"),
    [(192, True, "float32"), (4096, True, "bfloat16"), (4096, False, "float32")],
)
def test_a_cpu_computes_in_bfloat16_where_that_pays(monkeypatch, tmp_path, width, native, wanted):
    proposer = {"two_stage": True, "with_box_refine": True}
    config = {"llm_cfg": {"hidden_size": width}, "perceiver_cfg": {"ddetr_cfg": proposer}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(module, "_cpu_has_bfloat16", lambda: native)
    dtype = module.choose_dtype("auto", torch.device("cpu"), tmp_path)
    assert dtype == getattr(torch, wanted)


def test_a_precision_may_be_chosen(tmp_path):
    assert module.choose_dtype("float16", torch.device("cpu"), tmp_path) == torch.float16
    with pytest.raises(ValueError, match="'int3' is none of auto, float32"):
        module.choose_dtype("int3", torch.device("cpu"), tmp_path)
