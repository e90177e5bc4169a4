"""The language model's linear layers in 8 and 4 bits, all else exact."""

import numpy as np
import pytest
import torch

from groma_ros import cli
from groma_ros.checkpoint.load import load_groma
from groma_ros.checkpoint.save import save_groma
from groma_ros.predictor import Predictor
from groma_ros.speed import quantized_linear as quantization
from groma_ros.speed.quantized_linear import QuantizedLinear, quantizer
from groma_ros.verify.benchmark.load import stored_bytes
from groma_ros.verify.random_checkpoint import write_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("torchao", reason="needs the extra `quantized`")
    folder = tmp_path_factory.mktemp("tiny")
    list(write_checkpoint(folder, "tiny"))
    return folder


@pytest.fixture(scope="module", params=["int8", "int4"])
def kind(request):
    return request.param


def is_layer(name):
    return name.startswith("llm.model.layers.") and name.endswith("_proj.weight")


def test_only_the_layers_of_the_language_model_are_quantized(folder, kind):
    exact, _ = load_groma(folder)
    model, _ = load_groma(folder, quantization=kind)
    changed = {n for n, module in model.named_modules() if isinstance(module, QuantizedLinear)}
    assert {f"{name}.weight" for name in changed} == {n for n in exact.state_dict() if is_layer(n)}
    kept = dict(model.named_parameters())
    for name, parameter in exact.named_parameters():
        if not is_layer(name):
            assert type(kept[name]) is torch.nn.Parameter
            assert torch.equal(kept[name], parameter), name


@pytest.mark.parametrize(("kind", "bound"), [("int8", 0.30), ("int4", 0.17)])
def test_the_layers_take_a_quarter_or_less(folder, kind, bound):
    """Of float32: 8 bits are 0.25 and one scale a row, 4 bits 0.125 and one pair for 64."""
    layers = [load_groma(folder, quantization=q)[0].llm.model.layers for q in (None, kind)]
    whole, small = (
        sum(stored_bytes(p) for n, p in part.named_parameters() if n.endswith("_proj.weight"))
        for part in layers
    )
    assert small < bound * whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_products_are_close_for_one_row_and_for_many(folder, kind, dtype, rows):
    exact, _ = load_groma(folder, dtype=dtype)
    model, _ = load_groma(folder, dtype=dtype, quantization=kind)
    x = torch.randn(2, rows, 64, generator=torch.Generator().manual_seed(1)).to(dtype)
    with torch.inference_mode():
        wanted = exact.llm.model.layers[0].mlp.up_proj(x)
        got = model.llm.model.layers[0].mlp.up_proj(x)
    assert got.dtype == dtype and got.shape == wanted.shape
    error = (got - wanted).float().norm() / wanted.float().norm()
    assert error < (0.015 if kind == "int8" else 0.15)


def test_a_quantized_model_answers(folder, kind):
    predictor = Predictor.from_pretrained(folder, device="cpu", quantization=kind)
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    perception = predictor.perceive(picture)
    exact = Predictor.from_pretrained(folder, device="cpu").perceive(picture)
    np.testing.assert_array_equal(perception.boxes_xyxy, exact.boxes_xyxy)
    answer = predictor.ground(perception, "what is this?", max_new_tokens=4)
    assert answer.status in ("GROUNDED", "NOT_FOUND")


def test_a_quantized_model_is_not_saved(folder, kind, tmp_path):
    model, _ = load_groma(folder, quantization=kind)
    with pytest.raises(ValueError, match="can't be saved"):
        save_groma(model, folder, tmp_path)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'int3' is none of none, int8, int4"):
        Predictor.from_pretrained("nano", quantization="int3")


@pytest.mark.parametrize("kind", ["none", None])
def test_none_leaves_the_weights_as_they_are(kind):
    assert quantizer(kind, CPU, torch.float32) is None


def test_a_missing_library_is_told_with_what_to_install(monkeypatch, kind):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(quantization, "import_module", absent)
    with pytest.raises(ValueError, match=r"torchao.*pip install '\.\[quantized\]'"):
        Predictor.from_pretrained("nano", quantization=kind)


def test_int4_on_a_gpu_needs_bfloat16():
    with pytest.raises(ValueError, match="needs dtype bfloat16, not float32"):
        quantizer("int4", torch.device("cuda"), torch.float32)


def test_a_width_that_no_group_divides_is_refused(folder):
    quantize = quantizer("int4", CPU, torch.float32)
    name = "llm.model.layers.0.mlp.up_proj.weight"
    with pytest.raises(ValueError, match="48 inputs.*multiple of 32"):
        quantize(name, torch.zeros(64, 48))


def test_the_load_command_reports_time_and_memory(folder, capsys):
    import json

    options = ["--quantization", "int8", "--device", "cpu", "--tokens", "2", "--json"]
    assert cli.main(["load", str(folder), *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["weights_gb"] > 0 and report["peak_gb"] > 0
    assert {"load_s", "perceive_ms", "prefix_ms", "token_ms", "regions"} <= report.keys()
    assert cli.main(["load", str(folder), "--tokens", "-1"]) == 2


def test_what_torchao_logs_of_missing_gpu_kernels_is_kept_back(caplog):
    import logging

    quantizer("int8", torch.device("cpu"), torch.float32)
    logging.getLogger("torchao").warning("Failed to load _C_mxfp8.so: no such library")
    logging.getLogger("torchao").warning("something else")
    assert [record.message for record in caplog.records] == ["something else"]
