"""Naming head: say for each cell of the patch grid what it may show, as evidence for region tokens.

A stem that is a detector knows the names of things, and a small vision encoder behind it forgets
most of them: of the things in rooms that it was right about, region tokens kept two in five. The
naming head reads the stem alone. The region encoder adds what it says of the middle of a box to the
box's token.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.model.config import NamingConfig

DETECTOR_NAMES = 80
"""Names of things that YOLOX-nano tells apart: those of COCO."""
_NOTHING = 2e-3
"""The detector's probabilities below this say nothing."""


class DetectorHead(nn.Module):
    """The last layers of YOLOX-nano that say what a thing is; those that say where are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_preds = nn.ModuleList(nn.Conv2d(64, DETECTOR_NAMES, 1) for _ in range(3))
        self.obj_preds = nn.ModuleList(nn.Conv2d(64, 1, 1) for _ in range(3))

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return probabilities of the 80 names and, last, of anything, (B, 81, G, G).

        `levels` are those of `YoloxStem`, at strides 8, 16 and 32. A cell of stride 16 says the
        most that any level says at its place.
        """
        maps = []
        for number, level in enumerate(levels):
            at = 0 if number == 0 else 64  # the coarser levels have what the towers read in front
            what, where = level[:, at : at + 64], level[:, at + 64 : at + 128]
            anything = self.obj_preds[number](where).sigmoid()
            said = torch.cat((self.cls_preds[number](what).sigmoid() * anything, anything), dim=1)
            if number == 0:
                said = F.max_pool2d(said, 2)
            elif number == 2:
                said = F.interpolate(said, scale_factor=2.0)
            maps.append(said)
        return torch.stack(maps).amax(0)


class NamingHead(nn.Module):
    """Name the cells of the patch grid from the features of a stem with a detector.

    What the detector says counts as it is; convolutions over the stem's features add what it does
    not know.
    """

    def __init__(self, in_channels: int, config: NamingConfig) -> None:
        super().__init__()
        self.names, width = config.names, config.channels
        self.detector = DetectorHead()
        self.from_detector = nn.Conv2d(DETECTOR_NAMES, self.names, 1)
        self.narrow = _block(in_channels, width, 1)
        self.near = nn.Sequential(_block(width, width, 3), _block(width, width, 3))
        self.far = nn.Sequential(_block(width, width, 3), _block(width, width, 3))
        self.name = nn.Conv2d(width, self.names + 1, 1)

    def forward(self, features: Tensor, levels: Sequence[Tensor]) -> Tensor:
        """Return logits of the names and, last, of nothing, (B, names + 1, G, G).

        `features` (B, C, G, G) are what the stem gives, `levels` those of its detector.
        """
        x = self.narrow(features)
        far = F.interpolate(self.far(F.avg_pool2d(x, 2)), scale_factor=2.0)
        logits = self.name(self.near(x) + far)
        said = self.detector(levels)[:, :DETECTOR_NAMES].clamp(min=_NOTHING) / _NOTHING
        named = logits[:, : self.names] + self.from_detector(said.log())
        return torch.cat((named, logits[:, self.names :]), dim=1)

    def shares(self, features: Tensor, levels: Sequence[Tensor]) -> Tensor:
        """Return which share each name has in what a cell may show, (B, names, G, G)."""
        return self(features, levels)[:, : self.names].softmax(1)


def _block(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Return a convolution that keeps the side, normalised, then SiLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2),
        nn.GroupNorm(16, out_channels),
        nn.SiLU(),
    )
