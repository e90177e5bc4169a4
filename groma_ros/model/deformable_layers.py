"""Layers of the deformable-DETR transformer (arXiv 2010.04159), in plain torch."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.model.activations import activation
from groma_ros.model.config import ProposerConfig

Shapes = list[tuple[int, int]]


class DeformableAttention(nn.Module):
    """Gather a few sampled points of each feature level for every query and head."""

    def __init__(self, d_model: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(d_model, heads * levels * points * 2)
        self.attention_weights = nn.Linear(d_model, heads * levels * points)
        self.value_proj = nn.Linear(d_model, d_model)
        self.output_proj = nn.Linear(d_model, d_model)

    def reset_parameters(self) -> None:
        """Start with points in a ring around the reference, one direction for each head."""
        angles = torch.arange(self.heads) * (2.0 * math.pi / self.heads)
        ring = torch.stack((angles.cos(), angles.sin()), -1)
        ring = ring / ring.abs().max(-1, keepdim=True).values
        ring = ring[:, None, None, :].repeat(1, self.levels, self.points, 1)
        ring *= torch.arange(1, self.points + 1)[None, None, :, None]
        nn.init.zeros_(self.sampling_offsets.weight)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(ring.flatten())
        nn.init.zeros_(self.attention_weights.weight)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
        for projection in (self.attention_weights, self.value_proj, self.output_proj):
            nn.init.zeros_(projection.bias)

    def forward(self, query: Tensor, reference: Tensor, memory: Tensor, shapes: Shapes) -> Tensor:
        """Attend from query (B, Q, D) to memory (B, N, D), whose levels have sides `shapes`.

        `reference` is float32, normalised to [0, 1]: points (x, y) as (B, Q, 2), or boxes
        (cx, cy, w, h) as (B, Q, 4), around which the offsets then scale with the box.
        """
        batch, queries, width = query.shape
        layout = (batch, queries, self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(query).float().view(*layout, 2)
        # (B, Q, heads, levels * points): the weights of all levels' points sum to one
        weights = self.attention_weights(query).float().view(*layout[:3], -1).softmax(-1)
        centre = reference[:, :, None, None, None, :2]  # (B, Q, 1, 1, 1, 2)
        if reference.shape[-1] == 2:
            sides = torch.stack([_size(offsets, w, h) for h, w in shapes])
            locations = centre + offsets / sides[:, None]
        else:
            extent = reference[:, :, None, None, None, 2:]
            locations = centre + offsets / self.points * extent * 0.5
        value = self.value_proj(memory)
        # (B, N, D) to (B * heads, D / heads, N)
        value = value.float().transpose(1, 2).reshape(batch * self.heads, width // self.heads, -1)
        # (B, Q, heads, levels, points, 2) to (B * heads, Q, levels, points, 2), in [-1, 1]
        grids = (2 * locations - 1).permute(0, 2, 1, 3, 4, 5).flatten(0, 1)
        sampled = []
        sizes = [h * w for h, w in shapes]
        for level, (part, (h, w)) in enumerate(zip(value.split(sizes, -1), shapes, strict=True)):
            feature_map = part.reshape(*part.shape[:2], h, w)  # (B * heads, D / heads, h, w)
            # (B * heads, D / heads, Q, points)
            sampled.append(F.grid_sample(feature_map, grids[:, :, level], align_corners=False))
        weights = weights.transpose(1, 2).reshape(batch * self.heads, 1, queries, -1)
        gathered = (torch.cat(sampled, -1) * weights).sum(-1)  # (B * heads, D / heads, Q)
        gathered = gathered.view(batch, width, queries).transpose(1, 2)  # (B, Q, D)
        return self.output_proj(gathered.to(query.dtype))


def _size(like: Tensor, width: int, height: int) -> Tensor:
    """Return (2,), made on the device: a copy from the host can't be part of a CUDA graph."""
    return torch.stack((like.new_full((), width), like.new_full((), height)))


class SelfAttention(nn.Module):
    """Plain multi-head attention among the queries; positions are added to query and key only."""

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, hidden: Tensor, positions: Tensor) -> Tensor:
        """Attend within hidden (B, Q, D)."""
        placed = hidden + positions
        query, key, value = (
            projection(source).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection, source in (
                (self.q_proj, placed),
                (self.k_proj, placed),
                (self.v_proj, hidden),
            )
        )
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """Deformable self-attention over all positions of the feature levels, then a feed-forward."""

    def __init__(self, config: ProposerConfig) -> None:
        super().__init__()
        d_model = config.d_model
        self.self_attn = DeformableAttention(
            d_model,
            config.encoder_attention_heads,
            config.num_feature_levels,
            config.encoder_n_points,
        )
        self.self_attn_layer_norm = nn.LayerNorm(d_model)
        self.fc1 = nn.Linear(d_model, config.encoder_ffn_dim)
        self.fc2 = nn.Linear(config.encoder_ffn_dim, d_model)
        self.final_layer_norm = nn.LayerNorm(d_model)
        self.act = activation(config.activation_function)
        self.dropout = nn.Dropout(config.dropout)
        self.act_dropout = nn.Dropout(config.activation_dropout)

    def forward(self, hidden: Tensor, positions: Tensor, points: Tensor, shapes: Shapes) -> Tensor:
        """Refine hidden (B, N, D) at the normalised `points` (1, N, 2)."""
        points = points.expand(len(hidden), -1, -1)
        attended = self.self_attn(hidden + positions, points, hidden, shapes)
        hidden = self.self_attn_layer_norm(hidden + self.dropout(attended))
        raised = self.act_dropout(self.act(self.fc1(hidden)))
        return self.final_layer_norm(hidden + self.dropout(self.fc2(raised)))


class DecoderLayer(nn.Module):
    """Self-attention among the queries, deformable attention to the memory, feed-forward."""

    def __init__(self, config: ProposerConfig) -> None:
        super().__init__()
        d_model, heads = config.d_model, config.decoder_attention_heads
        self.self_attn = SelfAttention(d_model, heads, config.attention_dropout)
        self.self_attn_layer_norm = nn.LayerNorm(d_model)
        self.encoder_attn = DeformableAttention(
            d_model, heads, config.num_feature_levels, config.decoder_n_points
        )
        self.encoder_attn_layer_norm = nn.LayerNorm(d_model)
        self.fc1 = nn.Linear(d_model, config.decoder_ffn_dim)
        self.fc2 = nn.Linear(config.decoder_ffn_dim, d_model)
        self.final_layer_norm = nn.LayerNorm(d_model)
        self.act = activation(config.activation_function)
        self.dropout = nn.Dropout(config.dropout)
        self.act_dropout = nn.Dropout(config.activation_dropout)

    def forward(
        self, hidden: Tensor, positions: Tensor, reference: Tensor, memory: Tensor, shapes: Shapes
    ) -> Tensor:
        """Refine the queries (B, Q, D), each around its reference box (B, Q, 4)."""
        attended = self.self_attn(hidden, positions)
        hidden = self.self_attn_layer_norm(hidden + self.dropout(attended))
        attended = self.encoder_attn(hidden + positions, reference, memory, shapes)
        hidden = self.encoder_attn_layer_norm(hidden + self.dropout(attended))
        raised = self.act_dropout(self.act(self.fc1(hidden)))
        return self.final_layer_norm(hidden + self.dropout(self.fc2(raised)))


class BoxHead(nn.Module):
    """Three linear layers with ReLU that predict four box logits."""

    def __init__(self, d_model: int, hidden: int = 256) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            (nn.Linear(d_model, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 4))
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (..., D) to float32 logits (..., 4)."""
        for layer in self.layers[:-1]:
            hidden = F.relu(layer(hidden))
        return linear_float32(self.layers[-1], hidden)


def linear_float32(layer: nn.Linear, hidden: Tensor) -> Tensor:
    """Apply a small head in float32, whatever the model's type: scores must not tie."""
    return F.linear(hidden.float(), layer.weight.float(), layer.bias.float())


def sine_positions(height: int, width: int, d_model: int, device: torch.device) -> Tensor:
    """Return float32 sine positions (H * W, D), rows before columns, of a map in (0, 2 pi)."""
    rows = (torch.arange(1, height + 1, device=device) - 0.5) / (height + 1e-6) * (2 * math.pi)
    columns = (torch.arange(1, width + 1, device=device) - 0.5) / (width + 1e-6) * (2 * math.pi)
    half = d_model // 2
    encoded_rows = sine_encoding(rows, half)[:, None].expand(-1, width, -1)
    encoded_columns = sine_encoding(columns, half)[None].expand(height, -1, -1)
    return torch.cat((encoded_rows, encoded_columns), -1).flatten(0, 1)


def sine_encoding(values: Tensor, size: int) -> Tensor:
    """Encode each float32 value as `size` interleaved sines and cosines."""
    index = torch.arange(size, dtype=torch.float32, device=values.device)
    period = 10000 ** (2 * torch.div(index, 2, rounding_mode="floor") / size)
    angles = values[..., None] / period
    return torch.stack((angles[..., 0::2].sin(), angles[..., 1::2].cos()), -1).flatten(-2)


def inverse_sigmoid(probability: Tensor, eps: float = 1e-5) -> Tensor:
    """Return the logit, with both probability and complement kept from below at `eps`."""
    probability = probability.clamp(0, 1)
    return torch.log(probability.clamp(min=eps) / (1 - probability).clamp(min=eps))
