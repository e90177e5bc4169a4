"""The region encoder cuts boxes as mmcv's RoIAlign does, in both geometries."""

import pytest
import torch

from groma_ros.model.region_encoder import coordinate_channels, resize, roi_align
from groma_ros.model.vision_encoder import drop_class_token


def slow_roi_align(feature, roi, size, ratio):
    """Pool one box out of (C, H, W) by loops, as the CUDA kernel does."""
    channels, height, width = feature.shape
    x1, y1, x2, y2 = (float(v) - 0.5 for v in roi)
    pooled = torch.zeros(channels, size, size)
    for row in range(size):
        for column in range(size):
            for i in range(ratio):
                for j in range(ratio):
                    y = y1 + (row + (i + 0.5) / ratio) * (y2 - y1) / size
                    x = x1 + (column + (j + 0.5) / ratio) * (x2 - x1) / size
                    pooled[:, row, column] += bilinear(feature, y, x, height, width) / ratio**2
    return pooled


def bilinear(feature, y, x, height, width):
    if y < -1 or y > height or x < -1 or x > width:
        return torch.zeros(len(feature))
    y, x = max(y, 0.0), max(x, 0.0)
    top, left = min(int(y), height - 1), min(int(x), width - 1)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    v = y - top if top < height - 1 else 0.0
    u = x - left if left < width - 1 else 0.0
    upper = (1 - u) * feature[:, top, left] + u * feature[:, top, right]
    lower = (1 - u) * feature[:, bottom, left] + u * feature[:, bottom, right]
    return (1 - v) * upper + v * lower


@pytest.mark.parametrize("size, ratio", [(3, 2), (2, 1), (4, 3)])
def test_roi_align_equals_the_loops(size, ratio):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 7, 9, generator=generator)
    inside = torch.tensor([[1.0, 1.5, 6.0, 5.0], [0.0, 0.0, 9.0, 7.0], [2.2, 3.1, 2.4, 3.2]])
    outside = torch.tensor(
        [[-6.0, -4.0, 3.0, 2.0], [7.5, 5.0, 30.0, 20.0], [40.0, 40.0, 50.0, 50.0]]
    )
    backwards = torch.tensor([[6.0, 5.0, 1.0, 2.0], [8.0, 1.0, 1.0, 6.0]])
    boxes = [torch.cat((inside, backwards)), outside]
    pooled = roi_align(features, boxes, size, ratio)
    wanted = [
        slow_roi_align(feature, roi, size, ratio)
        for feature, rois in zip(features, boxes, strict=True)
        for roi in rois
    ]
    torch.testing.assert_close(pooled, torch.stack(wanted))


@pytest.mark.parametrize("counts", [(0, 1, 0), (0, 0, 0), (2, 0, 3)])
def test_a_picture_without_boxes_gives_no_tokens(model, counts):
    boxes = [torch.full((count, 4), 0.3) for count in counts]
    states = model.perceiver.hidden_states(torch.zeros(3, 3, 128, 128))
    tokens = model.region_encoder(states[-3:], boxes)
    assert [tuple(t.shape) for t in tokens] == [(count, 48) for count in counts]


def test_correct_geometry_cuts_where_the_box_is(tiny):
    encoder = tiny().region_encoder
    side = encoder.map_sides[1]
    ramp = (torch.arange(side) + 0.5) * (128 / side)
    maps = [ramp.expand(1, 1, side, side)] * 3
    encoder.map_sides = (side,) * 3
    cut = encoder.cut(maps, [torch.tensor([[0.5, 0.5, 0.5, 0.25]])])[0]
    torch.testing.assert_close(cut[0, 0, 0], torch.tensor([40.0, 56.0, 72.0, 88.0]))


def test_released_geometry_reads_centre_and_size_as_corners(tiny):
    encoder = tiny(region_encoder={"channels": 64, "geometry": "released"}).region_encoder
    assert encoder.map_sides == (32, 16, 8)
    rois, strides = encoder.rois([torch.tensor([[0.5, 0.25, 0.125, 1.0]])])
    assert rois.tolist() == [[64.0, 32.0, 16.0, 128.0]]
    assert strides == [2.0, 4.0, 8.0]


def test_projecting_before_resizing_changes_nothing(model, pixels):
    fusion = model.region_encoder.mlvl_fuse
    states = model.perceiver.hidden_states(pixels[:1])[-3:]
    features = [drop_class_token(state).permute(0, 3, 1, 2) for state in states]
    sides = (16, 8, 4)
    ours = fusion.project(features, sides)
    for feature, conv, side, projected in zip(
        features, fusion.input_conv, sides, ours, strict=True
    ):
        resized = resize(feature, (side, side))
        wanted = conv(torch.cat((resized, coordinate_channels(resized)), dim=1))
        torch.testing.assert_close(projected, wanted, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_trained_parameter(tiny, pixels):
    model = tiny().train()
    states = model.perceiver.hidden_states(pixels)
    out = model.perceiver.propose(states)
    boxes = [torch.rand(4, 4, generator=torch.Generator().manual_seed(2)) * 0.5 + 0.2] * 3
    tokens = torch.cat(model.region_encoder(states[-3:], boxes))
    heads = (out.layer_boxes, out.layer_logits_coco, out.layer_logits_sa1b, out.enc_class)
    loss = sum(head.square().sum() for head in heads) + tokens.square().sum()
    loss = loss + out.enc_coord_logits.sigmoid().sum() + model.image_tokens(states).square().sum()
    loss.backward()
    unused = ("mask_token", "vis_encoder.layernorm", "llm.", "extra_lm_head", "new_input_embs")
    for name, parameter in model.named_parameters():
        if not any(part in name for part in unused):
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
