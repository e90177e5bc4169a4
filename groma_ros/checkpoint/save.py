"""Save a model as a folder that `load` reads: config.json, weights and tokenizer.model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from groma_ros.checkpoint.tensor_names import HEAD, canonical_name
from groma_ros.encoding.pixels import PixelRule
from groma_ros.model.groma import Groma
from groma_ros.speed.quantized_linear import QuantizedLinear


def save_groma(
    model: Groma,
    tokenizer_path: str | Path,
    folder: str | Path,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a folder that `load_groma` reads, with each tied tensor once.

    `tokenizer_path` is a `tokenizer.model` or the folder that holds it; `dtype` is the type of
    every floating-point tensor in the file. Raises ValueError for a quantized model, because the
    folder that it was loaded from is more exact.
    """
    if any(isinstance(module, QuantizedLinear) for module in model.modules()):
        raise ValueError("a quantized model can't be saved; keep the folder it was loaded from")
    folder, source = Path(folder), Path(tokenizer_path)
    folder.mkdir(parents=True, exist_ok=True)
    source = source / "tokenizer.model" if source.is_dir() else source
    target = folder / "tokenizer.model"
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    kept = {}
    for name, tensor in model.state_dict().items():
        if canonical_name(name) != name:
            continue
        if name == HEAD and model.config.language.tie_word_embeddings:
            continue
        tensor = tensor.to(dtype) if tensor.is_floating_point() else tensor
        kept[name] = tensor.cpu().contiguous().clone()
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", model.config.to_dict())
    if model.config.pixels != PixelRule():
        side = model.config.image_size
        _write_json(folder / "preprocessor_config.json", model.config.pixels.to_dict(side))


def _write_json(path: Path, data: dict) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
