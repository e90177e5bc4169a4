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

from groma_ros.model.activations import activation
from groma_ros.model.attention import check_implementation, eager_attention
from groma_ros.model.config import LanguageConfig
from groma_ros.model.rotary_positions import frequencies, scaling_type
from groma_ros.speed.kv_cache import KeyValueCache, LayerCache

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

    def forward(
        self,
        hidden: Tensor,
        rotation: tuple[Tensor, Tensor],
        cache: LayerCache,
        mask: Tensor | None,
        wanted: slice | Tensor = ALL,
        probabilities_wanted: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Append keys and values of (B, L, D) to `cache`; attend from the `wanted` positions.

        Without a `mask`, L > 1 positions follow each other from the first on. Returns (B, k, D)
        and, where they are wanted, the probabilities (B, heads, k, K).
        """
        key = _rotate(self._heads(self.k_proj(hidden)), *rotation)  # (B, key heads, L, size)
        key, value = cache.append(key, self._heads(self.v_proj(hidden)))  # (B, key heads, K, size)
        if wanted is not ALL:
            if mask is None and hidden.shape[1] > 1:
                mask = causal_mask(hidden.shape[1], 0, hidden.device)
            mask = mask if mask is None else mask[:, :, wanted]  # (1, 1, L, K) to (1, 1, k, K)
            hidden = hidden[:, wanted]  # (B, L, D) to (B, k, D)
            rotation = tuple(part[..., wanted, :] for part in rotation)
        query = _rotate(self._heads(self.q_proj(hidden)), *rotation)  # (B, heads, k, size)
        if self.groups > 1:  # (B, key heads, K, size) to (B, heads, K, size)
            key = key.repeat_interleave(self.groups, dim=1)
            value = value.repeat_interleave(self.groups, dim=1)
        causal = mask is None and query.shape[2] > 1
        if probabilities_wanted or self.implementation == "eager":
            mask = causal_mask(query.shape[2], 0, query.device) if causal else mask
            attended, probabilities = eager_attention(query, key, value, mask)
        else:
            probabilities = None
            attended = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
        # (B, heads, k, size) to (B, k, heads * size)
        return self.o_proj(attended.transpose(1, 2).flatten(2)), probabilities

    def _heads(self, projected: Tensor) -> Tensor:
        """Split (B, L, heads * size) into (B, heads, L, size)."""
        return projected.unflatten(-1, (-1, self.head_size)).transpose(1, 2)


class MLP(nn.Module):
    """Feed-forward layer with a gate (arXiv 2002.05202)."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        return self.down_proj(self.activation(self.gate_proj(hidden)) * self.up_proj(hidden))


class DecoderLayer(nn.Module):
    """Attention and feed-forward, each normalised before and added to its input."""

    def __init__(self, config: LanguageConfig, implementation: str) -> None:
        super().__init__()
        self.self_attn = Attention(config, implementation)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        hidden: Tensor,
        rotation: tuple[Tensor, Tensor],
        cache: LayerCache,
        mask: Tensor | None,
        wanted: slice | Tensor = ALL,
        probabilities_wanted: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Refine (B, L, D) to (B, k, D); see `Attention.forward`."""
        attended, probabilities = self.self_attn(
            self.input_layernorm(hidden), rotation, cache, mask, wanted, probabilities_wanted
        )
        hidden = (hidden if wanted is ALL else hidden[:, wanted]) + attended
        return hidden + self.mlp(self.post_attention_layernorm(hidden)), probabilities


class RotaryTables:
    """Keep the cosines and sines of positions, so that reading a token looks them up.

    They are made for as many positions as are asked for, once for each device and precision, from
    frequencies in float32.
    """

    _FIRST_LENGTH = 1024

    def __init__(self, config: LanguageConfig) -> None:
        self.config = config
        self.dynamic = scaling_type(config.rope_scaling) == "dynamic"
        self._tables: dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}

    def rows(self, start: int, end: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (end - start, head size) in the precision of `like`."""
        cosine, sine = self.up_to(end, like)
        return cosine[start:end], sine[start:end]

    def up_to(self, end: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return tables (at least `end`, head size) on the device and in the precision of `like`.

        The first half of each row of sines is negated, as `_rotate` wants it.
        """
        if self.dynamic and end > self.config.max_position_embeddings:
            return self._compute(end, end, like)
        kind = like.device, like.dtype
        kept = self._tables.get(kind)
        if kept is None or len(kept[0]) < end:
            most = self.config.max_position_embeddings
            length = max(end, min(most, self._FIRST_LENGTH if kept is None else 2 * len(kept[0])))
            kept = self._tables[kind] = self._compute(length, min(length, most), like)
        return kept

    def _compute(self, length: int, text: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the tables of `length` positions for a text of `text` tokens."""
        with torch.inference_mode(False), torch.no_grad():  # so that training may read them too
            frequency, scale = frequencies(self.config, text)
            angle = torch.arange(length, dtype=torch.float32)[:, None] * frequency
            cosine, sine = angle.cos() * scale, angle.sin() * scale  # (length, head size / 2)
            cosine, sine = torch.cat((cosine, cosine), -1), torch.cat((-sine, sine), -1)
            return cosine.to(like.device, like.dtype), sine.to(like.device, like.dtype)


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
        scores, are for embeddings that do not simply follow each other. `wanted` chooses k of
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
        """Run all layers on (B, L, D), with what depends on positions given.

        `rotation` holds cosines and sines that broadcast to (B, heads, L, size).
        """
        attentions: dict[int, Tensor] = {}
        last = len(self.layers) - 1
        for index, (layer, kept) in enumerate(zip(self.layers, cache.layers, strict=True)):
            here, asked = wanted if index == last else ALL, index in attention_layers
            hidden, probabilities = layer(hidden, rotation, kept, mask, here, asked)
            if asked:
                attentions[index] = probabilities
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


def causal_mask(length: int, known: int, device: torch.device) -> Tensor:
    """Return (1, 1, L, known + L) bool: a position sees what is known, its past and itself."""
    seen = torch.ones(length, known + length, dtype=torch.bool, device=device)
    return seen.tril(known)[None, None]


def _rotate(values: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of (B, heads, L, size) by their position; the first half of `sine` is negated."""
    return torch.addcmul(values * cosine, values.roll(values.shape[-1] // 2, -1), sine)
