"""Stems: convolutions that turn a picture into feature maps before the patch projection.

A small vision encoder learns little from the pictures that a small run can show it. Its stem brings
what networks for photographs have learned: the first stages of an ImageNet classifier
(`MobileStem`), and beside them a whole detector without its last layer (`YoloxStem`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.model.config import YOLOX_NANO_CHANNELS, StemConfig


def build_stem(in_channels: int, config: StemConfig) -> nn.Module:
    """Build the stem that a config describes."""
    mobile = MobileStem(in_channels, config)
    return JointStem(mobile, YoloxStem()) if config.detector else mobile


class SameConv2d(nn.Conv2d):
    """A convolution whose output side is its input's, divided by the stride.

    Where the padding is odd the extra row and column come last, as EfficientNet's weights expect.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        total = max(kernel - stride, 0)
        self.last = total % 2
        super().__init__(
            in_channels, out_channels, kernel, stride, padding=total // 2, groups=groups
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W)."""
        low = self.padding[0]
        if not self.last:
            return super().forward(x)
        x = F.pad(x, (low, low + 1, low, low + 1))
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class InvertedResidual(nn.Sequential):
    """Widen by a 1x1 convolution, filter each channel by itself, narrow (arXiv 1801.04381)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int
    ) -> None:
        wide = in_channels * expansion
        widen = [SameConv2d(in_channels, wide, 1), nn.ReLU6()] if expansion > 1 else []
        super().__init__(
            *widen,
            SameConv2d(wide, wide, kernel, stride, groups=wide),
            nn.ReLU6(),
            SameConv2d(wide, out_channels, 1),
        )
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Filter (B, C, H, W); the input is added where shapes agree."""
        out = super().forward(x)
        return x + out if self.adds else out


class MobileStem(nn.Sequential):
    """The first stages of an EfficientNet-Lite (arXiv 1905.11946), for models of laptop size.

    Its batch normalisation is part of the convolutions' weights and biases.
    """

    def __init__(self, in_channels: int, config: StemConfig) -> None:
        layers: list[nn.Module] = [SameConv2d(in_channels, config.channels, 3, 2), nn.ReLU6()]
        width = config.channels
        for stage in config.stages:
            for number in range(stage.repeats):
                stride = 1 if number else stage.stride
                layers.append(
                    InvertedResidual(width, stage.channels, stage.kernel, stride, stage.expansion)
                )
                width = stage.channels
        super().__init__(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        """Turn (B, C, S, S) into (B, C', S', S'); channels last is twice as fast on a CPU."""
        return super().forward(pixels.contiguous(memory_format=torch.channels_last))


class SiluConv2d(nn.Conv2d):
    """A convolution of odd kernel that keeps the side (over the stride), then SiLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W)."""
        return F.silu(super().forward(x), inplace=not self.training)


class SeparableConv2d(nn.Sequential):
    """A 3x3 convolution of each channel by itself, then a 1x1 one (arXiv 1704.04861)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(
            SiluConv2d(in_channels, in_channels, 3, stride, groups=in_channels),
            SiluConv2d(in_channels, out_channels, 1),
        )


class CrossStage(nn.Module):
    """A cross-stage partial block: half of the channels pass `repeats` bottlenecks, half none.

    Source: arXiv 1911.11929, in YOLOX's form.
    """

    def __init__(self, in_channels: int, out_channels: int, repeats: int, adds: bool) -> None:
        super().__init__()
        half = out_channels // 2
        self.adds = adds
        self.deep = SiluConv2d(in_channels, half, 1)
        self.shallow = SiluConv2d(in_channels, half, 1)
        self.bottlenecks = nn.ModuleList(
            nn.Sequential(SiluConv2d(half, half, 1), SeparableConv2d(half, half))
            for _ in range(repeats)
        )
        self.join = SiluConv2d(out_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Filter (B, C, H, W)."""
        deep = self.deep(x)
        for block in self.bottlenecks:
            deep = deep + block(deep) if self.adds else block(deep)
        return self.join(torch.cat((deep, self.shallow(x)), dim=1))


class PyramidPooling(nn.Module):
    """Pool over neighbourhoods of 1, 5, 9 and 13 cells and mix (arXiv 1406.4729)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = SiluConv2d(channels, channels // 2, 1)
        self.mix = SiluConv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Filter (B, C, H, W)."""
        x = self.narrow(x)
        five = F.max_pool2d(x, 5, 1, 2)  # two pools of 5 are one of 9, three one of 13
        nine = F.max_pool2d(five, 5, 1, 2)
        return self.mix(torch.cat((x, five, nine, F.max_pool2d(nine, 5, 1, 2)), dim=1))


class DetectorTower(nn.Module):
    """The layers of a detection head on one level: what a thing is, and where it is."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.narrow = SiluConv2d(in_channels, channels, 1)
        self.what = nn.Sequential(*(SeparableConv2d(channels, channels) for _ in range(2)))
        self.where = nn.Sequential(*(SeparableConv2d(channels, channels) for _ in range(2)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return narrowed features and the two towers' outputs side by side, (B, C or 2C, H, W)."""
        x = self.narrow(x)
        return x, torch.cat((self.what(x), self.where(x)), dim=1)


class YoloxStem(nn.Module):
    """YOLOX-nano (arXiv 2107.08430) without the last layer of its head: 16 pixels a cell.

    What its head knows of the kind and the box of a thing lies at strides 8, 16 and 32. All of it
    is brought to stride 16: the four cells of a 2x2 square behind each other, and each coarse
    cell four times. The mean colour of every 8x8 pixels goes beside it. Batch normalisation is part
    of the convolutions; `black` is a black pixel in normalised values. Every channel is brought to
    about mean 0 and deviation 1 by fixed numbers. The order of the modules is that of the published
    graph.
    """

    def __init__(self) -> None:
        super().__init__()
        self.black = nn.Parameter(torch.zeros(3, 1, 1), requires_grad=False)
        self.focus = SiluConv2d(12, 16, 3)
        self.dark2 = nn.Sequential(SeparableConv2d(16, 32, 2), CrossStage(32, 32, 1, True))
        self.dark3 = nn.Sequential(SeparableConv2d(32, 64, 2), CrossStage(64, 64, 3, True))
        self.dark4 = nn.Sequential(SeparableConv2d(64, 128, 2), CrossStage(128, 128, 3, True))
        self.dark5 = nn.Sequential(
            SeparableConv2d(128, 256, 2), PyramidPooling(256), CrossStage(256, 256, 1, False)
        )
        self.lateral = SiluConv2d(256, 128, 1)
        self.up4 = CrossStage(256, 128, 1, False)
        self.reduce = SiluConv2d(128, 64, 1)
        self.up3 = CrossStage(128, 64, 1, False)
        self.down4 = SeparableConv2d(64, 64, 2)
        self.out4 = CrossStage(128, 128, 1, False)
        self.down5 = SeparableConv2d(128, 128, 2)
        self.out5 = CrossStage(256, 256, 1, False)
        self.towers = nn.ModuleList(DetectorTower(c, 64) for c in (64, 128, 256))
        self.mean = nn.Parameter(torch.zeros(YOLOX_NANO_CHANNELS, 1, 1), requires_grad=False)
        self.deviation = nn.Parameter(torch.ones(YOLOX_NANO_CHANNELS, 1, 1), requires_grad=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Turn normalised pixels (B, 3, S, S) into (B, 908, S / 16, S / 16)."""
        return self.joined(self.levels(pixels))

    def levels(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features of strides 8, 16 and 32: (B, 131 or 192, side, side) each."""
        x = squares_in_columns(pixels - self.black)  # padding with zeros is a black border then
        x = self.focus(x.contiguous(memory_format=torch.channels_last))
        c3 = self.dark3(self.dark2(x))  # (B, 64, S / 8, S / 8)
        c4 = self.dark4(c3)
        p5 = self.lateral(self.dark5(c4))
        p4 = self.reduce(self.up4(torch.cat((doubled(p5), c4), dim=1)))
        p3 = self.up3(torch.cat((doubled(p4), c3), dim=1))
        n4 = self.out4(torch.cat((self.down4(p3), p4), dim=1))
        n5 = self.out5(torch.cat((self.down5(n4), p5), dim=1))
        fine = self.towers[0](p3)[1]
        middle, coarse = (
            torch.cat(tower(x), dim=1) for tower, x in zip(self.towers[1:], (n4, n5), strict=True)
        )
        colour = F.avg_pool2d(pixels, 8)  # (B, 3, S / 8, S / 8)
        return torch.cat((fine, colour), dim=1), middle, coarse

    def joined(self, levels: Sequence[Tensor]) -> Tensor:
        """Bring the features of `levels` to stride 16 and scale, (B, 908, S / 16, S / 16)."""
        fine, middle, coarse = levels
        features = torch.cat((F.pixel_unshuffle(fine, 2), middle, doubled(coarse)), dim=1)
        return (features - self.mean) / self.deviation


class JointStem(nn.Module):
    """Both stems side by side, at a sixteenth of the side."""

    def __init__(self, mobile: MobileStem, detector: YoloxStem) -> None:
        super().__init__()
        self.mobile, self.detector = mobile, detector

    def forward(self, pixels: Tensor) -> Tensor:
        """Turn normalised pixels (B, 3, S, S) into (B, C + 908, S / 16, S / 16)."""
        return self.joined(self.levels(pixels))

    def levels(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the mobile stem gives, and the detector's levels."""
        return self.mobile(pixels), *self.detector.levels(pixels)

    def joined(self, levels: Sequence[Tensor]) -> Tensor:
        """Put the features of `levels` behind each other."""
        return torch.cat((levels[0], self.detector.joined(levels[1:])), dim=1)


def squares_in_columns(pixels: Tensor) -> Tensor:
    """Lay the 2x2 squares of (B, C, S, S) behind each other, down before across, (B, 4C, S/2, S/2).

    This is YOLOX's Focus layer.
    """
    corners = [pixels[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
    return torch.cat(corners, dim=1)


def doubled(features: Tensor) -> Tensor:
    """Repeat every cell of (B, C, H, W) in both directions."""
    return F.interpolate(features, scale_factor=2.0, mode="nearest")
