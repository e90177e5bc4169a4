"""Pixels as the network sees them."""

import numpy as np
import pytest
import torch
from PIL import Image

from groma_ros.groma.preprocess import to_pixels


@pytest.mark.parametrize(
    "rgb",
    [np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8),
     np.zeros((4, 4, 3), np.float32)],
)  # fmt: skip
def test_anything_but_an_rgb_picture_is_refused(rgb):
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        to_pixels(rgb, 28)


def test_black_and_white_are_normalised_by_channel():
    rgb = np.zeros((5, 7, 3), np.uint8)
    rgb[..., 2] = 255
    pixels = to_pixels(rgb, 14)
    assert pixels.shape == (3, 14, 14) and pixels.dtype == torch.float32
    wanted = [-0.485 / 0.229, -0.456 / 0.224, (1 - 0.406) / 0.225]
    for channel, value in zip(pixels, wanted, strict=True):
        torch.testing.assert_close(channel, torch.full((14, 14), value))


def test_the_aspect_is_not_kept_and_bicubic_is_used():
    rgb = np.random.default_rng(0).integers(0, 256, (31, 57, 3), dtype=np.uint8)
    squashed = Image.fromarray(rgb).resize((20, 20), Image.Resampling.BICUBIC)
    red = (np.asarray(squashed)[..., 0] / 255 - 0.485) / 0.229
    np.testing.assert_allclose(to_pixels(rgb, 20)[0].numpy(), red, atol=1e-5)


def test_a_view_with_strides_is_read_right():
    rgb = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    flipped = rgb[:, ::-1]
    torch.testing.assert_close(to_pixels(flipped, 12), to_pixels(rgb, 12).flip(2))
