"""Train the eyes of groma-nano: vision encoder, region proposer and region encoder, together.

Three kinds of supervision, from the renderer's exact truth: every cell of the patch grid names
what fills it; proposals and queries learn boxes and their own IoU; region tokens name kind,
colour and place. The naming heads are a training aid and are not part of the shipped model.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.groma import Groma
from groma_ros.model.vision_encoder import MobileStem
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train.loop import Trainer, fast_numbers
from groma_ros.train.losses import (
    assign_cells,
    assign_queries,
    box_loss,
    cxcywh_to_xyxy,
    iou_giou,
    jittered,
    quality_focal,
    xyxy_to_cxcywh,
)
from groma_ros.train.pictures import Picture, PictureStore, augmented, normalised
from groma_ros.train.start import first_words, start_model

KEPT_LAYERS = 5
"""Of the stem: down to a quarter of the side; nothing there is trained."""


class Aids(nn.Module):
    """Name cells and regions while training; thrown away afterwards."""

    def __init__(self, vision_width: int, token_width: int):
        super().__init__()
        self.cell_kind = nn.Linear(vision_width, len(KINDS) + 1)
        self.cell_colour = nn.Linear(vision_width, len(COLOURS))
        self.image_token = nn.Linear(token_width, len(KINDS) + 1)
        self.kind = nn.Linear(token_width, len(KINDS))
        self.colour = nn.Linear(token_width, len(COLOURS))
        self.place = nn.Linear(token_width, 4)


@torch.no_grad()
def recall(aids: Aids, model: Groma, tokenizer: GromaTokenizer) -> None:
    """Start the aids of a model that is trained on: random heads would first spoil what it knows.

    Its region tokens are close to the embeddings of their words already (see the language stage);
    the other heads start at nothing, and learn before they teach.
    """
    for head in aids.children():
        head.weight.zero_()
        head.bias.zero_()
    scale = model.config.language.hidden_size**-0.5
    for head, names in ((aids.kind, KINDS), (aids.colour, COLOURS)):
        head.weight.copy_(model.embed_ids(first_words(tokenizer, names)) * scale)


def perceiver_losses(model: Groma, aids: Aids, pictures: list[Picture]):
    """Return (losses by name, figures by name) of one batch."""
    hidden = model.perceiver.hidden_states(normalised(np.stack([p.rgb for p in pictures])))
    out = model.perceiver.propose(hidden)
    features = torch.stack(list(hidden[-4:])).mean(0)[:, 1:]
    losses = cell_losses(aids, features, model.image_tokens(hidden), pictures)
    losses |= proposal_losses(out, pictures)
    query, recall = query_losses(out, pictures)
    region, figures = region_losses(model, aids, hidden, out, pictures)
    return losses | query | region, figures | recall


def cell_losses(
    aids: Aids, features: Tensor, image_tokens: Tensor, pictures: list[Picture]
) -> dict[str, Tensor]:
    """Name what fills each patch, features (B, G*G, D), and each image token, (B, G*G/4, D)."""
    cells = torch.from_numpy(np.stack([p.cells for p in pictures]))
    kind = torch.full(cells.shape, len(KINDS))
    colour = torch.full(cells.shape, -100)
    for i, p in enumerate(pictures):
        filled = cells[i] >= 0
        kind[i][filled] = torch.from_numpy(p.kind)[cells[i][filled]]
        colour[i][filled] = torch.from_numpy(p.colour)[cells[i][filled]]
    weight = torch.ones(len(KINDS) + 1)
    weight[-1] = 0.3
    named = F.cross_entropy(aids.cell_kind(features).flatten(0, 1), kind.flatten(), weight)
    painted = F.cross_entropy(aids.cell_colour(features).flatten(0, 1), colour.flatten())
    coarse = aids.image_token(image_tokens).flatten(0, 1)
    seen = F.cross_entropy(coarse, kind[:, ::2, ::2].flatten(), weight)
    return {"cell": 2 * named + 0.5 * painted.nan_to_num(), "image": 0.2 * seen}


def proposal_losses(out, pictures: list[Picture]) -> dict[str, Tensor]:
    """Teach the encoder's proposals, one to many: box and IoU at the cells each object fills."""
    score, boxes = 0.0, []
    truths, count = [], 0
    for i, p in enumerate(pictures):
        truth = xyxy_to_cxcywh(torch.from_numpy(p.boxes_xyxy_norm))
        at, owner = assign_cells(truth, torch.from_numpy(p.cells))
        logits = out.enc_class[i, :, 0]
        target = torch.zeros(logits.shape)
        if len(at):
            predicted = out.enc_coord_logits[i, at].sigmoid()
            usable = torch.isfinite(out.enc_coord_logits[i, at]).all(-1)
            at, owner, predicted = at[usable], owner[usable], predicted[usable]
            iou = iou_giou(cxcywh_to_xyxy(predicted), cxcywh_to_xyxy(truth[owner]))[0]
            target[at] = 0.3 + 0.7 * iou.detach()
            boxes.append(predicted)
            truths.append(truth[owner])
        score = score + quality_focal(logits, target)
        count += max(len(p.kind), 1)
    losses = {"enc_score": score / count}
    if boxes:
        losses["enc_box"] = box_loss(torch.cat(boxes), torch.cat(truths))
    return losses


def query_losses(out, pictures: list[Picture]):
    """Teach the decoder's boxes at every layer, and both scores at the last, their own IoU."""
    layers = [out.layer_boxes[:, n] for n in range(out.layer_boxes.shape[1])]
    predicted, truths, score, count = [[] for _ in layers], [], 0.0, 0
    found = total = 0
    for i, p in enumerate(pictures):
        truth = xyxy_to_cxcywh(torch.from_numpy(p.boxes_xyxy_norm))
        owner = assign_queries(out.init_reference[i].detach(), truth)
        mine = torch.nonzero(owner >= 0).flatten()
        target = torch.zeros(len(owner))
        if len(mine):
            for store, boxes in zip(predicted, layers, strict=True):
                store.append(boxes[i, mine])
            truths.append(truth[owner[mine]])
            iou = iou_giou(
                cxcywh_to_xyxy(out.pred_boxes[i, mine].detach()), cxcywh_to_xyxy(truth[owner[mine]])
            )[0]
            target[mine] = iou
        for logits in (out.logits_coco, out.logits_sa1b):
            score = score + 0.5 * quality_focal(logits[i, :, 0], target)
        count += max(len(p.kind), 1)
        if len(truth):
            every = iou_giou(
                cxcywh_to_xyxy(out.pred_boxes[i].detach())[:, None], cxcywh_to_xyxy(truth)[None]
            )[0]
            found, total = found + int((every.max(0).values > 0.5).sum()), total + len(truth)
    losses = {"score": score / count}
    if truths:
        truth = torch.cat(truths)
        losses["box"] = sum(box_loss(torch.cat(b), truth) for b in predicted) / len(layers)
    return losses, {"AR50": found / max(total, 1)}


def region_losses(model: Groma, aids: Aids, hidden, out, pictures: list[Picture]):
    """Teach region tokens to name kind, colour and place, on the boxes that the proposer gives.

    An object that no proposal covers is learned on its true box, a little off.
    """
    boxes, kinds, colours = [], [], []
    for i, p in enumerate(pictures):
        truth = xyxy_to_cxcywh(torch.from_numpy(p.boxes_xyxy_norm))
        guess = out.pred_boxes[i].detach()
        owner = assign_queries(guess, truth, least=0.6)
        chosen = jittered(truth, 0.08)
        for n in range(len(truth)):
            near = torch.nonzero(owner == n).flatten()
            if len(near) and torch.rand(()) < 0.6:
                chosen[n] = guess[near[torch.randint(len(near), ())]]
        boxes.append(chosen)
        kinds.append(torch.from_numpy(p.kind))
        colours.append(torch.from_numpy(p.colour))
    kind, colour = torch.cat(kinds), torch.cat(colours)
    if len(kind) == 0:
        return {}, {}
    tokens = torch.cat(model.region_encoder(hidden[-3:], boxes))
    named, painted = aids.kind(tokens), aids.colour(tokens)
    losses = {
        "kind": 2 * F.cross_entropy(named, kind, label_smoothing=0.05),
        "colour": F.cross_entropy(painted, colour, label_smoothing=0.05),
        "place": 4 * F.l1_loss(aids.place(tokens), torch.cat(boxes)),
    }
    return losses, {
        "kind_acc": float((named.argmax(-1) == kind).float().mean()),
        "colour_acc": float((painted.argmax(-1) == colour).float().mean()),
    }


def keep_filters(stem: MobileStem) -> None:
    """Leave a stem's early layers as they are, and every filter over neighbouring pixels.

    What they learned from photographs carries over to the next camera better than what rendered
    pictures would teach them, and their gradients are most of the cost of a training step.
    """
    for layer in (module for module in stem.modules() if isinstance(module, nn.Conv2d)):
        layer.requires_grad_(layer.groups == 1)
    for layer in itertools.islice(stem, KEPT_LAYERS):
        layer.requires_grad_(False)


def train_perceiver(
    rank: int,
    pictures: str,
    vocabulary: int,
    start: str,
    checkpoint: str,
    minutes: float,
    batch: int,
    lr: float,
    seed: int,
) -> None:
    """Train for `minutes`; what the stem knows of photographs is changed with care."""
    store = PictureStore(pictures)
    torch.manual_seed(seed)
    model = start_model(vocabulary, start)
    aids = Aids(model.config.vision.hidden_size, model.config.language.hidden_size)
    if start:
        recall(aids, model, GromaTokenizer.from_folder(start))
    modules = nn.ModuleDict(
        {
            "perceiver": model.perceiver,
            "region_encoder": model.region_encoder,
            "img_txt_bridge": model.img_txt_bridge,
            "aids": aids,
        }
    )
    stem = model.perceiver.vis_encoder.stem
    keep_filters(stem)
    model.perceiver.vis_encoder.attention = "eager"  # faster to train than sdpa
    trainer = Trainer(modules, lr, minutes, Path(checkpoint), gentle=stem)
    rng = np.random.default_rng([seed, rank, trainer.steps])
    side = model.config.image_size
    grid = model.config.grid_size
    modules.train()
    while trainer.done < 1:
        numbers = rng.integers(len(store), size=batch)
        chosen = [augmented(store, int(n), rng, side, grid) for n in numbers]
        with fast_numbers():
            losses, figures = perceiver_losses(model, aids, chosen)
        trainer.step(losses, batch, figures)
