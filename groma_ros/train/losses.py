"""Losses of the perceiver: dense proposals, one-to-many queries, region attributes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from groma_ros.model.torch_boxes import cxcywh_to_xyxy, iou_giou


def box_loss(pred_cxcywh: Tensor, truth_cxcywh: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return 5 x L1 + 2 x (1 - GIoU), averaged; both (n, 4) boxes, fractions of the picture."""
    if len(truth_cxcywh) == 0:
        return pred_cxcywh.sum() * 0
    giou = iou_giou(cxcywh_to_xyxy(pred_cxcywh), cxcywh_to_xyxy(truth_cxcywh))[1]
    loss = 5 * (pred_cxcywh - truth_cxcywh).abs().sum(-1) / 4 * 2 + 2 * (1 - giou)
    if weight is None:
        return loss.mean()
    return (loss * weight).sum() / weight.sum().clamp(min=1e-6)


def quality_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Return binary cross-entropy towards a soft target, weighted by |target - p|^2, summed.

    Source: generalised focal loss, arXiv 2006.04388; the target is an IoU, 0 for background.
    """
    p = logits.sigmoid()
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (loss * (target - p).abs().pow(2)).sum()


def assign_cells(boxes_cxcywh: Tensor, cells: Tensor, most: int = 7) -> tuple[Tensor, Tensor]:
    """Choose the cells that propose each object: those it fills that lie nearest to its centre.

    Args:
        boxes_cxcywh: (n, 4) fractions. cells: (G, G) object index, -1 none.
    Returns:
        cell indices (k,) into G*G, and the object (k,) each proposes. An object that fills no
        cell takes the one under its centre.
    """
    grid = cells.shape[0]
    flat = cells.reshape(-1)
    at = (torch.arange(grid) + 0.5) / grid
    # (G, G, 2) as (row, column) to (G * G, 2) as (x, y)
    centres = torch.stack(torch.meshgrid(at, at, indexing="ij"), -1).reshape(-1, 2).flip(-1)
    picked, owner = [], []
    for i, box in enumerate(boxes_cxcywh):
        distance = ((centres - box[:2]) / box[2:].clamp(min=1e-3)).pow(2).sum(-1)
        mine = torch.nonzero(flat == i).flatten()
        if len(mine) == 0:
            mine = distance.argmin().reshape(1)
        best = mine[distance[mine].argsort()[:most]]
        picked.append(best)
        owner.append(torch.full_like(best, i))
    if not picked:
        empty = torch.zeros(0, dtype=torch.long)
        return empty, empty
    return torch.cat(picked), torch.cat(owner)


def assign_queries(reference_cxcywh: Tensor, truth_cxcywh: Tensor, least: float = 0.3) -> Tensor:
    """Give each query the object its reference overlaps most, -1 under `least`; (Q,) long.

    The query that overlaps an object most always gets it. Several queries may share an object:
    non-maximum suppression picks one of them by its score, which learns the IoU.
    """
    if len(truth_cxcywh) == 0:
        return torch.full((len(reference_cxcywh),), -1, dtype=torch.long)
    # (Q, 1, 4) and (1, n, 4) to (Q, n)
    iou = iou_giou(cxcywh_to_xyxy(reference_cxcywh)[:, None], cxcywh_to_xyxy(truth_cxcywh)[None])[0]
    best, owner = iou.max(dim=1)  # (Q,) each
    owner = torch.where(best >= least, owner, -1)
    champions = iou.argmax(dim=0)  # (n,)
    reached = iou.max(dim=0).values > 0.05
    owner[champions[reached]] = torch.arange(len(truth_cxcywh))[reached]
    return owner


def jittered(
    boxes_cxcywh: Tensor, amount: float, generator: torch.Generator | None = None
) -> Tensor:
    """Shift and scale boxes by up to `amount` of their size, as an imperfect proposer would."""
    noise = (torch.rand(boxes_cxcywh.shape, generator=generator) * 2 - 1) * amount
    size = boxes_cxcywh[:, 2:]
    return torch.cat(
        [boxes_cxcywh[:, :2] + noise[:, :2] * size, size * (1 + noise[:, 2:])], dim=1
    ).clamp(1e-3, 1)
