"""Write a checkpoint of random weights that is laid out as the released one is.

Loading, converting and quantizing can so be tried and measured at true size without the weights.
Names, shapes, types, shards, ties and the files beside them are those of groma-7b-finetune; the
words of the model mean nothing.
"""

import copy
import json
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from groma_ros.groma import golden_rule
from groma_ros.groma.config import GromaConfig
from groma_ros.groma.model import Groma
from groma_ros.groma.preprocess import PixelRule
from groma_ros.groma.shard_writer import (
    Entry,
    require_empty,
    require_room,
    shard_names,
    split,
    write_index,
    write_pickled,
)
from groma_ros.groma.tokens import BOS, EOS, NEW_TOKENS, UNK

SHARD_BYTES = 10_000_000_000
_LARGE = 1 << 20

RELEASED = {
    "box_score_thres": 0.15,
    "llm_cfg": {
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": 4096,
        "initializer_range": 0.02,
        "intermediate_size": 11008,
        "max_position_embeddings": 4096,
        "model_type": "llama",
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "num_key_value_heads": 32,
        "pad_token_id": 0,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "tie_word_embeddings": False,
        "transformers_version": "4.32.0",
        "use_cache": True,
        "vocab_size": 32000,
    },
    "max_region_num": 100,
    "model_type": "groma",
    "nms_thres": 0.6,
    "num_new_token": 114,
    "perceiver_cfg": {
        "ddetr_cfg": {
            "auxiliary_loss": True,
            "class_cost": 2,
            "cls_loss_coefficient": 2,
            "id2label": {"0": "LABEL_0"},
            "label2id": {"LABEL_0": 0},
            "model_type": "deformable_detr",
            "num_feature_levels": 1,
            "two_stage": True,
            "with_box_refine": True,
        },
        "model_type": "ddetr",
        "transformers_version": "4.32.0",
        "vis_encoder_cfg": {
            "hidden_size": 1024,
            "image_size": 518,
            "model_type": "dinov2",
            "num_attention_heads": 16,
            "num_hidden_layers": 24,
            "patch_size": 14,
        },
        "vis_output_layer": -1,
        "zs_weight_path": None,
    },
    "transformers_version": "4.32.0",
    "vocab_size": 32114,
}
"""`config.json` of the released set-up; what it leaves out takes the defaults of that time."""


def settings(size: str) -> dict:
    """Return the `config.json` for "7b" or "tiny"."""
    data = copy.deepcopy(RELEASED)
    if size == "7b":
        return data
    data["llm_cfg"] |= {"vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128}
    data["llm_cfg"] |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4}
    data["vocab_size"] = 1000 + len(NEW_TOKENS)
    perceiver = data["perceiver_cfg"]
    perceiver["vis_encoder_cfg"] |= {
        "hidden_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "image_size": 70,
    }
    perceiver["ddetr_cfg"] |= {
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "num_queries": 20,
        "two_stage_num_proposals": 20,
    }
    data["groma_ros"] = {"region_encoder": {"roi_size": 4, "hidden": 32}}
    return data


def write_checkpoint(
    folder: str | Path,
    size: str = "7b",
    dtype: torch.dtype = torch.bfloat16,
    seed: int = 0,
    shard_bytes: int = SHARD_BYTES,
) -> Iterator[tuple[int, int]]:
    """Write a checkpoint to a new or empty folder; yields bytes written so far and in all.

    Raises ValueError where the folder holds something, or the disk has no room for it.
    """
    folder, data = Path(folder), settings(size)
    require_empty(folder)
    entries = _entries(GromaConfig.from_dict(data), dtype)
    total = sum(entry.size for entry in entries if not entry.same_as)
    require_room(folder, total)
    folder.mkdir(parents=True, exist_ok=True)
    shards = split(entries, shard_bytes)
    names = shard_names("pytorch_model", ".bin", len(shards))
    done = 0
    for name, shard in zip(names, shards, strict=True):
        values = (_draw(entry, seed) for entry in shard if not entry.same_as)
        for entry in write_pickled(folder / name, shard, values):
            done += entry.size
            yield done, total
    if len(shards) > 1:
        write_index(folder / "pytorch_model.bin.index.json", dict(zip(names, shards, strict=True)))
    _write_neighbours(folder, data)


def _entries(config: GromaConfig, dtype: torch.dtype) -> list[Entry]:
    """List what the official code saves: every name, tied ones next to those they are tied to."""
    with torch.device("meta"):
        state = Groma(config).state_dict()
    entries = []
    for name, tensor in state.items():
        twin = golden_rule.canonical_name(name)
        entries.append(Entry(name, tuple(tensor.shape), dtype, "" if twin == name else twin))
    return sorted(entries, key=lambda entry: (entry.same_as or entry.name, entry.same_as != ""))


def _draw(entry: Entry, seed: int) -> Tensor:
    """Draw values as the golden rule has them, large ones by torch's generator, which streams."""
    if math.prod(entry.shape) <= _LARGE:
        value = golden_rule.weight(seed, entry.name, entry.shape)
        return torch.from_numpy(value).reshape(entry.shape).to(entry.dtype)
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}:{entry.name}".encode()))
    deviation = 1 / math.sqrt(math.prod(entry.shape[1:]))
    deviation = 1.0 if entry.name.endswith("embed_tokens.weight") else deviation
    deviation *= 2 if entry.name.endswith("lm_head.weight") else 1
    bound = math.sqrt(3) * deviation
    return torch.empty(entry.shape, dtype=entry.dtype).uniform_(-bound, bound, generator=generator)


def _write_neighbours(folder: Path, data: dict) -> None:
    pieces = data["llm_cfg"]["vocab_size"]
    (folder / "tokenizer.model").write_bytes(vocabulary(pieces))
    special = {"bos_token": BOS, "eos_token": EOS, "unk_token": UNK, "pad_token": "[PAD]"}
    files = {
        "config.json": data,
        "added_tokens.json": {token: pieces + i for i, token in enumerate(NEW_TOKENS)},
        "special_tokens_map.json": special,
        "tokenizer_config.json": special
        | {"add_bos_token": True, "add_eos_token": False, "tokenizer_class": "LlamaTokenizer"},
        "generation_config.json": {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": pieces},
        "preprocessor_config.json": PixelRule().to_dict(448),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def vocabulary(pieces: int) -> bytes:
    """Return a sentencepiece model of `pieces` pieces: groma-nano's, filled up with unused ones.

    In a protobuf file, appending a field of a list appends to the list.
    """
    nano = (Path(__file__).parents[1] / "nano" / "tokenizer.model").read_bytes()
    return nano + b"".join(_unused_piece(i) for i in range(1000, pieces))


def _unused_piece(index: int) -> bytes:
    """Encode SentencePiece {piece, score, type: UNUSED} as an entry of ModelProto.pieces."""
    text = f"<unused{index}>".encode()
    body = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", 0.0) + b"\x18\x05"
    return b"\x0a" + bytes([len(body)]) + body
