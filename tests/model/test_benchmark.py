"""The benchmark measures the configuration it says, and its report is complete; never its speed."""

import argparse
import json
import math
import sys

import pytest
import torch

from groma_ros.model.groma import Groma
from groma_ros.verify.benchmark import middle_model, robot_use, scaling
from groma_ros.verify.benchmark import parts as bench
from groma_ros.verify.benchmark.memory import extra_mb


@pytest.fixture
def small(monkeypatch, tiny, tiny_config):
    """Run the benchmark on a tiny model instead of the one of middle size."""
    side = {"image_size": 224}  # the benchmark's picture has 7 and 28 blocks a side
    config = type(tiny().config).from_dict(tiny_config(**side))
    for module in (bench, middle_model):
        monkeypatch.setattr(module, "CONFIG", config)
    monkeypatch.setattr(bench, "build", lambda device, dtype: tiny(**side).to(device, dtype))
    monkeypatch.setattr(scaling, "REGIONS", (2, 4))
    monkeypatch.setattr(scaling, "COMMANDS", (1, 3))
    monkeypatch.setattr(scaling, "TOKENS", (2, 3))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def run(*argv):
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return bench.run(parser.parse_args(argv))


def test_the_last_line_is_the_whole_report(small, capsys):
    assert run("--device", "cpu", "--reps", "2", "--json") == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    result = report["dtypes"]["float32"]
    assert set(result["ms"]) == set(result["ms_min"]) == set(bench.LABELS)
    assert all(0 < result["ms_min"][name] <= result["ms"][name] for name in bench.LABELS)
    assert len(result["tokens"]) == bench.NEW and result["regions"] > 0 < result["peak_mb"]
    assert report["threads"] == 2 and report["reps"] == 2


def test_scaling_has_a_row_for_every_size(small, capsys):
    assert run("--device", "cpu", "--dtype", "float32", "--reps", "1", "--scaling", "--json") == 0
    scaling = json.loads(capsys.readouterr().out.splitlines()[-1])["dtypes"]["float32"]["scaling"]
    assert [row["regions"] for row in scaling["regions"]] == [2, 4]
    assert [row["commands"] for row in scaling["commands"]] == [1, 3]
    assert [row["pictures"] for row in scaling["pictures"]] == [1, 2, 3, 4]
    assert [row["tokens"] for row in scaling["tokens"]] == [2, 3]


def test_a_model_is_timed_as_a_robot_uses_it_without_opencv(small, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert run("--model", "nano", "--device", "cpu", "--reps", "1", "--json") == 0
    lines = capsys.readouterr().out.splitlines()
    report = json.loads(lines[-1])
    result = report["dtypes"]["float32"]
    assert report["model"] == "nano" and set(result["ms"]) == set(robot_use.LABELS)
    assert all(value > 0 for value in result["ms"].values())
    parts = sum(result["ms"][name] for name in ("pixels", "regions", "prefix"))
    assert parts == pytest.approx(result["ms"]["perceive"], abs=0.1)
    assert result["regions"] > 0 < result["peak_mb"]
    assert lines[0].startswith("nano in float32") and len(lines) > len(robot_use.LABELS)


@pytest.mark.parametrize(
    "options", [("--model", "nano", "--scaling"), ("--cuda-graphs",), ("--quantization", "int8")]
)
def test_options_that_do_not_go_together_are_refused(options):
    with pytest.raises(ValueError, match="--model"):
        run(*options)


def test_the_model_of_middle_size_is_the_one_the_official_code_was_timed_with():
    with torch.device("meta"):
        model = Groma(middle_model.CONFIG)
    unique = {id(p): p.numel() for p in model.parameters()}
    assert round(sum(unique.values()) / 1e6, 1) == 181.4
    assert (model.config.grid_size, model.region_encoder.map_sides) == (32, (128, 64, 32))


@pytest.mark.parametrize("count", ["0", "-1"])
def test_counts_below_one_are_refused(count):
    with pytest.raises(SystemExit):
        run("--reps", count)


def test_extra_memory_is_that_of_the_call():
    megabytes = extra_mb(torch.device("cpu"), lambda: torch.ones(2**23))
    assert math.isnan(megabytes) or 25 < megabytes < 100


def test_memory_that_was_freed_before_counts_again():
    """The C library keeps small pieces that are freed; the next call then seems to take nothing."""

    def call():
        return [torch.ones(2**14) for _ in range(512)]  # 32 MB

    torch.ones(2**23)  # from now on pieces of up to 32 MB are kept
    call()
    megabytes = extra_mb(torch.device("cpu"), call)
    assert math.isnan(megabytes) or 25 < megabytes < 100
