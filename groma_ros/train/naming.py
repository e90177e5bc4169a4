"""Train the naming head of groma-nano: what the cells of the patch grid show, by the stem alone.

The head starts as the detector in the stem: of eighty names it knows what that knows. The
views teach it the other names, and where people call a thing otherwise. The stem stays as it is.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.model.naming import NamingHead
from groma_ros.train.loop import Trainer, fast_numbers
from groma_ros.train.perceiver import (
    NAMES,
    UNKNOWN,
    Target,
    assign_cells_of,
    batches,
    start_on_views,
)
from groma_ros.train.words import WordTables

NOTHING_WEIGHT = 0.1
"""How much a cell outside of all things counts."""


def naming_losses(
    head: NamingHead,
    features: Tensor,
    levels: tuple[Tensor, ...],
    targets: list[Target],
    also_right: Tensor,
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Return (losses by name, figures by name) of one batch of views.

    The cells of a thing count together as the root of their number: a large thing more than a small
    one, and not by its area. `also_right` is that of `WordTables`.
    """
    logits = head(features, levels).flatten(2).transpose(1, 2)  # (B, G * G, names + 1)
    name = torch.full(logits.shape[:2], UNKNOWN)
    weight = torch.full(logits.shape[:2], NOTHING_WEIGHT)
    for i, target in enumerate(targets):
        at, owner, outside = assign_cells_of(target, features.shape[-1])
        name[i, outside & ~target.doubtful.flatten()] = NAMES
        name[i, at] = target.name[owner]
        count = torch.bincount(owner, minlength=len(target.boxes)).clamp(min=1)
        weight[i, at] = (target.weight / count.sqrt())[owner]
    known = name >= 0
    logits, name, weight = logits[known], name[known], weight[known]
    wrong = F.pad(~also_right, (0, 1, 0, 1), value=True)
    each = F.cross_entropy(logits.masked_fill(~wrong[name], -1e4), name, reduction="none")
    things = name < NAMES
    right = (logits[things].argmax(-1) == name[things]).float().mean().nan_to_num()
    loss = (each * weight).sum() / weight.sum().clamp(min=1e-6)
    return {"name": loss}, {"cell_acc": float(right)}


def train_naming(
    rank: int,
    views: str,
    start: str,
    detector: str,
    checkpoint: str,
    minutes: float,
    batch: int,
    lr: float,
    seed: int,
) -> None:
    """Train on views for `minutes`; the stem stays as it is."""
    torch.manual_seed(seed + rank)
    model, tokenizer, folder = start_on_views(start, detector, views)
    stem, head = model.perceiver.vis_encoder.stem, model.perceiver.naming
    also_right = WordTables(tokenizer).also_right
    trainer = Trainer(nn.ModuleDict({"naming": head}), lr, minutes, Path(checkpoint))
    head.train()
    for levels, _, targets in batches(folder, trainer, batch, seed):
        with torch.no_grad():
            features = stem.joined(levels)
        with fast_numbers():
            losses, figures = naming_losses(head, features, levels[1:], targets, also_right)
        trainer.step(losses, batch, figures)
