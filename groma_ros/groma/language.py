"""Language half: a Llama, the added tokens' embeddings and head, and the prompt's expansion."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from .config import GromaConfig, LanguageConfig
from .tokens import SpecialIds

IGNORE_LABEL = -100


def build_llama(config: GromaConfig, attention: str = "sdpa") -> LlamaForCausalLM:
    """Build the language model; ``attention`` is a transformers attention implementation."""
    llama = LlamaForCausalLM(llama_config(config.language))
    llama.set_attn_implementation(attention)
    return llama


def llama_config(language: LanguageConfig) -> LlamaConfig:
    """Translate to the installed transformers' configuration."""
    rope = {"rope_type": "default", "rope_theta": language.rope_theta}
    if language.rope_scaling:
        scaling = dict(language.rope_scaling)
        rope |= scaling | {"rope_type": scaling.pop("type", scaling.get("rope_type"))}
        rope.pop("type", None)
    return LlamaConfig(
        vocab_size=language.vocab_size,
        hidden_size=language.hidden_size,
        intermediate_size=language.intermediate_size,
        num_hidden_layers=language.num_hidden_layers,
        num_attention_heads=language.num_attention_heads,
        num_key_value_heads=language.num_key_value_heads,
        hidden_act=language.hidden_act,
        max_position_embeddings=language.max_position_embeddings,
        initializer_range=language.initializer_range,
        rms_norm_eps=language.rms_norm_eps,
        pad_token_id=None,
        bos_token_id=language.bos_token_id,
        eos_token_id=language.eos_token_id,
        tie_word_embeddings=language.tie_word_embeddings,
        rope_parameters=rope,
    )


def expand_ids(
    input_ids: torch.Tensor, ids: SpecialIds, image_tokens: int, regions: int
) -> torch.Tensor:
    """Replace ``<image>`` and ``<region>`` in (L,) ids by the places their tokens will take.

    ``<image>`` becomes ``image_tokens`` times itself; ``<region>`` becomes ``<r_i>`` and itself
    for each region. Raises ValueError unless each stands in the prompt once, image first.
    """
    expanded = input_ids.repeat_interleave(_lengths(input_ids, ids, image_tokens, regions))
    places = (expanded == ids.region).nonzero().flatten()
    indices = torch.arange(regions, device=input_ids.device)
    return expanded.index_copy(0, places[::2], ids.first_region + indices)


def expand_labels(
    labels: torch.Tensor, input_ids: torch.Tensor, ids: SpecialIds, image_tokens: int, regions: int
) -> torch.Tensor:
    """Move labels (L,) to where ``expand_ids`` moves their tokens; visual tokens have none."""
    visual = (input_ids == ids.image) | (input_ids == ids.region)
    lengths = _lengths(input_ids, ids, image_tokens, regions)
    return labels.masked_fill(visual, IGNORE_LABEL).repeat_interleave(lengths)


def _lengths(
    input_ids: torch.Tensor, ids: SpecialIds, image_tokens: int, regions: int
) -> torch.Tensor:
    image = (input_ids == ids.image).nonzero().flatten().tolist()
    region = (input_ids == ids.region).nonzero().flatten().tolist()
    if len(image) != 1 or len(region) != 1 or image[0] > region[0]:
        raise ValueError(
            f"the prompt holds <image> {len(image)} times and <region> {len(region)} times; "
            "it needs one of each, the image first"
        )
    lengths = torch.ones_like(input_ids)
    lengths[image[0]] = image_tokens
    lengths[region[0]] = 2 * regions
    return lengths
