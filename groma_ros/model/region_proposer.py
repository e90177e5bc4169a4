"""Region proposer: a two-stage deformable DETR on the vision encoder's features.

Source: groma/model/ddetr.py and ddetr_transformer.py of the official code. The released weights
were trained without iterative refinement: every decoder layer attends around the initial
reference, and each layer's box is predicted relative to the reference of the layer before.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from groma_ros.model.config import ProposerConfig
from groma_ros.model.deformable_layers import (
    BoxHead,
    DecoderLayer,
    DeformableAttention,
    EncoderLayer,
    Shapes,
    inverse_sigmoid,
    linear_float32,
    sine_encoding,
    sine_positions,
)


@dataclass(frozen=True)
class ProposerOutput:
    """What the proposer says of a batch; boxes are (cx, cy, w, h) normalised to [0, 1].

    B pictures, N positions of all levels, Q queries, L decoder layers. `enc_*` are the first
    stage (+inf logits where a position counts for nothing); `layer_*` hold the predictions of
    every decoder layer, the last of which are `pred_boxes` and `logits_*`.
    """

    sources: tuple[Tensor, ...]
    enc_out: Tensor
    enc_class: Tensor
    enc_coord_logits: Tensor
    topk_idx: Tensor
    init_reference: Tensor
    dec_hidden: Tensor
    dec_reference: Tensor
    layer_boxes: Tensor
    layer_logits_coco: Tensor
    layer_logits_sa1b: Tensor

    @property
    def pred_boxes(self) -> Tensor:
        """Final boxes (B, Q, 4)."""
        return self.layer_boxes[:, -1]

    @property
    def logits_coco(self) -> Tensor:
        """Final logits (B, Q, labels) of the head trained on COCO-like boxes."""
        return self.layer_logits_coco[:, -1]

    @property
    def logits_sa1b(self) -> Tensor:
        """Final logits (B, Q, labels) of the head trained on SA-1B."""
        return self.layer_logits_sa1b[:, -1]

    @property
    def scores(self) -> Tensor:
        """Objectness (B, Q): coco^0.4 * sa1b^0.6 of the two heads' probabilities."""
        coco = self.logits_coco.squeeze(-1).sigmoid()
        sa1b = self.logits_sa1b.squeeze(-1).sigmoid()
        return coco**0.4 * sa1b**0.6


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, features: Tensor) -> Tensor:
        """Normalise every position over its channels."""
        centred = features - features.mean(1, keepdim=True)
        variance = centred.pow(2).mean(1, keepdim=True)
        normal = centred / torch.sqrt(variance + self.eps)
        return self.weight[:, None, None] * normal + self.bias[:, None, None]


def input_projections(in_channels: int, config: ProposerConfig) -> nn.ModuleList:
    """Build the projection of each feature level, finest level first."""
    d_model = config.d_model
    if config.num_feature_levels == 1:
        same = nn.Sequential(nn.Conv2d(in_channels, d_model, 1), ChannelNorm(d_model))
        return nn.ModuleList([same])
    builders = (_half_projection, _same_projection, _double_projection, _quadruple_projection)
    levels = [build(in_channels, d_model) for build in builders[: config.num_feature_levels]]
    return nn.ModuleList(reversed(levels))


def _half_projection(channels: int, d_model: int) -> nn.Sequential:
    down = nn.Conv2d(channels, d_model, 3, stride=2, padding=1)
    return nn.Sequential(down, ChannelNorm(d_model))


def _same_projection(channels: int, d_model: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, d_model, 1), ChannelNorm(d_model))


def _double_projection(channels: int, d_model: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(channels, d_model // 2, 2, stride=2),
        nn.Conv2d(d_model // 2, d_model, 1),
        ChannelNorm(d_model),
        nn.Conv2d(d_model, d_model, 3, padding=1),
    )


def _quadruple_projection(channels: int, d_model: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(channels, d_model // 2, 2, stride=2),
        ChannelNorm(d_model // 2),
        nn.GELU(),
        nn.ConvTranspose2d(d_model // 2, d_model // 4, 2, stride=2),
        nn.Conv2d(d_model // 4, d_model, 1),
        ChannelNorm(d_model),
        nn.Conv2d(d_model, d_model, 3, padding=1),
    )


class _Encoder(nn.Module):
    def __init__(self, config: ProposerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))


class _Decoder(nn.Module):
    def __init__(self, config: ProposerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))


class Proposer(nn.Module):
    """Propose boxes: every position suggests one, the best are refined by the decoder."""

    def __init__(self, config: ProposerConfig) -> None:
        super().__init__()
        d_model, labels, layers = config.d_model, config.num_labels, config.decoder_layers
        self.config = config
        self.encoder = _Encoder(config)
        self.decoder = _Decoder(config)
        self.level_embed = nn.Parameter(torch.zeros(config.num_feature_levels, d_model))
        self.query_position_embeddings = nn.Embedding(config.num_queries, d_model)
        self.enc_output = nn.Linear(d_model, d_model)
        self.enc_output_norm = nn.LayerNorm(d_model)
        self.pos_trans = nn.Linear(2 * d_model, 2 * d_model)
        self.pos_trans_norm = nn.LayerNorm(2 * d_model)
        self.class_embed_enc = nn.Linear(d_model, labels)
        self.class_embed_coco = nn.ModuleList(nn.Linear(d_model, labels) for _ in range(layers))
        self.class_embed_sa1b = nn.ModuleList(nn.Linear(d_model, labels) for _ in range(layers))
        self.bbox_embed = nn.ModuleList(BoxHead(d_model) for _ in range(layers + 1))
        if not self.level_embed.is_meta:  # there are no values to start with
            self.reset_parameters()
        # The released checkpoint holds the heads twice, once below the decoder.
        self.decoder.bbox_embed = self.bbox_embed
        self.decoder.class_embed_enc = self.class_embed_enc
        self.decoder.class_embed_coco = self.class_embed_coco
        self.decoder.class_embed_sa1b = self.class_embed_sa1b

    def reset_parameters(self) -> None:
        """Initialise for training from scratch: Xavier, rare objects, boxes at their reference."""
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.level_embed)
        for module in self.modules():
            if isinstance(module, DeformableAttention):
                module.reset_parameters()
        for head in (self.class_embed_enc, *self.class_embed_coco, *self.class_embed_sa1b):
            nn.init.constant_(head.bias, -math.log(99.0))
        for head in self.bbox_embed:
            nn.init.zeros_(head.layers[-1].weight)
            nn.init.zeros_(head.layers[-1].bias)

    def forward(self, sources: list[Tensor]) -> ProposerOutput:
        """Propose from feature maps [(B, D, H, W)], finest first."""
        shapes = [(source.shape[-2], source.shape[-1]) for source in sources]
        memory = self._encode(sources, shapes)
        enc_class, enc_coord_logits = self._propose_everywhere(memory, shapes)
        topk_idx = enc_class[..., 0].topk(self.config.two_stage_num_proposals, dim=1).indices
        top_logits = enc_coord_logits.gather(1, topk_idx[..., None].expand(-1, -1, 4)).detach()
        reference = top_logits.sigmoid()
        hidden = self._decode(memory, shapes, reference)
        deltas = torch.stack(
            [head(hidden[:, i]) for i, head in enumerate(self.bbox_embed[:-1])], dim=1
        )
        references = (deltas + inverse_sigmoid(reference)[:, None]).sigmoid()
        before = torch.cat((reference[:, None], references[:, :-1]), dim=1)
        return ProposerOutput(
            sources=tuple(sources),
            enc_out=memory,
            enc_class=enc_class,
            enc_coord_logits=enc_coord_logits,
            topk_idx=topk_idx,
            init_reference=reference,
            dec_hidden=hidden,
            dec_reference=references,
            layer_boxes=(deltas + inverse_sigmoid(before)).sigmoid(),
            layer_logits_coco=_each_layer(self.class_embed_coco, hidden),
            layer_logits_sa1b=_each_layer(self.class_embed_sa1b, hidden),
        )

    def _encode(self, sources: list[Tensor], shapes: Shapes) -> Tensor:
        hidden = torch.cat([source.flatten(2).transpose(1, 2) for source in sources], dim=1)
        positions = torch.cat(
            [
                sine_positions(h, w, self.config.d_model, hidden.device).to(hidden.dtype) + level
                for (h, w), level in zip(shapes, self.level_embed, strict=True)
            ]
        )
        points = torch.cat([cell_centres(h, w, hidden.device) for h, w in shapes])[None]
        for layer in self.encoder.layers:
            hidden = layer(hidden, positions, points, shapes)
        return hidden

    def _propose_everywhere(self, memory: Tensor, shapes: Shapes) -> tuple[Tensor, Tensor]:
        proposals = torch.cat(
            [
                torch.cat((centres, torch.full_like(centres, 0.05 * 2.0**level)), -1)
                for level, (h, w) in enumerate(shapes)
                for centres in (cell_centres(h, w, memory.device),)
            ]
        )
        usable = ((proposals > 0.01) & (proposals < 0.99)).all(-1, keepdim=True)
        logits = torch.log(proposals / (1 - proposals)).masked_fill(~usable, math.inf)
        queries = self.enc_output_norm(self.enc_output(memory.masked_fill(~usable, 0.0)))
        enc_class = linear_float32(self.class_embed_enc, queries)
        return enc_class, self.bbox_embed[-1](queries) + logits

    def _decode(self, memory: Tensor, shapes: Shapes, reference: Tensor) -> Tensor:
        d_model = self.config.d_model
        encoded = sine_encoding(reference * (2 * math.pi), d_model // 2).flatten(-2)
        placed = self.pos_trans_norm(self.pos_trans(encoded.to(memory.dtype)))
        positions = placed[..., :d_model]
        hidden = self.query_position_embeddings.weight[None].expand(len(memory), -1, -1)
        states = []
        for layer in self.decoder.layers:
            hidden = layer(hidden, positions, reference, memory, shapes)
            states.append(hidden)
        return torch.stack(states, dim=1)


def cell_centres(height: int, width: int, device: torch.device) -> Tensor:
    """Return the centres (x, y) of a map's cells, (H * W, 2) float32, normalised, row-major."""
    rows = (torch.arange(height, dtype=torch.float32, device=device) + 0.5) / height
    columns = (torch.arange(width, dtype=torch.float32, device=device) + 0.5) / width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x, y), -1).flatten(0, 1)


def _each_layer(heads: nn.ModuleList, hidden: Tensor) -> Tensor:
    return torch.stack([linear_float32(head, hidden[:, i]) for i, head in enumerate(heads)], dim=1)
