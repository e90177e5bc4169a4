"""Compare what lies beside the tensors: tokenizer, preprocessing, names, shapes and ties."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from groma_ros.encoding import prompts
from groma_ros.encoding.pixels import DEVIATION, MEAN, normalise
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.verify.parity.report import Check
from groma_ros.verify.parity.trace import golden_config

_READ_ERRORS = (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError, BadZipFile)


def check_text(directory: Path) -> Iterator[Check]:
    """Compare prompts, token ids and decoded text with text.json."""
    path, model = directory / "text.json", directory / "tokenizer" / "tokenizer.model"
    if not path.exists() and not model.parent.exists():
        return
    try:
        golden = json.loads(path.read_text(encoding="utf-8"))
        for mode, wanted in golden["tok"].items():
            tokenizer = GromaTokenizer(model.read_bytes(), legacy=mode == "legacy")
            yield from _check_vocabulary(tokenizer, mode, wanted)
            for name, entry in wanted["enc"].items():
                kind, _, key = name.partition(":")
                text = golden["prompts" if kind == "prompt" else "raw"][key]
                yield from _check_encoding(tokenizer, f"{mode}", name, text, entry)
        yield from _check_prompts(golden)
    except _READ_ERRORS as error:
        yield Check.failure("text", path.name, f"cannot be read: {error!r}")


def _check_vocabulary(tokenizer: GromaTokenizer, mode: str, wanted: dict) -> Iterator[Check]:
    yield Check.equal("text.vocab", mode, len(tokenizer) == wanted["vocab"])
    added = len(tokenizer) - tokenizer.vocab_size
    yield Check.equal("text.num_added", mode, added == wanted["num_added"])
    ours = {token: tokenizer.token_id(token) for token in wanted["added"]}
    yield Check.equal("text.added", mode, ours == wanted["added"])


def _check_encoding(
    tokenizer: GromaTokenizer, mode: str, name: str, text: str, entry: dict[str, Any]
) -> Iterator[Check]:
    known = {
        "ids": lambda: tokenizer.encode(text),
        "segments": lambda: tokenizer.segments(text),
        "decoded": lambda: tokenizer.decode(entry["ids"], skip_special=False),
        "decoded_skip": lambda: tokenizer.decode(entry["ids"]),
    }
    for what, wanted in entry.items():
        same = what in known and known[what]() == wanted
        yield Check.equal(f"text.{what}", f"{mode} {name}", same)


def _check_prompts(golden: dict[str, Any]) -> Iterator[Check]:
    for key, query in golden["raw"].items():
        ours = prompts.opening() + prompts.turn(query)
        yield Check.equal("text.prompt", key, golden["prompts"][key] == ours)
        spaced = ours.replace("</s>", " ")
        yield Check.equal("text.prompt_default", key, golden["prompts_default"][key] == spaced)


def check_image_processor(directory: Path) -> Iterator[Check]:
    """Compare the normalisation with image_processor.npz.

    The file holds every 32nd pixel of resized pictures and every 16th of the normalised ones, but
    not the pictures themselves. So all values must be normalised 8-bit levels, must agree where
    both were sampled, and must lie within the extremes in the file.
    """
    path = directory / "image_processor.npz"
    if not path.exists():
        if (directory / "text.json").exists():
            yield Check.failure("pixels", path.name, "is missing")
        return
    try:
        with np.load(path) as archive:
            arrays = {key: archive[key] for key in archive.files}
        names = sorted({key.partition("/")[0] for key in arrays})
        for name in names:
            yield from _check_picture(name, {k: arrays.pop(f"{name}/{k}") for k in _PICTURE})
        for key in arrays:
            yield Check.failure("pixels", key, "this entry is unknown")
    except _READ_ERRORS as error:
        yield Check.failure("pixels", path.name, f"cannot be read: {error!r}")


_PICTURE = ("resized_u8", "pixels", "stat", "u8_crc")
_PIXEL_TOLERANCE = 1e-6


def _check_picture(name: str, golden: dict[str, np.ndarray]) -> Iterator[Check]:
    pixels = golden["pixels"].astype(np.float64)
    mean, deviation = (np.array(v)[:, None, None] for v in (MEAN, DEVIATION))
    levels = np.rint((pixels * deviation + mean) * 255).clip(0, 255).astype(np.uint8)
    ours = normalise(levels.transpose(1, 2, 0)).numpy()
    yield _closeness("pixels.levels", name, ours, pixels)
    ours = normalise(golden["resized_u8"]).numpy()
    yield _closeness("pixels.resized", name, ours, pixels[:, ::2, ::2])
    average, spread, low, high = golden["stat"].tolist()
    inside = low <= pixels.min() and pixels.max() <= high
    # 2352 sampled values tell mean and deviation to about 0.02.
    inside &= abs(average - pixels.mean()) < 0.1 and abs(spread - pixels.std()) < 0.1
    yield Check.equal("pixels.stat", name, bool(inside), "does not fit the sampled pixels")


def _closeness(stage: str, name: str, ours: np.ndarray, golden: np.ndarray) -> Check:
    error = float(np.abs(ours.astype(np.float64) - golden).max())
    return Check(stage, name, error, _PIXEL_TOLERANCE)


def check_state_dict(directory: Path) -> Iterator[Check]:
    """Compare names, shapes and ties of the architecture, on the meta device."""
    found = {
        path.name.removesuffix("_state_dict.json"): path
        for path in directory.glob("*_state_dict.json")
    }
    for name, path in sorted(found.items()):
        try:
            golden = json.loads(path.read_text(encoding="utf-8"))
            config = GromaConfig.from_file(directory / f"{name}_config.json")
            sizes = golden_config(golden["config"])
            yield Check.equal("config", name, config == sizes, "config differs from the sizes")
            yield from _check_names(name, config, golden)
        except _READ_ERRORS as error:
            yield Check.failure("names", name, f"cannot be read: {error!r}")


def check_config(directory: Path, name: str, sizes: dict[str, Any]) -> Iterator[Check]:
    """Compare tiny_NAME_config.json, where present, with the sizes of a golden file."""
    path = directory / f"tiny_{name}_config.json"
    if not path.exists():
        return
    try:
        same = GromaConfig.from_file(path) == golden_config(sizes)
        yield Check.equal("config", path.stem, same, "config differs from the sizes")
    except _READ_ERRORS as error:
        yield Check.failure("config", path.stem, f"cannot be read: {error!r}")


def _check_names(name: str, config: GromaConfig, golden: dict[str, Any]) -> Iterator[Check]:
    with torch.device("meta"):
        state = Groma(config).state_dict(keep_vars=True)
    shapes = {key: list(tensor.shape) for key, tensor in state.items()}
    wanted = {key: entry["shape"] for key, entry in golden["keys"].items()}
    missing, unexpected = sorted(wanted.keys() - shapes), sorted(shapes.keys() - wanted)
    reason = f"missing {missing[:3]}, unexpected {unexpected[:3]}"
    yield Check.equal("names", name, not missing and not unexpected, reason)
    misshapen = [key for key in wanted if shapes.get(key, wanted[key]) != wanted[key]]
    yield Check.equal("shapes", name, not misshapen, f"of {misshapen[:3]}")
    owners: dict[int, list[str]] = defaultdict(list)
    for key, tensor in state.items():
        owners[id(tensor)].append(key)
    ours = {frozenset(keys) for keys in owners.values() if len(keys) > 1}
    ties = {frozenset(group) for group in golden["tied_groups"]}
    yield Check.equal("ties", name, ours == ties)
    count = sum(tensor.numel() for tensor in {id(t): t for t in state.values()}.values())
    yield Check.equal("parameters", name, count == golden["unique_parameters"])
