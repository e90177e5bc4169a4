"""Vision encoder: DINOv2 (arXiv 2304.07193), for small models behind a stem of convolutions.

Source: modeling_dinov2.py of transformers 4.32, whose names the released checkpoint has; tests hold
this one equal to today's. The released Groma interpolates positions in a way of its own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.model.activations import activation
from groma_ros.model.attention import check_implementation, eager_attention
from groma_ros.model.config import GromaConfig, VisionConfig
from groma_ros.model.stem import build_stem


class PatchEmbeddings(nn.Module):
    """Cut a picture, or what the stem makes of it, into patches."""

    def __init__(self, channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, width, patch_size, stride=patch_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """Project (B, C, S, S) to (B, D, rows, columns).

        In bfloat16 on a CPU it is a product of matrices: there torch 2.13's convolution (oneDNN,
        on processors with AMX) is wrong for some sizes, such as 16 channels in patches of 4.
        """
        if pixels.dtype != torch.bfloat16 or pixels.device.type != "cpu":
            return self.projection(pixels)
        side = self.projection.stride[0]
        patches = F.unfold(pixels, side, stride=side)  # (B, C * side * side, N)
        weight, bias = self.projection.weight.flatten(1), self.projection.bias[:, None]
        rows = pixels.shape[-2] // side
        return (weight @ patches + bias).unflatten(-1, (rows, -1))


class Embeddings(nn.Module):
    """Patches, class token and positions; the mask token is of DINOv2's own training only."""

    def __init__(self, config: GromaConfig) -> None:
        super().__init__()
        vision, stride = config.vision, config.stem.stride if config.stem else 1
        channels = config.stem.out_channels if config.stem else vision.num_channels
        self.table_side = vision.image_size // vision.patch_size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, vision.hidden_size))
        self.mask_token = nn.Parameter(torch.zeros(1, vision.hidden_size))
        self.patch_embeddings = PatchEmbeddings(
            channels, vision.hidden_size, vision.patch_size // stride
        )
        self.position_embeddings = nn.Parameter(
            torch.zeros(1, self.table_side**2 + 1, vision.hidden_size)
        )
        self.dropout = nn.Dropout(vision.hidden_dropout_prob)

    def forward(self, pixels: Tensor) -> Tensor:
        """Project patches and add class token and positions: (B, C, S, S) to (B, 1 + N, D)."""
        patches = self.patch_embeddings(pixels)  # (B, D, rows, columns)
        rows, columns = map(int, patches.shape[-2:])
        positions = self.positions(rows, columns).to(patches.dtype)
        patches = patches.flatten(2).transpose(1, 2)  # (B, N, D), row-major
        cls_token = self.cls_token.expand(len(patches), -1, -1)
        return self.dropout(torch.cat((cls_token, patches), dim=1) + positions)

    def positions(self, rows: int, columns: int) -> Tensor:
        """Return position embeddings (1, 1 + rows * columns, D), interpolated where sizes differ.

        The released model was trained with a bicubic scale factor of (side + 0.1) / table side;
        asking for the size instead samples elsewhere and differs by 16 % rms.
        """
        table, side = self.position_embeddings, self.table_side
        if (rows, columns) == (side, side):
            return table
        grid = table[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, D, s, s)
        grid = F.interpolate(
            grid,
            scale_factor=((rows + 0.1) / side, (columns + 0.1) / side),
            mode="bicubic",
            align_corners=False,
        )
        return torch.cat((table[:, :1].float(), grid.flatten(2).transpose(1, 2)), dim=1)


class SelfAttention(nn.Module):
    """The projections of an attention layer to queries, keys and values."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)


class AttentionOutput(nn.Module):
    """The projection of what was attended to."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)


class Attention(nn.Module):
    """Multi-head attention of every position to every other."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.attention = SelfAttention(config.hidden_size, config.qkv_bias)
        self.output = AttentionOutput(config.hidden_size)

    def forward(self, hidden: Tensor, implementation: str) -> Tensor:
        """Attend within (B, N, D)."""
        query, key, value = (  # (B, N, D) to (B, heads, N, size)
            project(hidden).unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for project in (self.attention.query, self.attention.key, self.attention.value)
        )
        dropout = self.dropout if self.training else 0.0
        if implementation == "eager":
            attended, _ = eager_attention(query, key, value, dropout=dropout)
        else:
            attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.output.dense(attended.transpose(1, 2).flatten(2))  # (B, N, D)


class LayerScale(nn.Module):
    """Scale each channel of a residual branch (arXiv 2103.17239)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.full((config.hidden_size,), config.layerscale_value))

    def forward(self, hidden: Tensor) -> Tensor:
        """Scale (..., D)."""
        return hidden * self.lambda1


class MLP(nn.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        inner = config.hidden_size * config.mlp_ratio
        self.fc1 = nn.Linear(config.hidden_size, inner)
        self.activation = activation(config.hidden_act)
        self.fc2 = nn.Linear(inner, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        return self.fc2(self.activation(self.fc1(hidden)))


class Layer(nn.Module):
    """Attention and feed-forward, each normalised before, scaled and added to its input."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.drop_path_rate = config.drop_path_rate
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = Attention(config)
        self.layer_scale1 = LayerScale(config)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = MLP(config)
        self.layer_scale2 = LayerScale(config)

    def forward(self, hidden: Tensor, implementation: str) -> Tensor:
        """Refine (B, N, D)."""
        attended = self.layer_scale1(self.attention(self.norm1(hidden), implementation))
        hidden = hidden + self._drop_path(attended)
        return hidden + self._drop_path(self.layer_scale2(self.mlp(self.norm2(hidden))))

    def _drop_path(self, branch: Tensor) -> Tensor:
        """Leave a residual branch out for some pictures while training (arXiv 1603.09382)."""
        if not self.training or self.drop_path_rate == 0:
            return branch
        kept = 1 - self.drop_path_rate
        drawn = torch.rand((len(branch), 1, 1), dtype=branch.dtype, device=branch.device)
        return branch / kept * (drawn < kept)


class Encoder(nn.Module):
    """The layers, under the name that the released checkpoint has for them."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))


class VisionEncoder(nn.Module):
    """Turn pixels into the hidden states of every DINOv2 layer.

    `attention` may be set to "eager" for training, which is faster so on a CPU. The parameters
    start as those of transformers do. The final LayerNorm belongs to the checkpoint; the hidden
    states that Groma reads are those before it.
    """

    def __init__(self, config: GromaConfig, attention: str = "sdpa") -> None:
        super().__init__()
        self.attention = check_implementation(attention)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config.vision)
        self.layernorm = nn.LayerNorm(config.vision.hidden_size, eps=config.vision.layer_norm_eps)
        self._initialise(config.vision.initializer_range)
        self.stem = build_stem(config.vision.num_channels, config.stem) if config.stem else None

    @torch.no_grad()
    def _initialise(self, deviation: float) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=deviation)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for token in (self.embeddings.position_embeddings, self.embeddings.cls_token):
            nn.init.trunc_normal_(token, std=deviation)

    def hidden_states(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 3, S, S) normalised pixels.

        Returns the embeddings and the output of each layer, all (B, 1 + N, D) with the class
        token first and without the final LayerNorm. Patches are row-major.
        """
        return self.encode(pixels if self.stem is None else self.stem(pixels))

    def encode(self, features: Tensor) -> tuple[Tensor, ...]:
        """Encode what the stem gives, or pixels where there is none; see `hidden_states`."""
        hidden = self.embeddings(features)
        states = [hidden]
        for layer in self.encoder.layer:
            hidden = layer(hidden, self.attention)
            states.append(hidden)
        return tuple(states)


def drop_class_token(state: Tensor) -> Tensor:
    """Return the patches of a hidden state (B, 1 + N, D) as (B, side, side, D)."""
    batch, tokens, width = state.shape
    side = int((tokens - 1) ** 0.5)
    return state[:, 1:].reshape(batch, side, side, width)


def merge_2x2(patches: Tensor) -> Tensor:
    """Concatenate the four patches of each 2x2 square: (B, H, W, D) to (B, H/2 * W/2, 4 D).

    The order within a square is (row, column) = (0,0), (1,0), (0,1), (1,1).
    """
    corners = [patches[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
    return torch.cat(corners, dim=-1).flatten(1, 2)
