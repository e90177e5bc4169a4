"""The proposer's attention, its choice of regions and the values it hands on."""

import torch

from groma_ros.model.deformable_layers import DeformableAttention
from groma_ros.model.region_selection import (
    best_match,
    non_maximum_suppression,
    select_regions,
)
from groma_ros.model.torch_boxes import pairwise_iou


def test_deformable_attention_equals_the_loops():
    torch.manual_seed(0)
    shapes, heads, points, width = [(4, 6), (2, 3)], 2, 3, 8
    attention = DeformableAttention(width, heads, len(shapes), points)
    torch.nn.init.normal_(attention.sampling_offsets.bias)
    query, reference = torch.randn(1, 5, width), torch.rand(1, 5, 4)
    memory = torch.randn(1, 24 + 6, width)
    value = attention.value_proj(memory)[0].split([24, 6])
    offsets = attention.sampling_offsets(query)[0].view(5, heads, 2, points, 2)
    weights = attention.attention_weights(query)[0].view(5, heads, -1).softmax(-1)
    gathered = torch.zeros(5, width)
    for q in range(5):
        for head in range(heads):
            for level, (h, w) in enumerate(shapes):
                table = value[level].view(h, w, heads, -1)[:, :, head]
                for point in range(points):
                    centre, size = reference[0, q, :2], reference[0, q, 2:]
                    x, y = centre + offsets[q, head, level, point] / points * size / 2
                    sample = torch.zeros(width // heads)
                    px, py = float(x) * w - 0.5, float(y) * h - 0.5
                    for row in range(h):
                        for column in range(w):
                            near = max(0, 1 - abs(px - column)) * max(0, 1 - abs(py - row))
                            sample = sample + near * table[row, column]
                    share = weights[q, head, level * points + point]
                    part = slice(head * width // heads, (head + 1) * width // heads)
                    gathered[q, part] += share * sample
    ours = attention(query, reference, memory, shapes)
    torch.testing.assert_close(ours[0], attention.output_proj(gathered), rtol=1e-4, atol=1e-5)


def test_suppression_keeps_the_better_of_two_and_the_earlier_of_equals():
    boxes = torch.tensor([[0.0, 0, 1, 1], [0.0, 0, 1, 0.9], [2.0, 2, 3, 3], [2.0, 2, 3, 3]])
    scores = torch.tensor([0.5, 0.9, 0.7, 0.7])
    assert non_maximum_suppression(boxes, scores, 0.6, 0.15, 10).tolist() == [1, 2]
    assert non_maximum_suppression(boxes, scores, 0.95, 0.15, 10).tolist() == [1, 2, 0]
    assert non_maximum_suppression(boxes, scores, 0.6, 0.15, 1).tolist() == [1]
    assert non_maximum_suppression(boxes, scores, 0.6, 0.9, 10).tolist() == []
    assert non_maximum_suppression(boxes[:0], scores[:0], 0.6, 0.15, 10).tolist() == []


def test_selection_is_never_empty():
    boxes = torch.tensor([[0.5, 0.5, 0.1, 0.1], [0.2, 0.2, 0.1, 0.1]])
    assert select_regions(boxes, torch.tensor([0.01, 0.02]), 0.6, 0.15, 10).tolist() == [1]


def test_best_match_is_the_box_of_highest_overlap():
    selected = torch.tensor([[0.2, 0.2, 0.2, 0.2], [0.5, 0.5, 0.4, 0.4], [0.6, 0.5, 0.4, 0.4]])
    pointed = torch.tensor([[0.58, 0.5, 0.4, 0.4], [0.2, 0.22, 0.2, 0.2]])
    assert best_match(pointed, selected).tolist() == [2, 0]
    assert best_match(pointed[:0], selected).tolist() == []
    assert pairwise_iou(selected, selected[:0]).shape == (3, 0)


def test_regions_come_best_first_and_no_more_than_allowed(tiny, pixels):
    model = tiny().with_settings(max_region_num=3)
    for percept in model.perceive(pixels):
        assert 1 <= len(percept.scores) <= 3
        assert percept.scores.tolist() == sorted(percept.scores.tolist(), reverse=True)
        assert len(percept.region_tokens) == len(percept.boxes_cxcywh_norm)


def test_near_duplicates_of_a_pointed_box_share_its_region(model, pixels):
    pointed = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.501, 0.5, 0.4, 0.4], [0.2, 0.2, 0.1, 0.1]])
    percept = model.perceive(pixels[:1], [pointed])[0]
    same, near, other = percept.refer_indices.tolist()
    assert same == near != other
    torch.testing.assert_close(percept.boxes_cxcywh_norm[same], pointed[0])
    assert percept.scores[other] == 1.0
