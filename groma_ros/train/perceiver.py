"""Train the perceiver of groma-nano: what comes after its stem, up to the region tokens.

The stem is a detector that knows photographs, and stays as it is; the views on disk hold what it
sees (see `train/views.py`). Three kinds of supervision come from the views' truth: cells of the
patch grid name what they lie in the middle of; proposals and queries learn boxes and their own
IoU; region tokens name kind, colour and place. Cells learn besides what the detector says of them,
so that what it knows of eighty names survives the few photographs here. The naming heads are a
training aid and are not part of the shipped model.

A photograph may be labelled in part: where an unlabelled thing could be, nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.groma import Groma, Seen
from groma_ros.model.region_encoder import name_evidence
from groma_ros.model.region_proposer import ProposerOutput
from groma_ros.model.stem import JointStem
from groma_ros.model.torch_boxes import cxcywh_to_xyxy, iou_giou, xyxy_to_cxcywh
from groma_ros.sim.scene import COLOURS
from groma_ros.train import names
from groma_ros.train.loop import Trainer, fast_numbers, part
from groma_ros.train.losses import (
    assign_cells,
    assign_queries,
    box_loss,
    jittered,
    quality_focal,
)
from groma_ros.train.start import start_model
from groma_ros.train.views import EVERYTHING, RENDER, Truth, ViewFolder
from groma_ros.train.words import WordTables

NAMES = len(names.NAMES)
UNKNOWN = -100
"""The name or colour of a thing about which nothing is learned."""
DOUBT = 0.05
"""Where the detector's probability of anything is above this, there may be an unlabelled thing."""
GUESS_WEIGHT = 0.5


@dataclass(frozen=True)
class Target:
    """What one view teaches, as tensors.

    Attributes:
        boxes: (n, 4) centre and size in fractions. name, colour: (n,) numbers or UNKNOWN.
        weight: (n,) less for what detectors guessed. doubtful: (G, G), true where an unlabelled
        thing may be. rendered: whether it is a rendered picture.
    """

    boxes: Tensor
    name: Tensor
    colour: Tensor
    weight: Tensor
    doubtful: Tensor
    rendered: bool


def target_of(truth: Truth, detector: Tensor) -> Target:
    """Turn a view's truth into tensors; `detector` (G, G, 81) is what the stem's own head says."""
    things = truth.things + truth.guesses
    boxes = torch.tensor([t.box for t in things], dtype=torch.float32).reshape(-1, 4)
    colours = [COLOURS.index(t.colour) if t.colour in COLOURS else UNKNOWN for t in things]
    whole = EVERYTHING in truth.complete or "*80" in truth.complete
    return Target(
        xyxy_to_cxcywh(boxes),
        torch.tensor([name_number(t.name) for t in things], dtype=torch.long),
        torch.tensor(colours, dtype=torch.long),
        torch.tensor([1.0] * len(truth.things) + [GUESS_WEIGHT] * len(truth.guesses)),
        detector[..., -1] > (2.0 if whole else DOUBT),
        truth.source == RENDER,
    )


def name_number(word: str) -> int:
    """Return a name's row in the table, UNKNOWN for a thing without one."""
    try:
        return names.number_of(word)
    except KeyError:
        return UNKNOWN


class Aids(nn.Module):
    """Name cells and say places while training; thrown away afterwards.

    They start at nothing, and learn before they teach. Regions are named by the language model's
    own words, which stay as they are: it goes on understanding what it sees.
    """

    def __init__(self, vision_width: int, token_width: int) -> None:
        super().__init__()
        self.cell_name = nn.Linear(vision_width, NAMES + 1)
        self.cell_colour = nn.Linear(vision_width, len(COLOURS))
        self.cell_detector = nn.Linear(vision_width, 80)
        self.image_token = nn.Linear(token_width, NAMES + 1)
        self.place = nn.Linear(token_width, 4)
        for head in self.children():
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        nn.init.constant_(self.cell_detector.bias, -5.0)


def perceiver_losses(
    model: Groma,
    aids: Aids,
    words: WordTables,
    levels: tuple[Tensor, ...],
    detector: Tensor,
    targets: list[Target],
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Return (losses by name, figures by name) of one batch of views."""
    seen = model.perceiver.see_levels(levels)
    hidden = seen.states
    out = model.perceiver.propose(hidden)
    cells = [assign_cells_of(t, model.config.grid_size) for t in targets]
    losses = cell_losses(
        aids, hidden[-1][:, 1:], model.image_tokens(hidden), detector, targets, cells
    )
    losses |= proposal_losses(out, targets, cells)
    query, recall = query_losses(out, targets)
    region, figures = region_losses(model, aids, words, seen, out, targets)
    return losses | query | region, figures | recall


def assign_cells_of(target: Target, grid: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cells (k,) that propose each thing, the thing (k,) of each, and what is outside.

    A cell belongs to the smallest box that it lies in. The third tensor, (G * G,), is true outside
    of every box.
    """
    at = (torch.arange(grid) + 0.5) / grid
    y, x = torch.meshgrid(at, at, indexing="ij")
    centre = torch.stack((x, y), -1).reshape(-1, 1, 2)
    inside = ((centre - target.boxes[:, :2]).abs() < target.boxes[:, 2:] / 2).all(-1)  # (G*G, n)
    outside = ~inside.any(1)
    if not len(target.boxes):
        empty = torch.zeros(0, dtype=torch.long)
        return empty, empty, outside
    area = target.boxes[:, 2:].prod(-1).expand(len(inside), -1).masked_fill(~inside, 9.0)
    owner = torch.where(outside, -1, area.argmin(1)).reshape(grid, grid)
    return *assign_cells(target.boxes, owner), outside


def cell_losses(
    aids: Aids,
    features: Tensor,
    image_tokens: Tensor,
    detector: Tensor,
    targets: list[Target],
    cells: list[tuple[Tensor, Tensor, Tensor]],
) -> dict[str, Tensor]:
    """Name what each patch lies in, features (B, G*G, D), and each image token, (B, G*G/4, D)."""
    batch, count, _ = features.shape
    name = torch.full((batch, count), UNKNOWN)
    colour = torch.full((batch, count), UNKNOWN)
    for i, (target, (at, owner, outside)) in enumerate(zip(targets, cells, strict=True)):
        name[i, outside & ~target.doubtful.flatten()] = NAMES
        name[i, at], colour[i, at] = target.name[owner], target.colour[owner]
    weight = torch.ones(NAMES + 1)
    weight[-1] = 0.1
    named = F.cross_entropy(aids.cell_name(features).flatten(0, 1), name.flatten(), weight)
    painted = F.cross_entropy(aids.cell_colour(features).flatten(0, 1), colour.flatten())
    grid = int(count**0.5)
    coarse = name.reshape(batch, grid // 2, 2, grid // 2, 2).transpose(2, 3).flatten(3)
    coarse = coarse.masked_fill(coarse == NAMES, -1).amax(-1).flatten()
    coarse = torch.where(coarse < 0, torch.where(coarse == -1, NAMES, UNKNOWN), coarse)
    seen = F.cross_entropy(aids.image_token(image_tokens).flatten(0, 1), coarse, weight)
    said, anything = detector.flatten(1, 2).split([80, 1], dim=-1)  # (B, G*G, 80), (B, G*G, 1)
    looked = (anything < 1).expand_as(said)  # where no detector looked nothing is kept
    kept = F.binary_cross_entropy_with_logits(aids.cell_detector(features)[looked], said[looked])
    kept = (kept * 80).nan_to_num()
    return {
        "cell": named.nan_to_num() + 0.3 * painted.nan_to_num(),
        "image": 0.2 * seen.nan_to_num(),
        "detector": kept,
    }


def proposal_losses(
    out: ProposerOutput, targets: list[Target], cells: list[tuple[Tensor, Tensor, Tensor]]
) -> dict[str, Tensor]:
    """Teach the encoder's proposals, one to many: box and IoU at the cells of each thing."""
    score, boxes, truths, weights = 0.0, [], [], []
    count = sum(max(len(t.boxes), 1) for t in targets)
    for i, (target, (at, owner, outside)) in enumerate(zip(targets, cells, strict=True)):
        logits = out.enc_class[i, :, 0]
        aim = torch.zeros(logits.shape)
        known = ~(target.doubtful.flatten() & outside)
        if len(at):
            predicted = out.enc_coord_logits[i, at].sigmoid()
            iou = iou_giou(cxcywh_to_xyxy(predicted), cxcywh_to_xyxy(target.boxes[owner]))[0]
            aim[at] = 0.3 + 0.7 * iou.detach()
            boxes.append(predicted)
            truths.append(target.boxes[owner])
            weights.append(target.weight[owner])
        score = score + quality_focal(logits[known], aim[known])
    losses = {"enc_score": score / count}
    if boxes:
        losses["enc_box"] = box_loss(torch.cat(boxes), torch.cat(truths), torch.cat(weights))
    return losses


def query_losses(
    out: ProposerOutput, targets: list[Target]
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Teach the decoder's boxes at every layer, and both scores at the last, their own IoU."""
    depth = out.layer_boxes.shape[1]
    predicted, truths, weights, score = [], [], [], 0.0
    count = sum(max(len(t.boxes), 1) for t in targets)
    found = total = 0
    for i, target in enumerate(targets):
        truth = target.boxes
        owner = assign_queries(out.init_reference[i].detach(), truth)
        mine = torch.nonzero(owner >= 0).flatten()
        final = out.pred_boxes[i].detach()
        aim, known = torch.zeros(len(owner)), ~under(target.doubtful, final[:, :2])
        if len(mine):
            predicted.append(out.layer_boxes[i, :, mine])
            truths.append(truth[owner[mine]])
            weights.append(target.weight[owner[mine]])
            corners = cxcywh_to_xyxy(final[mine]), cxcywh_to_xyxy(truth[owner[mine]])
            aim[mine], known[mine] = iou_giou(*corners)[0], True
            every = iou_giou(cxcywh_to_xyxy(final)[:, None], cxcywh_to_xyxy(truth)[None])[0]
            found, total = found + int((every.max(0).values > 0.5).sum()), total + len(truth)
        for logits in (out.logits_coco, out.logits_sa1b):
            score = score + 0.5 * quality_focal(logits[i, known, 0], aim[known])
    losses = {"score": score / count}
    if truths:
        truth, weight = torch.cat(truths), torch.cat(weights)
        boxes = torch.cat(predicted, dim=1)
        losses["box"] = sum(box_loss(boxes[n], truth, weight) for n in range(depth)) / depth
    return losses, {"AR50": found / max(total, 1)}


def under(doubtful: Tensor, centres: Tensor) -> Tensor:
    """Look up a map (G, G) at points (n, 2) given as fractions (x, y)."""
    grid = len(doubtful)
    column, row = (centres * grid).long().clamp(0, grid - 1).unbind(-1)
    return doubtful[row, column]


def region_losses(
    model: Groma,
    aids: Aids,
    words: WordTables,
    seen: Seen,
    out: ProposerOutput,
    targets: list[Target],
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Teach region tokens to name kind, colour and place, on the boxes that the proposer gives.

    A thing that no proposal covers is learned on its true box, a little off. Kinds are learned from
    rendered pictures: the photographs are so few that tokens would know them by heart, and the
    language model would trust them more than what the naming head says of pictures it never saw.
    """
    boxes = []
    for i, target in enumerate(targets):
        guess = out.pred_boxes[i].detach()
        owner = assign_queries(guess, target.boxes, least=0.6)
        chosen = jittered(target.boxes, 0.08)
        for n in range(len(chosen)):
            near = torch.nonzero(owner == n).flatten()
            if len(near) and torch.rand(()) < 0.6:
                chosen[n] = guess[near[torch.randint(len(near), ())]]
        boxes.append(chosen)
    name, colour = (torch.cat([getattr(t, key) for t in targets]) for key in ("name", "colour"))
    if len(name) == 0:
        return {}, {}
    states = seen.states[-len(model.region_encoder.map_sides) :]
    evidence = name_evidence(seen.names, boxes, torch.ones(len(name)))
    tokens = torch.cat(model.region_encoder(states, boxes, evidence))
    known, painted = name >= 0, colour >= 0
    named, shades = words.logits(tokens.float(), model)
    logits = named[known].masked_fill(words.also_right[name[known]], -1e4)
    weight = torch.cat([t.weight * t.rendered for t in targets])[known]
    each = F.cross_entropy(logits, name[known], reduction="none")
    losses = {
        "name": 2 * (each * weight).sum() / weight.sum().clamp(min=1),
        "colour": F.cross_entropy(shades, colour).nan_to_num(),
        "place": 4 * F.l1_loss(aids.place(tokens), torch.cat(boxes)),
    }
    right = (logits.argmax(-1) == name[known]).float()
    figures = {"name_acc": float(right.mean().nan_to_num())}
    if painted.any():
        right = shades[painted].argmax(-1) == colour[painted]
        figures["colour_acc"] = float(right.float().mean())
    return losses, figures


@torch.no_grad()
def settle_detector(stem: JointStem, views: ViewFolder, count: int = 64) -> None:
    """Let the detector's features have mean 0 and deviation 1 over the views."""
    step = max(len(views) // count, 1)
    levels = views.levels(list(range(0, len(views), step))[:count])
    features = stem.detector.joined([level.float() for level in levels[1:]])
    deviation, mean = torch.std_mean(features, dim=(0, 2, 3), keepdim=True)
    stem.detector.mean.copy_(mean[0])
    stem.detector.deviation.copy_(deviation[0].clamp(min=1e-2))


def start_on_views(
    start: str, detector: str, views: str
) -> tuple[Groma, GromaTokenizer, ViewFolder]:
    """Return the model that a stage starts from, its tokenizer and the views.

    The stem is settled on the views and stays as it is from there on.
    """
    model, tokenizer = start_model(start, detector)
    folder, stem = ViewFolder(views), model.perceiver.vis_encoder.stem
    if (stem.detector.deviation == 1).all():
        settle_detector(stem, folder)
    stem.requires_grad_(False)
    return model, tokenizer, folder


def batches(
    folder: ViewFolder, trainer: Trainer, batch: int, seed: int
) -> Iterator[tuple[tuple[Tensor, ...], Tensor, list[Target]]]:
    """Yield levels, what the detector says and targets of drawn views until the time is spent."""
    rng = np.random.default_rng([seed, trainer.rank, trainer.steps])
    while trainer.done < 1:
        if trainer.steps % 200 == 0:
            folder.refresh()
        numbers = rng.integers(len(folder), size=batch).tolist()
        said = folder.detector(numbers)
        targets = [target_of(folder.truths[n], d) for n, d in zip(numbers, said, strict=True)]
        yield tuple(level.float() for level in folder.levels(numbers)), said, targets


def train_perceiver(
    rank: int,
    views: str,
    start: str,
    detector: str,
    naming: str,
    checkpoint: str,
    minutes: float,
    batch: int,
    lr: float,
    seed: int,
) -> None:
    """Train on views for `minutes`; the stem and the language model's words stay as they are.

    So does the naming head, which is read from its checkpoint `naming`.
    """
    torch.manual_seed(seed + rank)
    model, tokenizer, folder = start_on_views(start, detector, views)
    aids = Aids(model.config.vision.hidden_size, model.config.language.hidden_size)
    words = WordTables(tokenizer)
    head = model.perceiver.naming
    head.load_state_dict(part(torch.load(naming, weights_only=True)["modules"], "naming"))
    for kept in (model.llm, head):
        kept.requires_grad_(False)
    parts = {"perceiver": model.perceiver, "region_encoder": model.region_encoder}
    modules = nn.ModuleDict(parts | {"img_txt_bridge": model.img_txt_bridge, "aids": aids})
    trainer = Trainer(modules, lr, minutes, Path(checkpoint), gentle=model.region_encoder)
    modules.train()
    for levels, said, targets in batches(folder, trainer, batch, seed):
        with fast_numbers():
            losses, figures = perceiver_losses(model, aids, words, levels, said, targets)
        trainer.step(losses, batch, figures)
