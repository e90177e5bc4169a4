"""A checkpoint in the published layout is written, loaded tensor by tensor, and converted."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

from groma_ros import cli
from groma_ros.checkpoint import read as shards
from groma_ros.checkpoint import write as shard_writer
from groma_ros.checkpoint.convert import convert
from groma_ros.checkpoint.load import load_groma
from groma_ros.checkpoint.tensor_names import canonical_name
from groma_ros.model.config import GromaConfig
from groma_ros.predictor import Predictor
from groma_ros.verify import random_checkpoint


def drain(steps):
    return list(steps)[-1]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Write a tiny checkpoint of three pickled shards once; no test changes it."""
    folder = tmp_path_factory.mktemp("published")
    done, total = drain(random_checkpoint.write_checkpoint(folder, "tiny", shard_bytes=1_000_000))
    assert done == total
    return folder


def test_the_released_set_up_is_the_golden_one(golden_folder):
    golden = json.loads((golden_folder / "groma7b_config.json").read_text())
    assert random_checkpoint.settings("7b") == golden


def test_the_layout_is_the_published_one(published):
    index = json.loads((published / "pytorch_model.bin.index.json").read_text())
    files = {path.name for path in published.glob("pytorch_model*.bin")}
    assert (
        files
        == set(index["weight_map"].values())
        == {f"pytorch_model-{i:05}-of-00003.bin" for i in (1, 2, 3)}
    )
    tied = [name for name in index["weight_map"] if canonical_name(name) != name]
    assert len(tied) == 28 and {canonical_name(name) for name in tied} < set(index["weight_map"])
    shard = torch.load(published / "pytorch_model-00001-of-00003.bin", weights_only=True)
    assert {tensor.dtype for tensor in shard.values()} == {torch.bfloat16}
    size = sum({t.untyped_storage().data_ptr(): t.nbytes for t in shard.values()}.values())
    assert (published / "pytorch_model-00001-of-00003.bin").stat().st_size > size


def test_it_loads_and_answers_without_the_hub(published, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    predictor = Predictor.from_pretrained(published, device="cpu")
    assert predictor.tokenizer.vocab_size == 1000
    ids = predictor.tokenizer.encode("pick up the red cup")
    assert max(ids) < 1000 and 0 not in ids


def test_values_are_the_ones_that_were_drawn(published):
    model, _ = load_groma(published)
    name = "perceiver.vis_encoder.layernorm.weight"
    wanted = torch.from_numpy(random_checkpoint.rule.weight(0, name, (64,)))
    torch.testing.assert_close(model.state_dict()[name], wanted.bfloat16().float())
    assert all(
        p.isfinite().all() and p.abs().sum() > 0 or "enc_output.bias" in n
        for n, p in model.named_parameters()
    )


def test_the_filled_up_vocabulary_reads_as_nanos():
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor()
    pieces.LoadFromSerializedProto(random_checkpoint.vocabulary(32000))
    nano = sentencepiece.SentencePieceProcessor()
    nano.LoadFromSerializedProto(random_checkpoint.vocabulary(1000))
    assert (pieces.get_piece_size(), nano.get_piece_size()) == (32000, 1000)
    text = "Locate <unused1200> the brown cup."
    assert pieces.encode(text) == nano.encode(text)


@pytest.mark.parametrize("dtype", [None, torch.float32])
def test_a_converted_checkpoint_loads_back_equal(published, tmp_path, dtype):
    target = tmp_path / "new"
    drain(convert(published, target, dtype, 900_000))
    files = shards.weight_files(target)
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
    usage = shard_writer.shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shard_writer.shutil, "disk_usage", lambda path: usage)
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


def test_a_pointer_in_place_of_a_file_is_explained(tmp_path, published):
    for path in published.iterdir():
        (tmp_path / path.name).symlink_to(path)
    shard = tmp_path / "pytorch_model-00002-of-00003.bin"
    shard.unlink()
    shard.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(
        ValueError, match="00002-of-00003.bin .63 bytes. can't be read.*hf download"
    ):
        load_groma(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_truncated_file_is_explained(published, tmp_path, name):
    for path in published.iterdir():
        if "pytorch_model" not in path.name:
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / name).write_bytes(b"\x00" * 5)
    with pytest.raises(ValueError, match=f"{name} .5 bytes. can't be read"):
        load_groma(tmp_path)


def test_a_file_from_before_zip_archives_is_read(tmp_path):
    values = {"a": torch.arange(5000.0)}
    values["tied"] = values["a"]
    path = tmp_path / "pytorch_model.bin"
    torch.save(values, path, _use_new_zipfile_serialization=False)
    for name, tensor in shards.tensors(path):
        assert torch.equal(tensor, values[name])


def test_pages_given_back_are_read_again(tmp_path):
    torch.save({"a": torch.arange(100_000.0)}, tmp_path / "pytorch_model.bin")
    for _, tensor in shards.tensors(tmp_path / "pytorch_model.bin"):
        before = tensor.clone()
        shards.release(tensor)
        assert torch.equal(tensor, before)


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


MEASURE = """
import json, sys
from pathlib import Path
import torch
from groma_ros.checkpoint.read import tensors, weight_files

def status(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":")) * 1024

files = weight_files(Path(sys.argv[1]))
torch.ones(9, dtype=torch.bfloat16).float()
before = status("VmRSS")
found = (tensor for path in files for _, tensor in tensors(path))
kept = [tensor.to("cpu", torch.bfloat16, copy=True) for tensor in found]
size = sum(tensor.nbytes for tensor in kept)
print(json.dumps([size, status("VmHWM") - before]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_loading_takes_no_more_memory_than_the_weights(tmp_path, suffix):
    """Two shards of 128 MB: a whole shard more would be 1.5 times the weights."""
    entries = [shard_writer.Entry(f"w{i}", (4, 1024, 1024), torch.bfloat16) for i in range(32)]
    for number in (0, 1):
        part = entries[number * 16 : number * 16 + 16]
        values = (torch.full(entry.shape, 1.5, dtype=entry.dtype) for entry in part)
        stem, write = (
            ("pytorch_model", shard_writer.write_pickled)
            if suffix == ".bin"
            else ("model", shard_writer.write_safetensors)
        )
        list(write(tmp_path / f"{stem}-{number}{suffix}", part, values))
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    size, peak = json.loads(run.stdout)
    assert size == 256 << 20
    assert peak <= 1.15 * size, f"{peak / size:.2f} times the weights"
