"""Make the model that a training stage starts from: fresh weights, or those of a model folder.

Fresh weights are random but for the stem of the vision encoder. As the released Groma starts
from DINOv2, groma-nano starts from a network that knows photographs: YOLOX-nano, a detector trained
on COCO (see `train/yolox.py`).
"""

from __future__ import annotations

from torch import nn

from groma_ros.checkpoint.load import load_groma
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.train.nano import nano_config
from groma_ros.train.yolox import load_yolox_stem


def start_model(
    text_vocab_size: int, folder: str = "", detector: str = "", attention: str = "sdpa"
) -> Groma:
    """Build groma-nano with fresh weights, or with those of `folder` (to train on).

    Args:
        detector: the file of YOLOX-nano's weights, for the stem; without one it stays random, for
            weights that are read later.

    Raises ValueError where the folder's vocabulary is of another size.
    """
    model = Groma(GromaConfig.from_dict(nano_config(text_vocab_size)), attention)
    if not folder:
        reset_vision(model)
        reset_language(model)
        if detector:
            load_yolox_stem(model.perceiver.vis_encoder.stem, detector)
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
            damped = name.endswith(("output.dense", "fc2"))
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            module.weight.data *= (2 * depth) ** -0.5 if damped else 1.0
    projection = vision.embeddings.patch_embeddings.projection
    nn.init.normal_(projection.weight, std=0.25 * projection.weight[0].numel() ** -0.5)
    nn.init.normal_(vision.embeddings.position_embeddings, std=0.2)


def reset_language(model: Groma) -> None:
    """Start the decoder from unit-RMS embeddings and weights of 1/sqrt(fan in).

    Heads start as the embeddings that they score: to say a token that was read is to copy it.
    """
    depth = model.config.language.num_hidden_layers
    for name, weight in (*model.llm.named_parameters(), *model.extra_lm_head.named_parameters()):
        if weight.ndim == 2:
            nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.data /= (2 * depth) ** 0.5
    nn.init.normal_(model.llm.model.embed_tokens.weight)
    nn.init.normal_(model.new_input_embs.weight)
    scale = model.config.language.hidden_size**-0.5
    model.llm.lm_head.weight.data = model.llm.model.embed_tokens.weight.data * scale
    model.extra_lm_head.weight.data = model.new_input_embs.weight.data * scale
