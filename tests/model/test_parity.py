"""The model computes what the official code computes, and the comparison notices when not."""

import argparse
import json
import shutil

import numpy as np
import pytest

from groma_ros.verify.parity import compare as parity
from groma_ros.verify.parity import trace

WHOLE, SAMPLED, INTEGER = "ddetr.pred_boxes", "region.fused0", "ddetr.topk_idx"


def run(directory):
    parser = argparse.ArgumentParser()
    parity.add_arguments(parser)
    return parity.run(parser.parse_args([str(directory), "--failures"]))


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_every_stage_and_case_agrees(golden_folder, name):
    checks = list(parity.check_set(golden_folder / f"{name}.json", golden_folder / f"{name}.npz"))
    assert len(checks) > 100
    assert [check for check in checks if not check.agrees] == []


def test_text_preprocessing_and_configurations_agree(golden_folder, tmp_path, capsys):
    for name in (
        "text.json",
        "image_processor.npz",
        "groma7b_state_dict.json",
        "groma7b_config.json",
    ):
        shutil.copy(golden_folder / name, tmp_path)
    shutil.copytree(golden_folder / "tokenizer", tmp_path / "tokenizer")
    assert run(tmp_path) == 0
    assert "128 of 128 checks agree" in capsys.readouterr().out


@pytest.fixture(scope="module")
def single(golden_folder, tmp_path_factory):
    """Return a directory with one small case under another name, and its files' contents."""
    settings = json.loads((golden_folder / "A.json").read_text())
    settings["cases"] = [case for case in settings["cases"] if case["id"] == "A3"]
    with np.load(golden_folder / "A.npz") as archive:
        arrays = {key: archive[key] for key in archive.files if key.startswith("A3/")}
    return settings, arrays


@pytest.fixture(scope="module")
def traced(single):
    """Return the one model and the one trace that all alterations are compared with."""
    settings, arrays = single
    model = trace.build(settings)
    case = trace.Case.from_dict(settings["cases"][0])
    return model, trace.trace(model, case, arrays["A3/gen_ids"].shape[1], None)


@pytest.fixture
def altered(single, traced, tmp_path, monkeypatch):
    """Return a function that writes the case with changed arrays and gives the exit status."""
    monkeypatch.setattr(parity, "build", lambda _: traced[0])
    monkeypatch.setattr(parity, "trace", lambda *_: traced[1])

    def check(settings=None, **changes):
        arrays = {key: array.copy() for key, array in single[1].items()}
        for key, change in changes.items():
            arrays[f"A3/{key}"] = change(arrays.get(f"A3/{key}"))
        kept = {key: array for key, array in arrays.items() if array is not None}
        (tmp_path / "other.json").write_text(json.dumps(settings or single[0]))
        np.savez(tmp_path / "other.npz", **kept)
        return run(tmp_path)

    return check


def moved(amount, position=-1):
    def change(array):
        array.flat[position] += amount
        return array

    return change


def test_the_case_alone_agrees(altered):
    assert altered() == 0


@pytest.mark.parametrize(
    "key, amount",
    [
        (WHOLE, 1e-4),
        ("scores", 1e-3),
        (f"{SAMPLED}#sample", 1e-3),
        (f"{SAMPLED}#stat", 1e-3),
        (f"{SAMPLED}#shape", 1),
        (INTEGER, 1),
        ("gen_ids", 1),
        ("llm.input_ids", 1),
    ],
)
def test_one_altered_number_is_found(altered, key, amount):
    assert altered(**{key: moved(amount)}) == 1


def test_an_altered_finite_count_is_found(altered):
    assert altered(**{f"{SAMPLED}#stat": moved(1, position=3)}) == 1


def test_a_nan_is_found(altered):
    assert altered(**{WHOLE: moved(np.nan)}) == 1


@pytest.mark.parametrize("name", ["vision.secret", "loss"])
def test_an_unknown_stage_is_found(altered, capsys, name):
    assert altered(**{name: lambda _: np.zeros(1, np.float32)}) == 1
    assert "this stage is unknown" in capsys.readouterr().out


@pytest.mark.parametrize("key", [WHOLE, f"{SAMPLED}#stat", "gen_ids"])
def test_a_missing_stage_is_found(altered, key):
    assert altered(**{key: lambda _: None}) == 1


def test_a_case_without_arrays_is_found(altered, single):
    settings = single[0] | {"cases": [*single[0]["cases"], single[0]["cases"][0] | {"id": "A9"}]}
    assert altered(settings=settings) == 1


def test_an_altered_input_is_found(single, tmp_path):
    settings = json.loads(json.dumps(single[0]))
    settings["cases"][0]["input_ids"][0][3] += 1
    (tmp_path / "other.json").write_text(json.dumps(settings))
    np.savez(tmp_path / "other.npz", **single[1])
    assert run(tmp_path) == 1


@pytest.mark.parametrize("kept", ["A.json", "A.npz", "text.json", "groma7b_state_dict.json"])
def test_a_file_without_its_other_half_is_found(golden_folder, tmp_path, kept):
    shutil.copy(golden_folder / kept, tmp_path)
    assert run(tmp_path) == 1


def test_a_truncated_file_is_found(golden_folder, tmp_path):
    shutil.copy(golden_folder / "A.json", tmp_path)
    (tmp_path / "A.npz").write_bytes((golden_folder / "A.npz").read_bytes()[:5000])
    assert run(tmp_path) == 1


def test_an_empty_and_an_absent_directory_are_failures(tmp_path):
    assert run(tmp_path) == 1
    assert run(tmp_path / "nowhere") == 1


@pytest.mark.parametrize("name", ["text.json", "image_processor.npz"])
def test_altered_text_and_pixels_are_found(golden_folder, tmp_path, name):
    shutil.copy(golden_folder / "text.json", tmp_path)
    shutil.copy(golden_folder / "image_processor.npz", tmp_path)
    shutil.copytree(golden_folder / "tokenizer", tmp_path / "tokenizer")
    assert run(tmp_path) == 0
    if name == "text.json":
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace("926", "927", 1))
    else:
        with np.load(tmp_path / name) as archive:
            arrays = dict(archive)
        arrays["square/pixels"][1, 2, 3] += 1e-3
        np.savez(tmp_path / name, **arrays)
    assert run(tmp_path) == 1
