"""Run the model on a golden case and name every intermediate tensor as the golden files do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from groma_ros.encoding.special_tokens import NEW_TOKENS
from groma_ros.inference.decode import greedy, prefill
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma, Percept, Selection
from groma_ros.model.language_model import causal_mask
from groma_ros.model.prompt_expansion import IGNORE_LABEL
from groma_ros.model.region_encoder import resize
from groma_ros.model.region_selection import non_maximum_suppression
from groma_ros.model.torch_boxes import cxcywh_to_xyxy
from groma_ros.model.vision_encoder import drop_class_token, merge_2x2
from groma_ros.verify.parity import rule


@dataclass(frozen=True)
class Case:
    """Hold one golden case: pictures, prompts, and boxes for each row of the batch.

    images        tags of drawn pictures (see `rule.draw_image`)
    input_ids     the prompt of each picture
    refer_boxes   boxes (cx, cy, w, h) in [0, 1] that each prompt points at
    ground_boxes  true boxes of a training case, likewise
    override      thresholds of `GromaConfig` that differ in this case
    train         whether labels and a loss are compared too
    """

    name: str
    images: list[str]
    input_ids: list[list[int]]
    refer_boxes: list[list[list[float]]] | None
    ground_boxes: list[list[list[float]]] | None
    override: dict[str, Any]
    train: bool

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Case:
        """Read a case of a golden JSON file."""
        return cls(
            name=data["id"],
            images=data["images"],
            input_ids=data["input_ids"],
            refer_boxes=data.get("refer_boxes"),
            ground_boxes=data.get("ground_boxes"),
            override=data.get("override", {}),
            train=data.get("train", False),
        )


def build(golden: dict[str, Any]) -> Groma:
    """Build the float32 model of a golden JSON file with drawn weights.

    Raises ValueError where the file has other added tokens than this code.
    """
    if golden["new_tokens"] != list(NEW_TOKENS):
        raise ValueError("new_tokens differ from the tokens that Groma adds")
    model = Groma.empty(golden_config(golden["config"]))
    model.load_state_dict(rule.state_dict(model, golden["weight_seed"]), assign=True)
    return model.eval()


def golden_config(sizes: dict[str, Any]) -> GromaConfig:
    """Translate the sizes of a golden file; two stages and box refinement are the default."""
    ddetr = {"two_stage": True, "with_box_refine": True} | sizes["ddetr"]
    return GromaConfig.from_dict(
        {
            "llm_cfg": sizes["llm"],
            "perceiver_cfg": {
                "vis_encoder_cfg": sizes["vision"],
                "ddetr_cfg": ddetr,
                "vis_output_layer": sizes["vis_output_layer"],
            },
            "num_new_token": len(NEW_TOKENS),
            **sizes["groma"],
        }
    )


@torch.no_grad()
def trace(model: Groma, case: Case, steps: int, labels_after: np.ndarray | None) -> dict[str, Any]:
    """Return every stage of a case, mostly tensors, by the name in the golden files.

    `steps` tokens are generated. For a training case `labels_after` (B, L) says which positions
    have a label. Raises ValueError for a training case without it.
    """
    model = model.with_settings(**case.override)
    pixels = torch.stack([torch.from_numpy(rule.draw_image(tag)) for tag in case.images])
    states = model.perceiver.hidden_states(pixels)
    stages: dict[str, Any] = {"pixels": pixels, "dino.embeddings": states[0]}
    stages |= {f"dino.h-{i}": states[-i] for i in range(1, 5)}
    selections = list(_perceiver_stages(model, states, case, stages))
    percepts = _region_stages(model, states, selections, stages)
    merged = merge_2x2(drop_class_token(states[model.config.vis_output_layer]))
    stages |= {
        "img.merged2x2": merged,
        "img.tokens": torch.stack([percept.image_tokens for percept in percepts]),
    }
    rows = [torch.tensor(row) for row in case.input_ids]
    _language_stages(model, rows, percepts, stages)
    if case.train:
        _training_stages(model, rows, percepts, labels_after, stages)
    else:
        stages["gen_prefix_ids"] = pad_sequence(
            [model.point_at(row, p) for row, p in zip(rows, percepts, strict=True)],
            batch_first=True,
            padding_value=model.ids.pad,
        )
        generate = _generate_alone if len(rows) == 1 else _generate_padded
        stages["gen_ids"], stages["scores"] = generate(model, stages, steps)
    return stages


@torch.no_grad()
def batch_rows(model: Groma, case: Case, steps: int) -> list[dict[str, Any]]:
    """Perceive the whole batch at once, answer each row, and return its stages by name."""
    model = model.with_settings(**case.override)
    pixels = torch.stack([torch.from_numpy(rule.draw_image(tag)) for tag in case.images])
    percepts = model.perceive(pixels, _boxes(case.refer_boxes))
    rows = [torch.tensor(row) for row in case.input_ids]
    return [_answer(model, row, p, steps) for row, p in zip(rows, percepts, strict=True)]


def _answer(model: Groma, row: Tensor, percept: Percept, steps: int) -> dict[str, Any]:
    expanded = model.expand_prompt(row, percept)
    hidden, cache = prefill(model, model.embed_expanded(expanded, percept)[None])
    first = model.logits(hidden)
    tokens = [token for token, _ in greedy(model, hidden, cache, max_new_tokens=steps)]
    return {
        "box.selected0": percept.boxes_cxcywh_norm,
        "llm.input_ids": expanded[None],
        "llm.first_logits": first,
        "gen_ids": torch.tensor([tokens]),
    }


def _boxes(rows: list[list[list[float]]] | None) -> list[Tensor] | None:
    """Return the boxes of each picture as (k, 4) float32."""
    if rows is None:
        return None
    return [torch.tensor(row, dtype=torch.float32).reshape(-1, 4) for row in rows]


def _perceiver_stages(
    model: Groma, states: tuple[Tensor, ...], case: Case, stages: dict[str, Any]
) -> Iterator[Selection]:
    """Add the stages of the proposer, and yield the selection of each picture."""
    out = model.perceiver.propose(states)
    mean = torch.stack(states[-4:]).mean(0)[:, 1:]
    stages |= {"ddetr.input_mean4": mean, "box.fused": out.scores}
    stages |= {f"ddetr.src{i}": source for i, source in enumerate(out.sources)}
    for name in (
        "enc_out",
        "enc_class",
        "enc_coord_logits",
        "topk_idx",
        "init_reference",
        "dec_hidden",
        "dec_reference",
        "pred_boxes",
        "logits_coco",
        "logits_sa1b",
    ):
        stages[f"ddetr.{name}"] = getattr(out, name)
    config = model.config
    chosen = model.select(out, _boxes(case.refer_boxes), _boxes(case.ground_boxes))
    for i, selection in enumerate(chosen):
        corners = cxcywh_to_xyxy(selection.candidates_cxcywh_norm)
        stages[f"box.nms_scores{i}"] = selection.candidate_scores
        stages[f"box.nms_xyxy{i}"] = corners
        stages[f"box.nms_inds{i}"] = non_maximum_suppression(
            corners,
            selection.candidate_scores,
            config.nms_thres,
            config.box_score_thres,
            config.max_region_num,
        )
        stages[f"box.selected{i}"] = selection.boxes_cxcywh_norm
        yield selection


def _region_stages(
    model: Groma,
    states: tuple[Tensor, ...],
    selections: list[Selection],
    stages: dict[str, Any],
) -> list[Percept]:
    """Add the stages of the region encoder, and return what is known of each picture."""
    encoder = model.region_encoder
    levels = states[-len(encoder.map_sides) :]
    boxes = [selection.boxes_cxcywh_norm for selection in selections]
    maps = encoder.feature_maps(levels)
    cuts = encoder.cut(maps, boxes)
    tokens = encoder.describe(cuts, boxes)
    for i, (state, side) in enumerate(zip(levels, encoder.map_sides, strict=True)):
        feature = drop_class_token(state).permute(0, 3, 1, 2)
        stages[f"region.resized{i}"] = resize(feature, (side, side))
        stages[f"region.fused{i}"] = maps[i]
        stages[f"region.roi{i}"] = cuts[i]
    stages |= {f"region.features{i}": feature for i, feature in enumerate(tokens)}
    return model.percepts(model.image_tokens(states), tokens, selections)


def _language_stages(
    model: Groma, rows: list[Tensor], percepts: list[Percept], stages: dict[str, Any]
) -> None:
    """Add the stages of the language model, run on a batch with pads on the right.

    The official code reads a batch like this; this code never does.
    """
    expanded = [model.expand_prompt(row, p) for row, p in zip(rows, percepts, strict=True)]
    embeds = [model.embed_expanded(ids, p) for ids, p in zip(expanded, percepts, strict=True)]
    ids = pad_sequence(expanded, batch_first=True, padding_value=model.ids.pad)
    mask = ids != model.ids.pad
    padded = model.embed_ids(ids)
    for i, row in enumerate(embeds):
        padded[i, : len(row)] = row
    hidden = model.llm.model(padded, mask=_without_pads(mask)).hidden
    logits = model.logits(hidden)
    stages |= {
        "llm.input_ids": ids,
        "llm.attention_mask": mask.long(),
        "llm.inputs_embeds": padded,
        "llm.last_hidden": hidden,
        "llm.logits": logits,
        "llm.first_logits": logits[:, -1],
    }


def _generate_alone(model: Groma, stages: dict[str, Any], steps: int) -> tuple[Tensor, Tensor]:
    """Decode one row by the greedy loop of inference, and keep the logits of every step."""
    hidden, cache = prefill(model, stages["llm.inputs_embeds"])
    tokens, scores = [], []
    for _ in range(steps):
        scores.append(model.logits(hidden))
        decoded = greedy(model, hidden, cache, max_new_tokens=2)
        tokens.append(next(decoded)[0])
        hidden, cache = prefill(model, model.embed_ids(torch.tensor([[tokens[-1]]])), cache)
    return torch.tensor([tokens]), torch.stack(scores, dim=1)


def _generate_padded(model: Groma, stages: dict[str, Any], steps: int) -> tuple[Tensor, Tensor]:
    """Decode a batch as the official code does: from the last position, which may be a pad.

    After the first step its attention mask is all ones, so that pads are attended to; a row that
    has ended continues with pads. Inference never does this, but the golden files of batches do.
    """
    mask = _without_pads(stages["llm.attention_mask"].bool())
    hidden, cache, _ = model.llm.model(stages["llm.inputs_embeds"], mask=mask)
    hidden = hidden[:, -1]
    ended = torch.zeros(len(hidden), dtype=torch.bool)
    tokens, scores = [], []
    for _ in range(steps):
        scores.append(model.logits(hidden))
        chosen = scores[-1].argmax(-1).masked_fill(ended, model.ids.pad)
        ended = ended | (chosen == model.config.language.eos_token_id)
        tokens.append(chosen)
        hidden = model.llm.model(model.embed_ids(chosen[:, None]), cache).hidden[:, -1]
    return torch.stack(tokens, dim=1), torch.stack(scores, dim=1)


def _without_pads(kept: Tensor) -> Tensor:
    """Return (B, 1, L, L) bool: each position sees its past as far as `kept` (B, L) is true."""
    return causal_mask(kept.shape[1], 0, kept.device) & kept[:, None, None]


def _training_stages(
    model: Groma,
    rows: list[Tensor],
    percepts: list[Percept],
    labels_after: np.ndarray | None,
    stages: dict[str, Any],
) -> None:
    """Add the labels after pointing, and the loss."""
    if labels_after is None:
        raise ValueError("a training case needs its labels_after")
    known = torch.from_numpy(labels_after.astype(np.int64)) != IGNORE_LABEL
    labels = []
    for i, (row, percept) in enumerate(zip(rows, percepts, strict=True)):
        pointed = model.point(row, model.ids.ground_box, percept.ground_indices)
        labels.append(pointed.masked_fill(~known[i, : len(row)], IGNORE_LABEL))
    stages["labels_after"] = pad_sequence(labels, batch_first=True, padding_value=IGNORE_LABEL)
    stages["loss"] = model.loss(rows, labels, percepts)[None]
