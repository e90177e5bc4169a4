"""Vision encoder: DINOv2, with an optional convolutional stem for small models."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from groma_ros.model.config import GromaConfig, StemConfig

# What the released checkpoint (transformers 4.32) calls the projections of today's Dinov2.
OFFICIAL_NAMES = {
    "attention.q_proj.": "attention.attention.query.",
    "attention.k_proj.": "attention.attention.key.",
    "attention.v_proj.": "attention.attention.value.",
    "attention.o_proj.": "attention.output.dense.",
}


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
    """Widen by a 1x1 convolution, filter each channel by itself, narrow again (arXiv 1801.04381)."""

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


class VisionEncoder(Dinov2Model):
    """Turn pixels into the hidden states of every DINOv2 layer.

    Its state dict carries the names of the released checkpoint, whatever the installed
    transformers calls its attention projections.
    """

    def __init__(self, config: GromaConfig) -> None:
        super().__init__(_dinov2_config(config))
        self.stem = MobileStem(config.vision.num_channels, config.stem) if config.stem else None
        self.register_state_dict_post_hook(_to_official_names)
        self.register_load_state_dict_pre_hook(_from_official_names)

    def hidden_states(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 3, S, S) normalised pixels.

        Returns the embeddings and the output of each layer, all (B, 1 + N, D) with the class
        token first and without the final LayerNorm. Patches are row-major.
        """
        hidden = self.embed(pixels)
        states = [hidden]
        for layer in self.encoder.layer:
            hidden = layer(hidden)
            states.append(hidden)
        return tuple(states)

    def embed(self, pixels: Tensor) -> Tensor:
        """Project patches and add class token and positions: (B, 3, S, S) to (B, 1 + N, D)."""
        if self.stem is not None:
            pixels = self.stem(pixels)
        patches = self.embeddings.patch_embeddings.projection(pixels)
        positions = self.positions(patches.shape[-2], patches.shape[-1]).to(patches.dtype)
        patches = patches.flatten(2).transpose(1, 2)
        cls_token = self.embeddings.cls_token.expand(len(patches), -1, -1)
        return self.embeddings.dropout(torch.cat((cls_token, patches), dim=1) + positions)

    def positions(self, rows: int, columns: int) -> Tensor:
        """Return position embeddings (1, 1 + rows * columns, D), interpolated where sizes differ.

        The released model was trained with a bicubic scale factor of (side + 0.1) / table side;
        asking for the size instead samples elsewhere and differs by 16 % rms.
        """
        table = self.embeddings.position_embeddings
        side = int((table.shape[1] - 1) ** 0.5)
        if (rows, columns) == (side, side):
            return table
        grid = table[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(
            grid,
            scale_factor=((rows + 0.1) / side, (columns + 0.1) / side),
            mode="bicubic",
            align_corners=False,
        )
        return torch.cat((table[:, :1].float(), grid.flatten(2).transpose(1, 2)), dim=1)


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


def _dinov2_config(config: GromaConfig) -> Dinov2Config:
    vision, stride = config.vision, config.stem.stride if config.stem else 1
    return Dinov2Config(
        hidden_size=vision.hidden_size,
        num_hidden_layers=vision.num_hidden_layers,
        num_attention_heads=vision.num_attention_heads,
        mlp_ratio=vision.mlp_ratio,
        hidden_act=vision.hidden_act,
        hidden_dropout_prob=vision.hidden_dropout_prob,
        attention_probs_dropout_prob=vision.attention_probs_dropout_prob,
        initializer_range=vision.initializer_range,
        layer_norm_eps=vision.layer_norm_eps,
        image_size=vision.image_size // stride,
        patch_size=vision.patch_size // stride,
        num_channels=config.stem.out_channels if config.stem else vision.num_channels,
        qkv_bias=vision.qkv_bias,
        layerscale_value=vision.layerscale_value,
        drop_path_rate=vision.drop_path_rate,
    )


def _to_official_names(module: nn.Module, state: dict, prefix: str, _metadata: dict) -> None:
    _rename(state, prefix, OFFICIAL_NAMES)


def _from_official_names(module: nn.Module, state: dict, prefix: str, *_: object) -> None:
    present = {name for name, _ in module.named_parameters()}
    installed = {official: ours for ours, official in OFFICIAL_NAMES.items()}
    if any(ours in name for name in present for ours in OFFICIAL_NAMES):
        _rename(state, prefix, installed)


def _rename(state: dict, prefix: str, names: dict[str, str]) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        for old, new in names.items():
            if old in key:
                state[key.replace(old, new)] = state.pop(key)
