"""A model folder that is not what it should be is refused in one line, and runs no code."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import ANY_FLOATS, damaged, fuzz
from safetensors.torch import save
from torch import arange

from groma_ros.checkpoint.locate import local_folder
from groma_ros.checkpoint.read import tensors
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig

NANO = local_folder("nano")
CONFIG = json.loads((NANO / "config.json").read_text())
TOKENIZER = (NANO / "tokenizer.model").read_bytes()
WEIGHTS = save({"a": arange(6.0).reshape(2, 3), "b": arange(3)})


def paths_in(data, path=()):
    """Yield the way to every value of nested dictionaries and lists."""
    yield path
    inner = data if isinstance(data, list) else []
    for key, value in data.items() if isinstance(data, dict) else enumerate(inner):
        yield from paths_in(value, (*path, key))


PATHS = [path for path in paths_in(CONFIG) if path]
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 70),
        st.sampled_from([0, -1, 2**31, 2**63, 10**30]),
        ANY_FLOATS,
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)


@fuzz
@given(path=st.sampled_from(PATHS), value=VALUES, gone=st.booleans())
def test_configurations(tally, path, value, gone):
    config = json.loads(json.dumps(CONFIG))
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    if gone and isinstance(inner, dict):
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    tally("configurations").read(GromaConfig.from_dict, config)


def copies(path):
    return [(name, tensor.clone()) for name, tensor in tensors(path)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("model")


@fuzz
@given(
    data=st.one_of(damaged([WEIGHTS]), st.binary(max_size=64)), claimed=st.integers(0, 2**64 - 1)
)
def test_safetensors(tally, folder, data, claimed):
    path = folder / "model.safetensors"
    for content in (data, struct.pack("<Q", claimed) + data[8:]):
        path.write_bytes(content)
        tally("safetensors").read(copies, path)


@fuzz
@given(data=st.one_of(damaged([TOKENIZER]), st.binary(max_size=64)))
def test_tokenizers(tally, folder, data):
    (folder / "tokenizer.model").write_bytes(data)
    tokenizer = tally("tokenizers").read(GromaTokenizer.from_folder, folder)
    if tokenizer is not None:
        tally("texts cut by damaged tokenizers").read(tokenizer.encode, "pick up the red cup")


@fuzz
@given(text=st.one_of(st.text(max_size=40), damaged([json.dumps(CONFIG).encode()])))
def test_configuration_files(tally, folder, text):
    path = folder / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    tally("configuration files").read(GromaConfig.from_file, path)
