"""Language model: a Llama (arXiv 2302.13971) with the names of the released checkpoint.

Source: modeling_llama.py of transformers; tests hold this one equal to it. It is our own because
importing transformers takes longer than answering, and because one token of a small model takes as
long as the calls around its products: there are no more of those here than needed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.model.activations import Activation
from groma_ros.model.attention import (
    causal_mask,
    check_implementation,
    eager_attention,
    fused_attention,
    split_heads,
)
from groma_ros.model.config import LanguageConfig
from groma_ros.model.rotary_positions import RotaryTables, rotate
from groma_ros.speed.kv_cache import KeyValueCache

ALL = slice(None)


class LanguageOutput(NamedTuple):
    """What the language model returns.

    hidden      (B, k, D) last hidden states of the positions that were asked for
    cache       keys and values of everything read so far
    attentions  (B, heads, L, K) probabilities by layer, of the layers that were asked for
    """

    hidden: Tensor
    cache: KeyValueCache
    attentions: dict[int, Tensor]


class RMSNorm(nn.Module):
    """Divide by the root mean square over the last dimension (arXiv 1910.07467)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalise (..., D)."""
        return F.rms_norm(hidden, self.weight.shape, self.weight, self.eps)


class Attention(nn.Module):
    """Causal attention whose queries may share keys and values in groups (arXiv 2305.13245)."""

    def __init__(self, config: LanguageConfig, implementation: str) -> None:
        super().__init__()
        width, size = config.hidden_size, config.head_size
        self.head_size = size
        self.groups = config.num_attention_heads // config.key_value_heads
        self.implementation = implementation
        self.q_proj = nn.Linear(width, config.num_attention_heads * size, bias=False)
        self.k_proj = nn.Linear(width, config.key_value_heads * size, bias=False)
        self.v_proj = nn.Linear(width, config.key_value_heads * size, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * size, width, bias=False)

    def keys_and_values(
        self, hidden: Tensor, rotation: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Project (B, L, D) to keys and values (B, key heads, L, size)."""
        key = rotate(split_heads(self.k_proj(hidden), self.head_size), *rotation)
        return key, split_heads(self.v_proj(hidden), self.head_size)

    def forward(
        self,
        hidden: Tensor,
        rotation: tuple[Tensor, Tensor],
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        wanted: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from (B, L, D) to keys and values (B, key heads, K, size).

        Without a `mask`, L > 1 positions follow each other from the first on. Returns (B, L, D)
        and, where they are `wanted`, the probabilities (B, heads, L, K).
        """
        query = rotate(split_heads(self.q_proj(hidden), self.head_size), *rotation)
        if self.groups > 1:  # (B, key heads, K, size) to (B, heads, K, size)
            key = key.repeat_interleave(self.groups, dim=1)
            value = value.repeat_interleave(self.groups, dim=1)
        causal = mask is None and query.shape[2] > 1
        if wanted or self.implementation == "eager":
            attended, probabilities = eager_attention(query, key, value, mask, causal)
            return self.o_proj(attended), probabilities
        return self.o_proj(fused_attention(query, key, value, mask, causal)), None


class MLP(nn.Module):
    """Feed-forward layer with a gate (arXiv 2002.05202)."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)
        self.act_fn = Activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        return self.down_proj(self.act_fn(self.gate_proj(hidden)) * self.up_proj(hidden))


class DecoderLayer(nn.Module):
    """Attention and feed-forward, each normalised before and added to its input."""

    def __init__(self, config: LanguageConfig, implementation: str) -> None:
        super().__init__()
        self.self_attn = Attention(config, implementation)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class LlamaModel(nn.Module):
    """The decoder without its head."""

    def __init__(self, config: LanguageConfig, implementation: str) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            DecoderLayer(config, implementation) for _ in range(config.num_hidden_layers)
        )
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary = RotaryTables(config)

    def forward(
        self,
        embeds: Tensor,
        cache: KeyValueCache | None = None,
        position: Tensor | None = None,
        mask: Tensor | None = None,
        wanted: slice | Tensor = ALL,
        attention_layers: Collection[int] = (),
    ) -> LanguageOutput:
        """Read embeddings (B, L, D) after what `cache` holds; it is extended in place.

        `position` (B or 1, L) and `mask` (B or 1, 1, L, known + L), bool or to be added to the
        scores, are for embeddings that do not simply follow each other. `wanted` chooses among
        the L positions: of the others the last layer computes keys and values only. The
        probabilities of `attention_layers` are returned.
        """
        cache = KeyValueCache.empty(len(self.layers)) if cache is None else cache
        known, length = cache.length, embeds.shape[1]
        if position is None:
            rotation = self.rotary.rows(known, known + length, embeds)
        else:
            end = int(position.max()) + 1 if self.rotary.dynamic else known + length
            tables = self.rotary.up_to(end, embeds)
            rotation = tuple(table[position][:, None] for table in tables)  # (B, 1, L, size)
        if mask is None and known and length > 1:
            mask = causal_mask(length, known, embeds.device)
        return self.run(embeds, cache, rotation, mask, wanted, attention_layers)

    def run(
        self,
        hidden: Tensor,
        cache: KeyValueCache,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        wanted: slice | Tensor = ALL,
        attention_layers: Collection[int] = (),
    ) -> LanguageOutput:
        """Run all layers on (B, L, D) with everything that depends on positions given.

        `rotation` holds cosines and sines that broadcast to (B, heads, L, size).
        """
        attentions: dict[int, Tensor] = {}
        chosen = rotation
        for index, layer in enumerate(self.layers):
            placed = layer.input_layernorm(hidden)
            key, value = cache.append(index, *layer.self_attn.keys_and_values(placed, rotation))
            if wanted is not ALL and index + 1 == len(self.layers) and hidden.shape[1] > 1:
                if mask is None:
                    mask = causal_mask(hidden.shape[1], 0, hidden.device)
                hidden, placed = hidden[:, wanted], placed[:, wanted]  # (B, L, D) to (B, k, D)
                mask = mask[:, :, wanted]  # (1, 1, L, K) to (1, 1, k, K)
                chosen = tuple(part[..., wanted, :] for part in rotation)
            attended, probabilities = layer.self_attn(
                placed, chosen, key, value, mask, index in attention_layers
            )
            if index in attention_layers:
                attentions[index] = probabilities
            hidden = hidden + attended
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        return LanguageOutput(self.norm(hidden), cache, attentions)


class Llama(nn.Module):
    """The decoder and its head; the parameters start as those of transformers do."""

    def __init__(self, config: LanguageConfig, attention: str = "sdpa") -> None:
        super().__init__()
        self.config = config
        self.model = LlamaModel(config, check_implementation(attention))
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.apply(self._initialise)
        if config.tie_word_embeddings:
            self.tie_weights()

    def tie_weights(self) -> None:
        """Let the head be the table of embeddings."""
        self.lm_head.weight = self.model.embed_tokens.weight

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
