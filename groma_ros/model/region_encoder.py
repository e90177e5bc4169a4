"""Region encoder: fuse three feature maps, cut every box out of them, make one token of each.

Source: groma/model/roi_align.py of the official code, with mmcv's RoIAlign (aligned, average).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.model.config import GromaConfig, RegionEncoderConfig
from groma_ros.model.vision_encoder import drop_class_token
from groma_ros.speed import winograd

EVIDENCE_FLOOR = 0.01
"""Probabilities of a name far below this are no evidence."""
# Rows of a map that are normalised at a time.
_BAND_ROWS = 32


class _FusionConv(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.gn = nn.GroupNorm(64, channels)

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Convolve maps [(B, C_i, H, W)] that lie behind each other in channels."""
        if not winograd.is_faster_for(parts[0]):
            return F.relu(self.gn(self.conv(torch.cat(list(parts), dim=1))))
        return _normalise_and_rectify_(winograd.conv3x3(parts, [self.conv]), self.gn)


def _normalise_and_rectify_(features: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Apply `norm` and ReLU to float32 (B, C, H, W) with channels last in memory, in place.

    torch's own GroupNorm is six times slower there. What is done to a band of rows is done while
    a core's cache holds it.
    """
    for rows in features.permute(0, 2, 3, 1):
        bands = rows.split(_BAND_ROWS)
        sums = [torch.stack((band.sum((0, 1)), band.square().sum((0, 1)))) for band in bands]
        moments = torch.stack(sums).sum(0) / (rows.shape[0] * rows.shape[1])
        mean, square = moments.unflatten(-1, (norm.num_groups, -1)).mean(-1, keepdim=True)
        scale = torch.rsqrt((square - mean.square()).clamp(min=0) + norm.eps)
        weight = norm.weight.view(norm.num_groups, -1) * scale
        bias = norm.bias.view(norm.num_groups, -1) - mean * weight
        for band in bands:
            torch.addcmul(bias.flatten(), band, weight.flatten(), out=band).relu_()
    return features


class LevelFusion(nn.Module):
    """Let neighbouring levels exchange a quarter of their channels, a few rounds long."""

    def __init__(self, in_channels: int, channels: int, levels: int, rounds: int) -> None:
        super().__init__()
        self.channels = channels
        self.input_conv = nn.ModuleList(
            nn.Conv2d(in_channels + 2, channels, 1) for _ in range(levels)
        )
        self.fuse_convs = nn.ModuleList(_FusionConv(channels) for _ in range(rounds))

    def project(self, features: Sequence[Tensor], sides: Sequence[int]) -> list[Tensor]:
        """Append coordinates, apply each level's 1x1 convolution and resize to its side.

        Convolving first is the same as the official order (resizing with aligned corners keeps
        constants and linear coordinates) at the cost of the small grid.
        """
        projected = []
        for feature, conv, side in zip(features, self.input_conv, sides, strict=True):
            placed = torch.cat((feature, coordinate_channels(feature)), dim=1)
            placed = placed.contiguous(memory_format=torch.channels_last)
            projected.append(resize(conv(placed), (side, side)))
        return projected

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Fuse maps [(B, C, H_l, W_l)], finest first."""
        for conv in self.fuse_convs:
            features = [conv(self._exchange(features, level)) for level in range(len(features))]
        return features

    def _exchange(self, features: list[Tensor], level: int) -> list[Tensor]:
        own = features[level]
        coarser = features[min(level + 1, len(features) - 1)]
        finer = features[max(level - 1, 0)]
        half, quarter = self.channels - 2 * (self.channels // 4), self.channels // 4
        size = own.shape[-2:]
        return [
            own[:, :half],
            resize(coarser[:, half + quarter :], size),
            resize(finer[:, half : half + quarter], size),
        ]


class RegionHead(nn.Module):
    """Turn the cut-outs of all levels and the box itself into one vector for each region."""

    def __init__(self, config: RegionEncoderConfig, channels: int, out_features: int) -> None:
        super().__init__()
        hidden = config.hidden
        self.pconvs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in config.level_scales
        )
        self.pos_embedd = nn.Sequential(
            nn.Linear(4, 256),
            nn.ReLU(),
            nn.LayerNorm(256),
            nn.Linear(256, hidden),
            nn.ReLU(),
            nn.LayerNorm(hidden),
        )
        self.updims = nn.Linear(hidden, out_features)
        self.flatten_linear = nn.Linear(channels * config.roi_size**2, hidden)

    def forward(self, cuts: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Describe n boxes (n, 4) by their cut-outs [(n, C, r, r)] as (n, hidden)."""
        flat = self.flatten_linear(F.relu(self._sum_of_convs(cuts)).flatten(1))
        return flat + self.pos_embedd(boxes.to(flat.dtype))

    def _sum_of_convs(self, cuts: Sequence[Tensor]) -> Tensor:
        if winograd.is_faster_for(cuts[0]):
            bias = torch.stack([conv.bias for conv in self.pconvs]).sum(0)[:, None, None]
            return winograd.conv3x3(cuts, self.pconvs) + bias
        total = self.pconvs[0](cuts[0])
        for conv, cut in zip(self.pconvs[1:], cuts[1:], strict=True):
            total = total + conv(cut)
        return total


class RegionEncoder(nn.Module):
    """Encode boxes of a picture as tokens for the language model."""

    def __init__(self, config: GromaConfig) -> None:
        super().__init__()
        settings = config.region_encoder
        self.settings = settings
        self.image_size = config.image_size
        self.map_sides = tuple(round(config.grid_size * s) for s in settings.level_scales)
        self.mlvl_fuse = LevelFusion(
            config.vision.hidden_size,
            config.region_channels,
            len(settings.level_scales),
            settings.fusion_rounds,
        )
        width = config.language.hidden_size
        self.roi_align = RegionHead(settings, config.region_channels, width)
        self.names = nn.Linear(config.naming.names, width, bias=False) if config.naming else None

    def forward(
        self, states: Sequence[Tensor], boxes: Sequence[Tensor], evidence: Tensor | None = None
    ) -> list[Tensor]:
        """Encode each picture's boxes.

        `states` are the last hidden states of the vision encoder, one a level, (B, 1 + N, D)
        with the class token; `boxes` are [(n, 4)] as (cx, cy, w, h) normalised; `evidence`
        (sum of n, K) is that of `name_evidence`, of a model with a naming head. Returns
        [(n, D_llm)]; differentiable in the features.
        """
        tokens = self.describe(self.cut(self.feature_maps(states), boxes), boxes)
        if self.names is None:
            return tokens
        parts = self.names(evidence.to(tokens[0].dtype)).split([len(b) for b in boxes])
        return [token + part for token, part in zip(tokens, parts, strict=True)]

    def describe(self, cuts: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """Turn what `cut` returned into each picture's tokens [(n, D_llm)]."""
        flat = self.roi_align(cuts, torch.cat(list(boxes)).float())
        return list(self.roi_align.updims(flat).split([len(b) for b in boxes]))

    def flat_features(self, states: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Return the vectors before the last layer, (sum of n, hidden), in picture order."""
        cuts = self.cut(self.feature_maps(states), boxes)
        return self.roi_align(cuts, torch.cat(list(boxes)).float())

    def feature_maps(self, states: Sequence[Tensor]) -> list[Tensor]:
        """Return the fused maps [(B, C, side, side)], finest first."""
        features = [drop_class_token(state).permute(0, 3, 1, 2) for state in states]
        return self.mlvl_fuse(self.mlvl_fuse.project(features, self.map_sides))

    def cut(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """Cut the boxes out of every map: [(sum of n, C, r, r)]."""
        rois, strides = self.rois(boxes)
        counts = [len(b) for b in boxes]
        size, ratio = self.settings.roi_size, self.settings.sampling_ratio
        return [
            roi_align(feature, (rois / stride).split(counts), size, ratio).to(feature.dtype)
            for feature, stride in zip(maps, strides, strict=True)
        ]

    def rois(self, boxes: Sequence[Tensor]) -> tuple[Tensor, list[float]]:
        """Return float32 rois (n, 4) in input pixels and the stride of each map.

        In the "released" geometry the rois are (cx, cy, w, h) where RoIAlign expects corners and
        the strides are half the true ones: the released weights were trained so.
        """
        pixels = torch.cat(list(boxes)).float() * self.image_size
        strides = [self.image_size / side for side in self.map_sides]
        if self.settings.geometry == "released":
            return pixels, [stride / 2 for stride in strides]
        centre, half = pixels[:, :2], pixels[:, 2:] / 2
        return torch.cat((centre - half, centre + half), dim=1), strides


def name_evidence(names: Tensor, boxes: Sequence[Tensor], scores: Tensor) -> Tensor:
    """Return how much speaks for each name of each box, (sum of n, K) float32.

    It is the logarithm of 1 + p / `EVIDENCE_FLOOR`, where p is the mean of `names` (B, K, G, G)
    over the middle of the box, which has half its sides, times its objectness: a box that cuts a
    cup in half is less of a cup than one around it. `boxes` are [(n, 4)] as (cx, cy, w, h)
    normalised, `scores` (sum of n,); those above 1 count as 1.
    """
    side = names.shape[-1]
    middles = [
        torch.cat((box[:, :2] - box[:, 2:] / 4, box[:, :2] + box[:, 2:] / 4), dim=1).float() * side
        for box in boxes
    ]
    share = roi_align(names, middles, size=1, ratio=4).flatten(1)
    return (share * scores.clamp(max=1)[:, None] / EVIDENCE_FLOOR).log1p()


def resize(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, H, W) bilinearly with aligned corners, in float32."""
    if features.shape[-2:] == torch.Size(size):
        return features
    resized = F.interpolate(features.float(), size=size, mode="bilinear", align_corners=True)
    return resized.to(features.dtype)


def coordinate_channels(features: Tensor) -> Tensor:
    """Return x and y in [-1, 1] over (B, C, H, W) as (B, 2, H, W)."""
    batch, _, height, width = features.shape
    x = torch.linspace(-1, 1, width, device=features.device, dtype=features.dtype)
    y = torch.linspace(-1, 1, height, device=features.device, dtype=features.dtype)
    x = x.expand(batch, 1, height, width)
    y = y[:, None].expand(batch, 1, height, width)
    return torch.cat((x, y), dim=1)


def roi_align(features: Tensor, rois: Sequence[Tensor], size: int, ratio: int) -> Tensor:
    """Average-pool boxes out of maps: (B, C, H, W) to (sum of n, C, size, size), float32.

    `rois` holds each picture's boxes (n, 4) as corners in map cells. mmcv's aligned RoIAlign:
    the box is shifted by half a cell, ratio x ratio bilinear samples a bin, samples further out
    than one cell count as zero and the others are clamped. A box whose second corner lies before
    its first is sampled backwards. A bin is a weighted sum of few cells, which is what
    `embedding_bag` computes.
    """
    batch, channels, height, width = features.shape
    table = features.float().permute(0, 2, 3, 1).reshape(-1, channels)  # (B * H * W, C)
    boxes = torch.cat(list(rois))
    counts = torch.tensor([len(part) for part in rois], device=boxes.device)
    owner = torch.arange(batch, device=boxes.device)
    first = owner.repeat_interleave(counts, output_size=len(boxes)) * height  # (n,)
    rows, row_weights = axis_samples(boxes[:, 1], boxes[:, 3], height, size, ratio)
    columns, column_weights = axis_samples(boxes[:, 0], boxes[:, 2], width, size, ratio)
    rows = (rows + first[:, None, None]) * width  # (n, size, 2 * ratio)
    # (n, size, size, 2 * ratio, 2 * ratio): the cells of a bin, and how much each counts
    cells = rows[:, :, None, :, None] + columns[:, None, :, None, :]
    weights = row_weights[:, :, None, :, None] * column_weights[:, None, :, None, :]
    samples = (2 * ratio) ** 2
    pooled = F.embedding_bag(
        cells.view(-1, samples), table, per_sample_weights=weights.view(-1, samples), mode="sum"
    )
    return pooled.view(-1, size, size, channels).permute(0, 3, 1, 2)  # (n, C, size, size)


def axis_samples(
    start: Tensor, end: Tensor, cells: int, size: int, ratio: int
) -> tuple[Tensor, Tensor]:
    """Return which cells along one axis make up each bin of a box, and how much each counts.

    Both are (n, size, 2 * ratio): two neighbouring cells a sample.
    """
    steps = (torch.arange(size * ratio, device=start.device) + 0.5) / (size * ratio)
    position = (start - 0.5)[:, None] + (end - start)[:, None] * steps  # (n, size * ratio)
    inside = (position >= -1) & (position <= cells)
    position = position.clamp(0, cells - 1)
    low = position.floor()
    fraction = position - low
    high = (low + 1).clamp(max=cells - 1)
    index = torch.stack((low, high), -1).long()  # (n, size * ratio, 2)
    weight = torch.stack((1 - fraction, fraction), -1) * inside[..., None] / ratio
    layout = (len(start), size, 2 * ratio)
    return index.view(layout), weight.view(layout)
