"""Convert and compare boxes as tensors, (..., 4); `values/boxes.py` does the same in numpy."""

import torch
from torch import Tensor


def cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    """Convert (..., 4) boxes from centre and size to corners."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    """Convert (..., 4) boxes from corners to centre and size."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((low + high) / 2, high - low), dim=-1)


def pairwise_iou(first_xyxy: Tensor, second_xyxy: Tensor) -> Tensor:
    """Return the overlap (n, m) of two sets of boxes, (n, 4) and (m, 4), given by corners.

    Two boxes without area overlap by nan, as torchvision has it.
    """
    low = torch.maximum(first_xyxy[:, None, :2], second_xyxy[None, :, :2])  # (n, m, 2)
    high = torch.minimum(first_xyxy[:, None, 2:], second_xyxy[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)  # (n, m)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (first_xyxy, second_xyxy)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def iou_giou(a_xyxy: Tensor, b_xyxy: Tensor) -> tuple[Tensor, Tensor]:
    """Return IoU and generalised IoU (arXiv 1902.09630) of boxes that broadcast, (..., 4) each.

    Boxes without area overlap by 0.
    """
    low = torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    high = torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)  # (...)
    hull_low = torch.minimum(a_xyxy[..., :2], b_xyxy[..., :2])
    hull_high = torch.maximum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    hull = (hull_high - hull_low).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) for box in (a_xyxy, b_xyxy)]
    union = areas[0] + areas[1] - shared
    iou = shared / union.clamp(min=1e-7)
    return iou, iou - (hull - union) / hull.clamp(min=1e-7)
