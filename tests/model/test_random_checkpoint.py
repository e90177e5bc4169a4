"""Random checkpoints have the layout of the published one, and load."""

import json
import sys

import torch

from groma_ros.checkpoint.load import load_groma
from groma_ros.checkpoint.tensor_names import canonical_name
from groma_ros.predictor import Predictor
from groma_ros.verify import random_checkpoint
from groma_ros.verify.parity import rule


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
    wanted = torch.from_numpy(rule.draw_weight(0, name, (64,)))
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
