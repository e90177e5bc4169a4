"""Make the model that a training stage starts from: fresh weights, or those of a model folder."""

from __future__ import annotations

from torch import nn

from groma_ros.groma.config import GromaConfig
from groma_ros.groma.model import Groma
from groma_ros.groma.weights import load_groma
from groma_ros.train.nano import nano_config


def start_model(text_vocab_size: int, folder: str = "", attention: str = "sdpa") -> Groma:
    """Build groma-nano with fresh weights, or with those of `folder` (to train on).

    Raises ValueError where the folder's vocabulary is of another size.
    """
    model = Groma(GromaConfig.from_dict(nano_config(text_vocab_size)), attention)
    if not folder:
        reset_vision(model)
        reset_language(model)
        return model
    known, tokenizer = load_groma(folder)
    if tokenizer.vocab_size != text_vocab_size:
        raise ValueError(
            f"{folder} has a vocabulary of {tokenizer.vocab_size} pieces, this run one of "
            f"{text_vocab_size}; copy its tokenizer.model to the run's folder first"
        )
    model.load_state_dict(known.state_dict())
    return model


def reset_vision(model: Groma) -> None:
    """Start the vision encoder from weights of 1/sqrt(fan in), residual branches damped by depth.

    Dinov2's own start (0.02 everywhere) suits widths four times this and a hundred times the
    steps: blocks of this size would add almost nothing to their input for most of the training.
    """
    vision = model.perceiver.vis_encoder
    depth = model.config.vision.num_hidden_layers
    for name, module in vision.named_modules():
        if isinstance(module, nn.Linear):
            damped = name.endswith(("o_proj", "fc2"))
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            module.weight.data *= (2 * depth) ** -0.5 if damped else 1.0
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.03
    nn.init.normal_(vision.embeddings.position_embeddings, std=0.2)


def reset_language(model: Groma) -> None:
    """Start the decoder from unit-RMS embeddings and weights of 1/sqrt(fan in)."""
    depth = model.config.language.num_hidden_layers
    for name, weight in (*model.llm.named_parameters(), *model.extra_lm_head.named_parameters()):
        if weight.ndim == 2:
            nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.data /= (2 * depth) ** 0.5
    nn.init.normal_(model.llm.model.embed_tokens.weight)
    nn.init.normal_(model.new_input_embs.weight)
