"""Put the trained halves together as a model folder that `Predictor.from_pretrained` reads."""

from __future__ import annotations

from pathlib import Path

import torch

from groma_ros.checkpoint.locate import model_folder
from groma_ros.checkpoint.save import save_groma
from groma_ros.train.language import language_half
from groma_ros.train.loop import part
from groma_ros.train.regions import load_perceiver


def export(start: str, perceiver: Path, language: Path, folder: Path) -> None:
    """Write fp16 safetensors, config.json and tokenizer.model into `folder`."""
    model, _ = load_perceiver(perceiver, start)
    modules = torch.load(language, weights_only=True)["modules"]
    for name, module in language_half(model).items():
        module.load_state_dict(part(modules, name))
    folder.mkdir(parents=True, exist_ok=True)
    save_groma(model, model_folder(start) / "tokenizer.model", folder, torch.float16)
