"""Choice of the regions that the language model gets to see."""

import torch
from torch import Tensor

from groma_ros.model.torch_boxes import cxcywh_to_xyxy, pairwise_iou

REFER_SCORE = 1.0
GROUND_SCORE = 0.2


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
    kept = non_maximum_suppression(
        cxcywh_to_xyxy(boxes_cxcywh), scores, max_iou, min_score, max_count
    )
    return kept if len(kept) else scores.argmax().reshape(1)


def best_match(boxes_cxcywh: Tensor, selected_cxcywh: Tensor) -> Tensor:
    """Return for each box the index of the selected box that overlaps it most."""
    overlap = pairwise_iou(cxcywh_to_xyxy(boxes_cxcywh), cxcywh_to_xyxy(selected_cxcywh))
    return overlap.argmax(dim=-1)
