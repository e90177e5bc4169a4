"""`groma random-checkpoint`: write random weights in the layout of the released checkpoint.

Loading, converting and quantizing can then be tried and measured at true size without the weights.
Names, shapes, types, shards, ties and the files beside them are those of groma-7b-finetune. The
words of such a model mean nothing.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from groma_ros.checkpoint.locate import model_folder
from groma_ros.checkpoint.released_config import RELEASED
from groma_ros.checkpoint.tensor_names import EMBEDDINGS, HEAD, canonical_name
from groma_ros.checkpoint.write import (
    Entry,
    raw_bytes,
    require_empty,
    require_room,
    shard_names,
    split,
    write_index,
)
from groma_ros.cli.progress import shard_bytes, show_progress
from groma_ros.encoding.pixels import PixelRule
from groma_ros.encoding.special_tokens import BOS, EOS, NEW_TOKENS, UNK
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.verify.parity import rule

SHARD_BYTES = 10_000_000_000
_LARGE = 1 << 20

EXAMPLES = """examples:
  groma random-checkpoint ck7b                 14.8 GB in bfloat16, as published
  groma random-checkpoint small --size tiny    3 MB, the same layout
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma random-checkpoint`."""
    parser.add_argument("folder", type=Path, help="folder to write: new or empty")
    parser.add_argument("--size", choices=("7b", "tiny"), default="7b", help="of the model (7b)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (0)")
    parser.add_argument("--shard-gb", type=float, default=10.0, help="largest file in GB (10)")


def run(args: argparse.Namespace) -> int:
    """Write the checkpoint and print how far it is; return 0."""
    limit = shard_bytes(args.shard_gb)
    show_progress(write_checkpoint(args.folder, args.size, seed=args.seed, shard_bytes=limit))
    print(f"wrote {args.folder}")
    return 0


def settings(size: str) -> dict:
    """Return the `config.json` for "7b" or "tiny"."""
    data = copy.deepcopy(RELEASED)
    if size == "7b":
        return data
    pieces = nano_vocabulary().vocab_size
    data["llm_cfg"] |= {"vocab_size": pieces, "hidden_size": 64, "intermediate_size": 128}
    data["llm_cfg"] |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4}
    data["vocab_size"] = pieces + len(NEW_TOKENS)
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
    """Write a checkpoint to a new or empty folder; yield bytes written so far and in all.

    `size` is "7b" or "tiny"; no file but one with a single larger tensor exceeds `shard_bytes`.
    Raises ValueError where the folder holds something, or the disk has no room for it.
    """
    folder, data = Path(folder), settings(size)
    require_empty(folder)
    config = GromaConfig.from_dict(data)
    entries = _entries(config, dtype)
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
    _write_neighbours(folder, data, config.image_size)


def _entries(config: GromaConfig, dtype: torch.dtype) -> list[Entry]:
    """List what the official code saves: every name, tied ones next to those they are tied to."""
    entries = []
    for name, tensor in Groma.empty(config).state_dict().items():
        twin = canonical_name(name)
        entries.append(Entry(name, tuple(tensor.shape), dtype, "" if twin == name else twin))
    return sorted(entries, key=lambda entry: (entry.same_as or entry.name, entry.same_as != ""))


def _draw(entry: Entry, seed: int) -> Tensor:
    """Draw values by the rule of the golden files; large tensors by torch, which is faster."""
    if math.prod(entry.shape) <= _LARGE:
        value = rule.draw_weight(seed, entry.name, entry.shape)
        return torch.from_numpy(value).reshape(entry.shape).to(entry.dtype)
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}:{entry.name}".encode()))
    deviation = 1 / math.sqrt(math.prod(entry.shape[1:]))
    deviation = 1.0 if entry.name == EMBEDDINGS else deviation
    deviation *= 2 if entry.name == HEAD else 1
    bound = math.sqrt(3) * deviation
    return torch.empty(entry.shape, dtype=entry.dtype).uniform_(-bound, bound, generator=generator)


def write_pickled(path: Path, entries: list[Entry], values: Iterable[Tensor]) -> Iterator[Entry]:
    """Write what `torch.save` writes of a dict of tensors; yield each entry once it is on disk.

    `values` are the tensors of those `entries` that are not tied to another. torch lays the file
    out from tensors without memory and tells where the values of each one belong; so one tensor is
    in memory at a time, where `torch.save` alone would need the whole shard.
    """
    with FakeTensorMode(), torch.serialization.skip_data(materialize_fake_tensors=True):
        blank: dict[str, Tensor] = {}
        for entry in entries:
            tied = entry.same_as
            blank[entry.name] = blank[tied] if tied else torch.empty(entry.shape, dtype=entry.dtype)
        torch.save(blank, path)
    with FakeTensorMode():
        laid_out = torch.load(path, weights_only=True)
    untied = [entry for entry in entries if not entry.same_as]
    with path.open("r+b") as file:
        for entry, tensor in zip(untied, values, strict=True):
            file.seek(laid_out[entry.name].untyped_storage()._checkpoint_offset)
            file.write(raw_bytes(tensor, entry))
            yield entry


def _write_neighbours(folder: Path, data: dict, image_size: int) -> None:
    """Write the files that lie beside the weights: config, tokenizer and preprocessor."""
    language = data["llm_cfg"]
    pieces = language["vocab_size"]
    (folder / "tokenizer.model").write_bytes(vocabulary(pieces))
    special = {"bos_token": BOS, "eos_token": EOS, "unk_token": UNK, "pad_token": "[PAD]"}
    files = {
        "config.json": data,
        "added_tokens.json": {token: pieces + i for i, token in enumerate(NEW_TOKENS)},
        "special_tokens_map.json": special,
        "tokenizer_config.json": special
        | {"add_bos_token": True, "add_eos_token": False, "tokenizer_class": "LlamaTokenizer"},
        "generation_config.json": {
            "bos_token_id": language["bos_token_id"],
            "eos_token_id": language["eos_token_id"],
            "pad_token_id": pieces,
        },
        "preprocessor_config.json": PixelRule().to_dict(image_size),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def vocabulary(pieces: int) -> bytes:
    """Return a sentencepiece model of `pieces` pieces: groma-nano's, filled up with unused ones.

    Appending a field of a list to a protobuf file appends to the list.
    """
    nano = nano_vocabulary()
    return nano.model + b"".join(_unused_piece(i) for i in range(nano.vocab_size, pieces))


@cache
def nano_vocabulary() -> GromaTokenizer:
    """Return the tokenizer of groma-nano."""
    return GromaTokenizer.from_folder(model_folder("nano"))


def _unused_piece(index: int) -> bytes:
    """Encode SentencePiece {piece, score, type: UNUSED} as an entry of ModelProto.pieces."""
    text = f"<unused{index}>".encode()
    body = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", 0.0) + b"\x18\x05"
    return b"\x0a" + bytes([len(body)]) + body
