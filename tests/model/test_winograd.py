"""Winograd's convolutions equal direct ones, and follow their weights."""

import pytest
import torch
from torch import nn

from groma_ros.model.region_encoder import _normalise_and_rectify_
from groma_ros.speed import winograd


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def conv(channels_in, channels_out):
    torch.manual_seed(4)
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)


@torch.no_grad()
@pytest.mark.parametrize(
    "shape",
    [(1, 8, 4, 4), (2, 8, 7, 9), (1, 8, 1, 1), (3, 8, 14, 14), (1, 8, 200, 12), (0, 8, 5, 5)],
)
@pytest.mark.parametrize("channels_last", [True, False])
def test_it_equals_a_direct_convolution(shape, channels_last):
    features, layer = random(*shape), conv(8, 6)
    if channels_last:
        features = features.contiguous(memory_format=torch.channels_last)
    ours = winograd.conv3x3([features], [layer])
    torch.testing.assert_close(ours, layer(features), rtol=1e-4, atol=2e-5)


@torch.no_grad()
def test_rounding_stays_near_float32s_own():
    """The root mean square error is below 3e-6 of the result's spread; TF32's is near 3e-4."""
    features, layer = random(1, 384, 32, 32), conv(384, 384)
    exact = nn.functional.conv2d(features.double(), layer.weight.double(), padding=1)
    error = winograd.conv3x3([features], [layer]) - exact
    assert float(error.square().mean().sqrt() / exact.std()) < 3e-6


@torch.no_grad()
def test_several_convolutions_are_summed():
    parts, layers = [random(2, 8, 5, 6), random(2, 8, 5, 6).flip(0)], [conv(8, 6), conv(8, 6)]
    layers[1].weight.mul_(-0.5)
    wanted = sum(layer(part) for layer, part in zip(layers, parts, strict=True))
    ours = winograd.conv3x3(parts, layers)
    torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=2e-5)
    thirds = torch.cat(parts, 1).split([6, 6, 4], dim=1)
    assert torch.equal(winograd.conv3x3(thirds, layers), ours)


def edit(layer):
    layer.weight.mul_(2)


def convert(layer):
    """Round the weights, as a model does that is tried in bfloat16 and taken back."""
    layer.to(torch.bfloat16).to(torch.float32)


def assign(layer):
    layer.load_state_dict({"weight": layer.weight + 1}, assign=True)


@torch.no_grad()
@pytest.mark.parametrize("change", [edit, convert, assign])
def test_changed_weights_are_transformed_anew(change):
    features, layer = random(1, 8, 6, 6), conv(8, 6)
    before = winograd.filters([layer])
    assert winograd.filters([layer]) is before
    change(layer)
    ours = winograd.conv3x3([features], [layer])
    torch.testing.assert_close(ours, layer(features), rtol=1e-4, atol=5e-5)


def test_it_is_for_float32_on_a_cpu_without_gradients():
    features = torch.zeros(1)
    assert not winograd.is_faster_for(features)
    with torch.no_grad():
        assert winograd.is_faster_for(features)
        assert not winograd.is_faster_for(features.bfloat16())


@torch.no_grad()
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_the_lean_group_norm_equals_torchs(offset):
    """In several bands of rows, the last of them shorter."""
    norm, features = nn.GroupNorm(4, 16), random(2, 16, 70, 7) + offset
    norm.weight.copy_(random(16))
    norm.bias.copy_(random(16))
    features = features.contiguous(memory_format=torch.channels_last)
    wanted = norm(features).relu()
    ours = _normalise_and_rectify_(features, norm)
    assert ours.data_ptr() == features.data_ptr()
    torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)
