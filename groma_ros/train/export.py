"""Put the trained halves together as a model folder that `Predictor.from_pretrained` reads."""

from __future__ import annotations

from pathlib import Path

import torch

from groma_ros.checkpoint.save import save_groma
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.train.loop import part
from groma_ros.train.regions import load_perceiver


def export(perceiver: str, language: str, vocabulary: Path, folder: Path, start: str = "") -> None:
    """Write fp16 safetensors, config.json and tokenizer.model into `folder`."""
    tokenizer = GromaTokenizer.from_folder(vocabulary.parent)
    model = load_perceiver(perceiver, tokenizer.vocab_size, start)
    modules = torch.load(language, weights_only=True)["modules"]
    head = model.region_encoder.roi_align
    parts = {
        "llm": model.llm,
        "new_input_embs": model.new_input_embs,
        "extra_lm_head": model.extra_lm_head,
        "updims": head.updims,
        "pos_embedd": head.pos_embedd,
    }
    for name, module in parts.items():
        module.load_state_dict(part(modules, name))
    folder.mkdir(parents=True, exist_ok=True)
    save_groma(model, vocabulary, folder, torch.float16)
