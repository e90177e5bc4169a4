"""Weight files are read tensor by tensor, and a file that is none is explained."""

import json
import subprocess
import sys

import pytest
import torch

from groma_ros.checkpoint import read
from groma_ros.checkpoint.load import load_groma
from groma_ros.checkpoint.write import Entry, write_safetensors
from groma_ros.verify.random_checkpoint import write_pickled


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
    for name, tensor in read.tensors(path):
        assert torch.equal(tensor, values[name])


def test_pages_given_back_are_read_again(tmp_path):
    torch.save({"a": torch.arange(100_000.0)}, tmp_path / "pytorch_model.bin")
    for _, tensor in read.tensors(tmp_path / "pytorch_model.bin"):
        before = tensor.clone()
        read.free_pages(tensor)
        assert torch.equal(tensor, before)


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
    entries = [Entry(f"w{i}", (4, 1024, 1024), torch.bfloat16) for i in range(32)]
    for number in (0, 1):
        part = entries[number * 16 : number * 16 + 16]
        values = (torch.full(entry.shape, 1.5, dtype=entry.dtype) for entry in part)
        stem, write = (
            ("pytorch_model", write_pickled) if suffix == ".bin" else ("model", write_safetensors)
        )
        list(write(tmp_path / f"{stem}-{number}{suffix}", part, values))
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    size, peak = json.loads(run.stdout)
    assert size == 256 << 20
    assert peak <= 1.15 * size, f"{peak / size:.2f} times the weights"
