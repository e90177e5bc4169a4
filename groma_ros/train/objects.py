"""Train the vision encoder on single objects first: small windows, large shapes, many a second.

In a whole picture most patches show table. A window around an object costs a sixteenth of a
picture, so kinds are learned on many times more examples; whole pictures then teach where
things are. The naming heads are a training aid and are thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from groma_ros.groma.vision import VisionEncoder
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train.loop import Trainer
from groma_ros.train.perceiver import normalised
from groma_ros.train.pictures import NO_OBJECT, PictureStore, jitter
from groma_ros.train.start import start_model

SIDES = (64, 64, 96)
"""Sides of the windows in network pixels; one is drawn for each batch."""


@dataclass(frozen=True)
class Window:
    """A square around one object.

    Attributes:
        rgb: (S, S, 3) uint8. kinds: (G, G) int64, what fills each patch, len(KINDS) for nothing.
        kind, colour: of the object in the middle.
    """

    rgb: np.ndarray
    kinds: np.ndarray
    kind: int
    colour: int


def windows(store: PictureStore, rng: np.random.Generator, count: int, side: int, grid: int):
    """Cut `count` windows of `side` pixels and `grid` patches, each on some object."""
    found: list[Window] = []
    while len(found) < count:
        number = int(rng.integers(len(store)))
        image, objects, cells = store.image(number), store.objects(number), store.cells(number)
        kind_of = np.full(NO_OBJECT + 1, len(KINDS))
        kind_of[: len(objects["kind"])] = objects["kind"]
        for n in rng.permutation(len(objects["kind"]))[: min(6, count - len(found))]:
            place = window_around(objects["box_xyxy"][n], side, rng)
            rgb = jitter(
                np.asarray(image.crop(place).resize((side, side), Image.BICUBIC), np.float32), rng
            )
            kinds = kind_of[cells_in(cells, place, image.size, grid)]
            if rng.random() < 0.5:
                rgb, kinds = rgb[:, ::-1], kinds[:, ::-1]
            found.append(
                Window(
                    rgb.astype(np.uint8), np.ascontiguousarray(kinds),
                    int(objects["kind"][n]), int(objects["colour"][n]),
                )
            )  # fmt: skip
    return found


def window_around(box_xyxy: np.ndarray, side: int, rng) -> tuple[int, int, int, int]:
    """Return a square, pixels of the picture, that the object fills by 20 to 90 %, off centre."""
    longest = float(max(box_xyxy[2:] - box_xyxy[:2]))
    width = max(longest / rng.uniform(0.2, 0.9), 4.0)
    slack = (width - longest) / 2
    centre = (box_xyxy[:2] + box_xyxy[2:]) / 2 + rng.uniform(-0.8, 0.8, 2) * slack
    low = np.round(centre - width / 2).astype(int)
    high = low + max(round(width), 2)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def cells_in(cells: np.ndarray, place, size_wh: tuple[int, int], grid: int) -> np.ndarray:
    """Sample the object map of a picture at the patch centres of a window; outside is nothing."""
    at = (np.arange(grid) + 0.5) / grid
    x = (place[0] + at * (place[2] - place[0])) / size_wh[0]
    y = (place[1] + at * (place[3] - place[1])) / size_wh[1]
    rows, columns = cells.shape
    picked = cells[
        np.ix_((y * rows).astype(int).clip(0, rows - 1), (x * columns).astype(int).clip(0, columns - 1))
    ]
    inside = ((y >= 0) & (y < 1))[:, None] & ((x >= 0) & (x < 1))[None]
    return np.where(inside, picked, NO_OBJECT)


def window_states(vision: VisionEncoder, pixels: Tensor, corner: tuple[int, int]) -> Tensor:
    """Return the mean of the last four hidden states (B, G*G, D) of windows (B, 3, S, S).

    Positions are those of a window at `corner` (row, column) of the full patch grid.
    """
    pixels = pixels if vision.stem is None else vision.stem(pixels)
    patches = vision.embeddings.patch_embeddings.projection(pixels)
    grid = patches.shape[-1]
    table = vision.embeddings.position_embeddings
    full = int((table.shape[1] - 1) ** 0.5)
    row, column = corner
    board = table[:, 1:].unflatten(1, (full, full))[:, row : row + grid, column : column + grid]
    start = (vision.embeddings.cls_token + table[:, :1]).expand(len(patches), -1, -1)
    hidden = torch.cat((start, patches.flatten(2).transpose(1, 2) + board.flatten(1, 2)), dim=1)
    states = []
    for layer in vision.encoder.layer:
        hidden = layer(hidden)
        states.append(hidden)
    return torch.stack(states[-4:]).mean(0)[:, 1:]


def window_losses(vision: VisionEncoder, heads: nn.ModuleDict, batch: list[Window], corner):
    """Name every patch and, from the patches it fills, the object in the middle."""
    features = window_states(vision, normalised(np.stack([w.rgb for w in batch])), corner)
    kinds = torch.from_numpy(np.stack([w.kinds for w in batch])).flatten(1)
    kind = torch.tensor([w.kind for w in batch])
    colour = torch.tensor([w.colour for w in batch])
    weight = torch.ones(len(KINDS) + 1)
    weight[-1] = 0.3
    mine = (kinds == kind[:, None]).float()[..., None]
    pooled = (features * mine).sum(1) / mine.sum(1).clamp(min=1)
    named, painted = heads["kind"](pooled), heads["colour"](pooled)
    losses = {
        "patch": F.cross_entropy(heads["patch"](features).flatten(0, 1), kinds.flatten(), weight),
        "kind": F.cross_entropy(named, kind),
        "colour": 0.5 * F.cross_entropy(painted, colour),
    }
    return losses, {
        "kind_acc": (named.argmax(-1) == kind).float().mean().item(),
        "colour_acc": (painted.argmax(-1) == colour).float().mean().item(),
    }


def train_objects(
    rank: int, pictures: str, vocabulary: int, start: str, checkpoint: str, minutes: float,
    batch: int, lr: float, seed: int,
) -> None:  # fmt: skip
    """Train the vision encoder for `minutes` on windows of the pictures."""
    store = PictureStore(pictures)
    torch.manual_seed(seed)
    model = start_model(vocabulary, start)
    vision, width = model.perceiver.vis_encoder, model.config.vision.hidden_size
    heads = nn.ModuleDict(
        {
            "patch": nn.Linear(width, len(KINDS) + 1),
            "kind": nn.Linear(width, len(KINDS)),
            "colour": nn.Linear(width, len(COLOURS)),
        }
    )
    modules = nn.ModuleDict({"vis_encoder": vision, "heads": heads}).train()
    trainer = Trainer(modules, lr, minutes, Path(checkpoint))
    rng = np.random.default_rng([seed, rank, trainer.steps])
    patch, full = model.config.vision.patch_size, model.config.grid_size
    while trainer.done < 1:
        side = SIDES[int(rng.integers(len(SIDES)))]
        grid = side // patch
        corner = tuple(int(v) for v in rng.integers(0, full - grid + 1, 2))
        chosen = windows(store, rng, batch, side, grid)
        losses, figures = window_losses(vision, heads, chosen, corner)
        trainer.step(losses, batch, figures)
