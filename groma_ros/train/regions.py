"""Look at every picture once with the trained eyes and keep what the language half needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.groma import Groma
from groma_ros.model.region_encoder import name_evidence
from groma_ros.model.torch_boxes import cxcywh_to_xyxy, pairwise_iou
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train import names, views
from groma_ros.train.loop import fast_numbers, part
from groma_ros.train.questions import UNKNOWN, Truth
from groma_ros.train.start import start_model
from groma_ros.train.views import ViewFolder

IN_RENDERS = frozenset(
    number
    for number, name in enumerate(names.NAMES)
    if name.name in KINDS or (name.verb == names.FIND and name.name != "dining table")
)
"""Kinds that a rendered picture lists completely: what its tables hold, and what no table has."""


@dataclass(frozen=True)
class SeenPicture:
    """A picture as the frozen perceiver sees it, beside what it shows.

    Attributes:
        boxes_cxcywh_norm: (n, 4) regions in score order. looks: (n, hidden) the region encoder's
        vectors without position. names: (n, names) what the naming head says. image_tokens:
        (T, D). region_of: (objects,) the region that covers each true object with IoU of at least
        0.5, -1 for none. truth: the contents.
    """

    boxes_cxcywh_norm: np.ndarray
    looks: np.ndarray
    names: np.ndarray
    image_tokens: np.ndarray
    region_of: np.ndarray
    truth: Truth


def questionable(truth: views.Truth) -> Truth:
    """Return a view's truth as questions are asked of it: words as numbers."""
    known = [t for t in truth.things if number(t.name) is not None]
    hidden = [(name, colour) for name, colour in truth.hidden]
    hidden += [(guess.name, "") for guess in truth.guesses]
    whole = views.EVERYTHING in truth.complete
    return Truth(
        np.array([number(t.name) for t in known], dtype=np.int64),
        np.array([colour_number(t.colour) for t in known], dtype=np.int64),
        np.array([t.box for t in known], dtype=np.float32).reshape(-1, 4),
        np.array([t.distance_m for t in known], dtype=np.float32),
        tuple((n, colour_number(c)) for word, c in hidden if (n := number(word)) is not None),
        complete_kinds(truth),
        whole,
    )


def complete_kinds(truth: views.Truth) -> frozenset[int]:
    """Return the rows of the names of which a picture lists every instance."""
    if truth.source == "blank":
        return frozenset(range(len(names.NAMES)))
    if views.EVERYTHING in truth.complete:
        return IN_RENDERS
    if "*80" in truth.complete:
        return names.COMPLETE_80
    return frozenset(n for word in truth.complete if (n := number(word)) is not None)


def number(word: str) -> int | None:
    """Return a name's row in the table, None for a thing without one."""
    try:
        return names.number_of(word)
    except KeyError:
        return None


def colour_number(word: str) -> int:
    return COLOURS.index(word) if word in COLOURS else UNKNOWN


def load_perceiver(
    checkpoint: str | Path, start: str, attention: str = "sdpa"
) -> tuple[Groma, GromaTokenizer]:
    """Build groma-nano with the perceiver of a `groma train` checkpoint, stem included.

    The language half is that of the model that training started from.
    """
    model, tokenizer = start_model(start, attention=attention)
    modules = torch.load(checkpoint, weights_only=True)["modules"]
    for name in ("perceiver", "region_encoder", "img_txt_bridge"):
        getattr(model, name).load_state_dict(part(modules, name))
    return model.eval(), tokenizer


@torch.no_grad()
def look(model: Groma, folder: ViewFolder, numbers: list[int]) -> list[SeenPicture]:
    """Perceive some views and match regions with true objects."""
    levels = tuple(level.float() for level in folder.levels(numbers))
    with fast_numbers():
        seen = model.perceiver.see_levels(levels)
    states = [state.float() for state in seen.states]
    chosen = model.select(model.perceiver.propose(states))
    boxes = [selection.boxes_cxcywh_norm for selection in chosen]
    maps = len(model.region_encoder.map_sides)
    looks = model.region_encoder.flat_features(states[-maps:], boxes)
    looks = looks - model.region_encoder.roi_align.pos_embedd(torch.cat(boxes))
    image_tokens = model.image_tokens(states).half().numpy()
    scores = torch.cat([selection.scores for selection in chosen])
    named = name_evidence(seen.names, boxes, scores)
    counts, pictures = [len(b) for b in boxes], []
    for i, (found, vectors, called) in enumerate(
        zip(boxes, looks.split(counts), named.split(counts), strict=True)
    ):
        truth = questionable(folder.truths[numbers[i]])
        pictures.append(
            SeenPicture(
                found.numpy(),
                vectors.half().numpy(),
                called.half().numpy(),
                image_tokens[i],
                matched(found, torch.from_numpy(truth.box_xyxy_norm)),
                truth,
            )
        )
    return pictures


def matched(regions_cxcywh: torch.Tensor, objects_xyxy: torch.Tensor) -> np.ndarray:
    """Return for each object the region that covers it best, -1 under an IoU of 0.5."""
    if len(objects_xyxy) == 0:
        return np.zeros(0, dtype=np.int64)
    iou = pairwise_iou(objects_xyxy, cxcywh_to_xyxy(regions_cxcywh))
    best, region = iou.max(dim=1)
    return torch.where(best >= 0.5, region, -1).numpy()
