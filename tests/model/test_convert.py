"""A checkpoint is converted to safetensors without a change of value, or refused."""

import json

import pytest
import torch
from safetensors import safe_open

from groma_ros import cli
from groma_ros.checkpoint import write
from groma_ros.checkpoint.convert import convert
from groma_ros.checkpoint.load import load_groma
from groma_ros.checkpoint.read import weight_files
from groma_ros.checkpoint.tensor_names import canonical_name
from groma_ros.model.config import GromaConfig
from groma_ros.verify import random_checkpoint


def drain(steps):
    return list(steps)[-1]


@pytest.mark.parametrize("dtype", [None, torch.float32])
def test_a_converted_checkpoint_loads_back_equal(published, tmp_path, dtype):
    target = tmp_path / "new"
    drain(convert(published, target, dtype, 900_000))
    files = weight_files(target)
    assert len(files) > 2 and all(path.suffix == ".safetensors" for path in files)
    ours, theirs = load_groma(target)[0], load_groma(published)[0]
    assert ours.config == theirs.config
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name
    for path in files:
        with safe_open(path, framework="pt") as archive:
            assert all(canonical_name(name) == name for name in archive.keys())  # noqa: SIM118
            first = archive.get_tensor(next(iter(archive.keys())))
            assert first.dtype == (dtype or torch.bfloat16)
    beside = {path.name for path in published.iterdir() if "pytorch_model" not in path.name}
    assert beside <= {path.name for path in target.iterdir()}


def test_nothing_is_written_over(published, tmp_path):
    (tmp_path / "kept").write_text("")
    for steps in (
        convert(published, tmp_path, None, 10**9),
        random_checkpoint.write_checkpoint(tmp_path, "tiny"),
    ):
        with pytest.raises(ValueError, match="not an empty folder"):
            drain(steps)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_disk_without_room_is_told_before_anything_is_written(published, tmp_path, monkeypatch):
    usage = write.shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(write.shutil, "disk_usage", lambda path: usage)
    for steps in (
        convert(published, tmp_path / "a", None, 10**9),
        random_checkpoint.write_checkpoint(tmp_path / "b", "tiny"),
    ):
        with pytest.raises(ValueError, match=r"needs 0\.0 GB and the disk has 0\.0 GB free"):
            drain(steps)
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_not_converted(published, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for path in published.iterdir():
        (source / path.name).symlink_to(path)
    settings = json.loads((published / "config.json").read_text())
    settings["llm_cfg"]["num_hidden_layers"] = 1
    (source / "config.json").unlink()
    (source / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"9 unexpected: llm\.model\.layers\.1\."):
        drain(convert(source, tmp_path / "new", None, 10**9))
    assert not (tmp_path / "new").exists()


def test_the_commands_write_and_refuse(tmp_path, capsys):
    folder, target = tmp_path / "random", tmp_path / "new"
    assert cli.main(["random-checkpoint", str(folder), "--size", "tiny"]) == 0
    assert cli.main(["convert", str(folder), str(target), "--dtype", "float16"]) == 0
    said = capsys.readouterr()
    assert "0.00 of 0.00 GB" in said.err and f"wrote {target}" in said.out
    assert GromaConfig.from_folder(target) == GromaConfig.from_folder(folder)
    assert cli.main(["convert", str(folder), str(target)]) == 2
    assert cli.main(["convert", str(folder), str(tmp_path / "b"), "--shard-gb", "0"]) == 2
    assert "not an empty folder" in capsys.readouterr().err
