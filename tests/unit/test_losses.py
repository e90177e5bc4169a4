"""Who learns what: assignment of cells and queries, box overlap, the schedule."""

import numpy as np
import pytest
import torch

from groma_ros.model.torch_boxes import iou_giou
from groma_ros.train.augment import crop_boxes
from groma_ros.train.loop import cosine
from groma_ros.train.losses import assign_cells, assign_queries, box_loss, quality_focal
from groma_ros.values.boxes import iou


def test_no_object_no_assignment():
    cells, owners = assign_cells(torch.zeros(0, 4), torch.full((4, 4), -1))
    assert len(cells) == len(owners) == 0
    assert (assign_queries(torch.rand(3, 4), torch.zeros(0, 4)) == -1).all()
    assert box_loss(torch.zeros(0, 4), torch.zeros(0, 4)) == 0


def test_an_object_gets_the_cells_it_fills_nearest_to_its_centre():
    board = torch.full((4, 4), -1)
    board[1:3, 1:3] = 0
    cells, owners = assign_cells(torch.tensor([[0.5, 0.5, 0.5, 0.5]]), board)
    assert sorted(cells.tolist()) == [5, 6, 9, 10] and (owners == 0).all()


def test_an_object_too_small_for_a_cell_takes_the_one_it_lies_in():
    cells, _ = assign_cells(torch.tensor([[0.9, 0.1, 0.01, 0.01]]), torch.full((4, 4), -1))
    assert cells.tolist() == [3]


def test_every_object_has_a_query_even_far_off():
    truth = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.2, 0.2, 0.1, 0.1]])
    reference = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.22, 0.22, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1]])
    assert assign_queries(reference, truth).tolist() == [0, 1, -1]


def test_giou_of_equal_and_of_distant_boxes():
    a, b = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([2.0, 0.0, 3.0, 1.0])
    assert [float(v) for v in iou_giou(a, a)] == [1.0, 1.0]
    iou, giou = iou_giou(a, b)
    assert iou == 0 and giou == pytest.approx(-1 / 3)


def test_quality_focal_is_zero_at_its_target():
    assert quality_focal(torch.tensor([0.0]), torch.tensor([0.5])) == 0
    assert quality_focal(torch.tensor([3.0]), torch.tensor([0.0])) > 1


def test_the_schedule_rises_and_ends_low():
    assert cosine(0.0) < cosine(0.01) < cosine(0.02) == 1.0
    assert cosine(1.0) == pytest.approx(0.01)


def test_cropping_moves_boxes_and_drops_what_is_cut_off():
    boxes = np.array([[0.5, 0.5, 0.7, 0.7], [0.0, 0.0, 0.2, 0.2]])
    moved, kept = crop_boxes(boxes, (0.5, 0.5, 1.0, 1.0))
    assert kept.tolist() == [0]
    np.testing.assert_allclose(moved, [[0, 0, 0.4, 0.4]])


def test_overlap_of_nothing_with_something():
    assert iou(np.zeros((0, 4)), np.ones((2, 4))).shape == (0, 2)
