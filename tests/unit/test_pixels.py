"""Pixels as the network sees them."""

import numpy as np
import pytest
import torch
from PIL import Image

from groma_ros.encoding.pixels import PixelRule, square_side, to_pixels


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
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


def test_what_the_file_leaves_out_takes_the_released_values():
    assert PixelRule.from_dict({}) == PixelRule()
    assert PixelRule().resample == Image.Resampling.BICUBIC
    assert square_side({}) is None


def test_the_files_values_are_honoured():
    data = {
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": 0.5,
        "rescale_factor": 1 / 127.5,
        "resample": 2,
        "size": {"height": 20, "width": 20},
    }
    rule = PixelRule.from_dict(data)
    rgb = np.random.default_rng(0).integers(0, 256, (31, 57, 3), dtype=np.uint8)
    squashed = Image.fromarray(rgb).resize((20, 20), Image.Resampling.BILINEAR)
    blue = (np.asarray(squashed)[..., 2] / 127.5 - 0.3) / 0.5
    np.testing.assert_allclose(to_pixels(rgb, 20, rule)[2].numpy(), blue, atol=1e-5)
    assert square_side(data) == 20


def test_steps_that_the_file_turns_off_are_left_out():
    rgb = np.full((4, 4, 3), 7, np.uint8)
    rule = PixelRule.from_dict({"do_rescale": False, "do_normalize": False, "resample": 0})
    assert (to_pixels(rgb, 2, rule) == 7).all()
    assert square_side({"do_resize": False, "size": {"shortest_edge": 256}}) is None
    assert PixelRule.from_dict({"do_resize": False, "resample": 0}) == PixelRule()


def test_a_rule_is_written_and_read():
    rule = PixelRule((0.5,) * 3, (0.2, 0.3, 0.4), 0.01, 2)
    assert PixelRule.from_dict(rule.to_dict(448)) == rule
    assert square_side(rule.to_dict(448)) == 448


@pytest.mark.parametrize(
    ("data", "side"),
    [
        ({"size": 448}, 448),
        ({"size": {"shortest_edge": 448}}, 448),
        (
            {
                "size": {"shortest_edge": 448},
                "do_center_crop": True,
                "crop_size": {"height": 448, "width": 448},
            },
            448,
        ),
        ({"do_resize": False, "do_center_crop": True, "crop_size": 448}, 448),
    ],
)
def test_the_side_of_the_square(data, side):
    assert square_side(data) == side


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"size": {"height": 448, "width": 224}}, "square"),
        (
            {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": 224},
            "224 pixels out of 256",
        ),
    ],
)
def test_what_would_lose_a_part_of_the_picture_is_refused(data, words):
    with pytest.raises(ValueError, match=words):
        square_side(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"image_mean": [0.5, 0.5]}, "2 values"),
        ({"image_std": 0.0}, "zero"),
        ({"resample": 9}, "is 9"),
    ],
)
def test_values_that_make_no_pixels_are_refused(data, words):
    with pytest.raises(ValueError, match=words):
        PixelRule.from_dict(data)
