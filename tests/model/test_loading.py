"""Where a model comes from, what it runs on, and what is said when it can't."""

import json
import sys
import types

import pytest
import torch

from groma_ros.inference import device as loading


def test_a_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert loading.model_folder(tmp_path) == tmp_path
    assert loading.model_folder(str(tmp_path)) == tmp_path


def test_nano_is_part_of_the_package():
    folder = loading.model_folder("nano")
    assert folder.name == "nano" and folder.parent.name == "groma_ros"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("/no/such/folder", "no model folder /no/such/folder"),
        ("nanno", "no model folder nanno"),
        ("tests/nothing", "no model folder"),
    ],
)
def test_what_is_neither_folder_nor_hub_id_is_refused(monkeypatch, tmp_path, model, words):
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        loading.model_folder(model)


def test_a_folder_without_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no config.json"):
        loading.model_folder(tmp_path)


def hub(monkeypatch, snapshot_download):
    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_a_hub_id_is_fetched(monkeypatch, tmp_path):
    asked = []
    hub(monkeypatch, lambda repo, allow_patterns: asked.append(repo) or str(tmp_path))
    assert loading.model_folder("FoundationVision/groma-7b-finetune") == tmp_path
    assert asked == ["FoundationVision/groma-7b-finetune"]


def test_a_hub_that_can_not_be_reached_is_explained(monkeypatch):
    def unreachable(repo, allow_patterns):
        raise OSError("no network")

    hub(monkeypatch, unreachable)
    with pytest.raises(ValueError, match="hf download some/model --local-dir model"):
        loading.model_folder("some/model")


def test_a_missing_hub_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match="pip install huggingface_hub"):
        loading.model_folder("some/model")


def test_auto_is_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert loading.choose_device("auto") == torch.device("cpu")
    assert loading.choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("device", ["toaster", "cuda:x", "mps", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match=device):
        loading.choose_device(device)


@pytest.mark.parametrize(
    ("width", "native", "wanted"),
    [(192, True, "float32"), (4096, True, "bfloat16"), (4096, False, "float32")],
)
def test_a_cpu_computes_in_bfloat16_where_that_pays(monkeypatch, tmp_path, width, native, wanted):
    proposer = {"two_stage": True, "with_box_refine": True}
    config = {"llm_cfg": {"hidden_size": width}, "perceiver_cfg": {"ddetr_cfg": proposer}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(loading, "_cpu_has_bfloat16", lambda: native)
    dtype = loading.choose_dtype("auto", torch.device("cpu"), tmp_path)
    assert dtype == getattr(torch, wanted)


def test_a_precision_may_be_chosen(tmp_path):
    assert loading.choose_dtype("float16", torch.device("cpu"), tmp_path) == torch.float16
    with pytest.raises(ValueError, match="'int3' is none of auto, float32"):
        loading.choose_dtype("int3", torch.device("cpu"), tmp_path)
