"""Look at every picture once with the trained eyes and keep what the language half needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from groma_ros.model.groma import Groma
from groma_ros.train.loop import fast_numbers, part
from groma_ros.train.losses import cxcywh_to_xyxy, iou_giou
from groma_ros.train.pictures import PictureStore, normalised, plain
from groma_ros.train.questions import Truth
from groma_ros.train.start import start_model


@dataclass(frozen=True)
class SeenPicture:
    """A picture as the frozen perceiver sees it, beside what it shows.

    Attributes:
        boxes_cxcywh_norm: (n, 4) regions in score order. looks: (n, hidden) the region encoder's
        vectors without position. image_tokens: (T, D). region_of: (objects,) the region that
        covers each true object with IoU of at least 0.5, -1 for none. truth: the contents.
    """

    boxes_cxcywh_norm: np.ndarray
    looks: np.ndarray
    image_tokens: np.ndarray
    region_of: np.ndarray
    truth: Truth


def truth_of(store: PictureStore, number: int) -> Truth:
    found = store.objects(number)
    width, height = store.size_wh(number)
    boxes = found["box_xyxy"] / np.array([width, height, width, height], dtype=np.float32)
    hidden = tuple((int(k), int(c)) for k, c in zip(*store.hidden(number), strict=True))
    return Truth(
        found["kind"].astype(int),
        found["colour"].astype(int),
        boxes.astype(np.float32),
        found["distance_m"],
        hidden,
    )


def load_perceiver(
    checkpoint: str | Path, text_vocab_size: int, start: str = "", attention: str = "sdpa"
) -> Groma:
    """Build groma-nano with the trained eyes of a `groma train` checkpoint."""
    model = start_model(text_vocab_size, start, attention)
    modules = torch.load(checkpoint, weights_only=True)["modules"]
    for name in ("perceiver", "region_encoder", "img_txt_bridge"):
        getattr(model, name).load_state_dict(part(modules, name))
    return model.eval()


@torch.no_grad()
def look(model: Groma, store: PictureStore, numbers: list[int]) -> list[SeenPicture]:
    """Perceive some pictures and match regions with true objects."""
    seen = [plain(store, n, model.config.image_size) for n in numbers]
    with fast_numbers():
        states = model.perceiver.hidden_states(normalised(np.stack([rgb for rgb, _ in seen])))
    states = [state.float() for state in states]
    boxes = [s.boxes_cxcywh_norm for s in model.select(model.perceiver.propose(states))]
    looks = model.region_encoder.flat_features(states[-3:], boxes)
    looks = looks - model.region_encoder.roi_align.pos_embedd(torch.cat(boxes))
    image_tokens = model.image_tokens(states).half().numpy()
    pictures = []
    for i, (found, vectors) in enumerate(
        zip(boxes, looks.split([len(b) for b in boxes]), strict=True)
    ):
        truth = truth_of(store, numbers[i])
        pictures.append(
            SeenPicture(
                found.numpy(),
                vectors.half().numpy(),
                image_tokens[i],
                matched(found, torch.from_numpy(seen[i][1])),
                truth,
            )
        )
    return pictures


def matched(regions_cxcywh: torch.Tensor, objects_xyxy: torch.Tensor) -> np.ndarray:
    """Return for each object the region that covers it best, -1 under an IoU of 0.5."""
    if len(objects_xyxy) == 0:
        return np.zeros(0, dtype=np.int64)
    iou = iou_giou(objects_xyxy[:, None], cxcywh_to_xyxy(regions_cxcywh)[None])[0]
    best, region = iou.max(dim=1)
    return torch.where(best >= 0.5, region, -1).numpy()
