"""Choice of the regions that the language model gets to see."""

import torch
from torch import Tensor

REFER_SCORE = 1.0
GROUND_SCORE = 0.2


def to_corners(boxes_cxcywh: Tensor) -> Tensor:
    """Convert (..., 4) boxes from centre and size to corners."""
    centre, size = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:]
    return torch.cat((centre - 0.5 * size, centre + 0.5 * size), dim=-1)


def pairwise_iou(first_xyxy: Tensor, second_xyxy: Tensor) -> Tensor:
    """Return the overlap (n, m) of two sets of boxes given by corners."""
    low = torch.maximum(first_xyxy[:, None, :2], second_xyxy[None, :, :2])
    high = torch.minimum(first_xyxy[:, None, 2:], second_xyxy[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (first_xyxy, second_xyxy)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def non_maximum_suppression(
    boxes_xyxy: Tensor, scores: Tensor, max_iou: float, min_score: float, max_count: int
) -> Tensor:
    """Return indices of the kept boxes, best first.

    Boxes at or below `min_score` are out; of two that overlap by more than `max_iou` the
    better stays, and the earlier of equals. float32, on any device; what the boxes' fate depends
    on leaves the device in one transfer.
    """
    order = scores.argsort(descending=True, stable=True)
    sorted_boxes = boxes_xyxy[order]
    clash = pairwise_iou(sorted_boxes, sorted_boxes) > max_iou
    above = scores[order] > min_score
    table = torch.cat((clash, above[:, None]), dim=1).cpu().numpy()
    clash, alive = table[:, :-1], table[:, -1].copy()
    kept = []
    for index in range(len(clash)):
        if alive[index]:
            kept.append(index)
            if len(kept) == max_count:
                break
            alive &= ~clash[index]
    return order[torch.tensor(kept, dtype=torch.long, device=order.device)]


def select_regions(
    boxes_cxcywh: Tensor, scores: Tensor, max_iou: float, min_score: float, max_count: int
) -> Tensor:
    """Return indices of the regions to encode, best first; never none.

    Where no box is above `min_score` the single best one is taken.
    """
    kept = non_maximum_suppression(to_corners(boxes_cxcywh), scores, max_iou, min_score, max_count)
    return kept if len(kept) else scores.argmax().reshape(1)


def best_match(boxes_cxcywh: Tensor, selected_cxcywh: Tensor) -> Tensor:
    """Return for each box the index of the selected box that overlaps it most."""
    overlap = pairwise_iou(to_corners(boxes_cxcywh), to_corners(selected_cxcywh))
    return overlap.argmax(dim=-1)
