"""Language half: a Llama, the added tokens' embeddings and head, and the prompt's expansion."""

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Cache, LlamaConfig, LlamaForCausalLM, LlamaModel
from transformers.models.llama.modeling_llama import LlamaAttention

from groma_ros.encoding.special_tokens import SpecialIds
from groma_ros.model.config import GromaConfig, LanguageConfig

IGNORE_LABEL = -100
EVERY = slice(None)


def build_llama(config: GromaConfig, attention: str = "sdpa") -> LlamaForCausalLM:
    """Build the language model; `attention` is a transformers attention implementation."""
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


def reads(llama: LlamaModel, cache: Cache) -> bool:
    """Tell whether `read` may stand in for the model's own forward: it computes no gradients."""
    plain = llama.config._attn_implementation == "sdpa" and not llama.training
    return plain and not torch.is_grad_enabled() and len(cache.layers) == len(llama.layers)


def read(
    llama: LlamaModel,
    embeds: Tensor,
    cache: Cache,
    position: Tensor | None = None,
    mask: Tensor | None = None,
    wanted: slice | Tensor = EVERY,
) -> Tensor:
    """Run (B, L, D) through `llama` after what `cache` holds and return the last hidden states.

    `position` (1, L) and `mask` (1, 1, L, known + L), True where a position sees another, are
    for embeddings that do not simply follow each other. Hidden states (B, k, D) are those of the
    `wanted` of the L positions: of the others the last layer computes keys and values only. The
    same arithmetic as the model's own forward. One token of a small model takes as long as the
    calls around its products, so there are no more of those than needed.
    """
    known, length = cache.get_seq_length(), embeds.shape[1]
    if position is None:
        position = torch.arange(known, known + length, device=embeds.device)[None]
    cosine, sine = (table[:, None] for table in llama.rotary_emb(embeds, position))
    half = sine.shape[-1] // 2
    sine = torch.cat((-sine[..., :half], sine[..., half:]), dim=-1)
    if mask is None and known and length > 1:
        mask = _causal(length, known, embeds.device)
    hidden, last = embeds, len(llama.layers) - 1
    for index, layer in enumerate(llama.layers):
        attention, placed = layer.self_attn, _rms_norm(hidden, layer.input_layernorm)
        key = _rotate(_heads(attention, attention.k_proj(placed)), cosine, sine)
        value = _heads(attention, attention.v_proj(placed))
        key, value = cache.update(key, value, index)
        if index == last and wanted is not EVERY and length > 1:
            if mask is None:
                mask = _causal(length, 0, embeds.device)
            hidden, placed, mask = hidden[:, wanted], placed[:, wanted], mask[:, :, wanted]
            cosine, sine = cosine[:, :, wanted], sine[:, :, wanted]
        query = _rotate(_heads(attention, attention.q_proj(placed)), cosine, sine)
        hidden = hidden + attention.o_proj(_attend(query, key, value, mask))
        hidden = hidden + layer.mlp(_rms_norm(hidden, layer.post_attention_layernorm))
    return _rms_norm(hidden, llama.norm)


def _causal(length: int, known: int, device: torch.device) -> Tensor:
    """Return (1, 1, L, known + L) bool: a position sees what is known, its past and itself."""
    seen = torch.ones(length, known + length, dtype=torch.bool, device=device)
    return seen.tril(known)[None, None]


def _heads(attention: LlamaAttention, projected: Tensor) -> Tensor:
    """Split (B, L, heads * size) to (B, heads, L, size)."""
    return projected.unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attend from (B, heads, L, size) and return (B, L, heads * size).

    Without a `mask`, L > 1 positions follow each other from the first on.
    """
    if (groups := query.shape[1] // key.shape[1]) > 1:
        key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    causal = mask is None and query.shape[2] > 1
    attended = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
    return attended.transpose(1, 2).flatten(2)


def _rotate(values: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of (B, heads, L, size) by their position; `sine`'s first half is negated."""
    return torch.addcmul(values * cosine, values.roll(values.shape[-1] // 2, -1), sine)


def _rms_norm(hidden: Tensor, norm: torch.nn.Module) -> Tensor:
    return F.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)


def expand_ids(input_ids: Tensor, ids: SpecialIds, image_tokens: int, regions: int) -> Tensor:
    """Replace `<image>` and `<region>` in (L,) ids by the places their tokens will take.

    `<image>` becomes `image_tokens` times itself; `<region>` becomes `<r_i>` and itself
    for each region. Raises ValueError unless each stands in the prompt once, image first.
    """
    expanded = input_ids.repeat_interleave(_lengths(input_ids, ids, image_tokens, regions))
    places = (expanded == ids.region).nonzero().flatten()
    indices = torch.arange(regions, device=input_ids.device)
    return expanded.index_copy(0, places[::2], ids.first_region + indices)


def expand_labels(
    labels: Tensor, input_ids: Tensor, ids: SpecialIds, image_tokens: int, regions: int
) -> Tensor:
    """Move labels (L,) to where `expand_ids` moves their tokens; visual tokens have none."""
    visual = (input_ids == ids.image) | (input_ids == ids.region)
    lengths = _lengths(input_ids, ids, image_tokens, regions)
    return labels.masked_fill(visual, IGNORE_LABEL).repeat_interleave(lengths)


def _lengths(input_ids: Tensor, ids: SpecialIds, image_tokens: int, regions: int) -> Tensor:
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
