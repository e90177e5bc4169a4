"""A Groma folder is read back as written, and what does not fit is named."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from groma_ros.checkpoint.load import load_groma
from groma_ros.checkpoint.save import save_groma
from groma_ros.checkpoint.tensor_names import canonical_name
from groma_ros.encoding.pixels import PixelRule


@pytest.fixture
def folder(model, golden_folder, tmp_path):
    save_groma(model, golden_folder / "tokenizer", tmp_path, dtype=torch.float32)
    return tmp_path


def rewrite(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_a_round_trip_changes_nothing(model, folder, pixels):
    loaded, tokenizer = load_groma(folder)
    assert loaded.config == model.config
    assert tokenizer.vocab_size == model.config.language.vocab_size
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)
    ours, theirs = model.perceive(pixels[:1])[0], loaded.perceive(pixels[:1])[0]
    torch.testing.assert_close(theirs.region_tokens, ours.region_tokens)
    embeds = model.embed_ids(torch.arange(9)[None])
    torch.testing.assert_close(loaded.llm.model(embeds).hidden, model.llm.model(embeds).hidden)


def test_weights_are_written_in_half_precision_and_once(model, golden_folder, tmp_path):
    save_groma(model, golden_folder / "tokenizer" / "tokenizer.model", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert {t.dtype for t in tensors.values() if t.is_floating_point()} == {torch.float16}
    assert set(tensors) == {canonical_name(name) for name in model.state_dict()}
    loaded, _ = load_groma(tmp_path, dtype=torch.bfloat16)
    assert loaded.dtype == torch.bfloat16
    transformer = loaded.perceiver.ddetr_transformer
    assert transformer.decoder.bbox_embed is transformer.bbox_embed


def test_tied_pairs_may_come_twice(model, folder):
    def add(tensors):
        for name in model.state_dict():
            if canonical_name(name) != name:
                tensors[name] = tensors[canonical_name(name)].clone()

    rewrite(folder, add)
    load_groma(folder)


def test_tied_pairs_may_come_under_the_decoders_name_only(folder):
    def rename(tensors):
        for part in ("bbox_embed", "class_embed_enc", "class_embed_coco", "class_embed_sa1b"):
            for name in [n for n in tensors if f"ddetr_transformer.{part}." in n]:
                other = name.replace("ddetr_transformer.", "ddetr_transformer.decoder.")
                tensors[other] = tensors.pop(name)

    rewrite(folder, rename)
    load_groma(folder)


def test_tied_pairs_that_differ_are_refused(folder):
    name = "perceiver.ddetr_transformer.class_embed_enc.bias"
    twin = name.replace("class_embed", "decoder.class_embed")
    rewrite(folder, lambda t: t.update({twin: t[name] + 1}))
    with pytest.raises(ValueError, match=twin.replace(".", r"\.")):
        load_groma(folder)


def test_stale_rotary_frequencies_are_ignored(model, folder):
    stale = {f"llm.model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.zeros(6) for i in (0, 1)}
    rewrite(folder, lambda t: t.update(stale))
    loaded, _ = load_groma(folder)
    embeds = model.embed_ids(torch.arange(9)[None])
    torch.testing.assert_close(loaded.llm.model(embeds).hidden, model.llm.model(embeds).hidden)


def test_missing_unexpected_and_misshapen_tensors_are_named(folder):
    def spoil(tensors):
        del tensors["img_txt_bridge.0.weight"]
        tensors["img_txt_bridge.9.weight"] = torch.zeros(2)
        tensors["llm.model.norm.weight"] = torch.zeros(7)

    rewrite(folder, spoil)
    with pytest.raises(ValueError) as caught:
        load_groma(folder)
    text = str(caught.value)
    assert "1 missing: img_txt_bridge.0.weight" in text
    assert "1 unexpected: img_txt_bridge.9.weight" in text
    assert "1 misshapen: llm.model.norm.weight (7,) instead of (48,)" in text


def test_shards_of_pickled_weights_are_read(folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    halves = {
        "pytorch_model-00001-of-00002.bin": names[::2],
        "pytorch_model-00002-of-00002.bin": names[1::2],
    }
    for shard, part in halves.items():
        torch.save({name: tensors[name] for name in part}, folder / shard)
    weight_map = {name: shard for shard, part in halves.items() for name in part}
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    loaded, _ = load_groma(folder)
    torch.testing.assert_close(loaded.state_dict()[names[0]], tensors[names[0]])
    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(FileNotFoundError, match="00002-of-00002"):
        load_groma(folder)


def test_code_in_a_pickle_is_not_run(folder):
    class Trap:
        def __reduce__(self):
            return (shutil.rmtree, (str(folder),))

    (folder / "model.safetensors").unlink()
    torch.save({"x": Trap()}, folder / "pytorch_model.bin")
    with pytest.raises(Exception, match="weights_only"):
        load_groma(folder)
    assert folder.exists()


def test_another_preprocessor_is_kept(tiny, golden_folder, tmp_path):
    model = tiny().with_settings(pixels=PixelRule(mean=(0.5, 0.5, 0.5)))
    save_groma(model, golden_folder / "tokenizer", tmp_path)
    assert load_groma(tmp_path)[0].config == model.config


@pytest.mark.parametrize("name", ["config.json", "tokenizer.model", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name.partition(".")[0]):
        load_groma(folder)


def test_a_tokenizer_of_another_size_is_refused(folder):
    settings = json.loads((folder / "config.json").read_text())
    settings["llm_cfg"]["vocab_size"] = 901
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="900 pieces.*901"):
        load_groma(folder)


def test_tied_word_embeddings_need_no_head(tiny, tiny_config, golden_folder, tmp_path):
    settings = tiny_config()
    settings["llm_cfg"]["tie_word_embeddings"] = True
    example = tiny()
    model = type(example)(type(example.config).from_dict(settings)).eval()
    save_groma(model, golden_folder / "tokenizer", tmp_path, dtype=torch.float32)
    assert "llm.lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    loaded, _ = load_groma(tmp_path)
    assert loaded.llm.lm_head.weight is loaded.llm.model.embed_tokens.weight
    hidden = torch.randn(1, 48)
    torch.testing.assert_close(loaded.logits(hidden), model.logits(hidden))
