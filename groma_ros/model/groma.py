"""Groma: vision encoder, region proposer, region encoder and language model put together.

Source: groma/model/groma.py of the official code. Unlike there, regions keep their order, token
ids are never edited in place, and every row of a batch is handled as if it were alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from groma_ros.encoding.special_tokens import SpecialIds
from groma_ros.model.config import GromaConfig
from groma_ros.model.language_model import Llama
from groma_ros.model.naming import NamingHead
from groma_ros.model.prompt_expansion import IGNORE_LABEL, expand_ids, expand_labels
from groma_ros.model.region_encoder import RegionEncoder, name_evidence
from groma_ros.model.region_proposer import Proposer, ProposerOutput, input_projections
from groma_ros.model.region_selection import GROUND_SCORE, REFER_SCORE, best_match, select_regions
from groma_ros.model.vision_encoder import VisionEncoder, drop_class_token, merge_2x2
from groma_ros.speed.cuda_graph import RecordedFunction
from groma_ros.speed.openvino_graph import OpenVinoFunction

CHANGEABLE = ("nms_thres", "box_score_thres", "max_region_num", "pointing", "pixels")
"""What may differ between two models of the same weights."""


@dataclass(frozen=True)
class Percept:
    """What Groma knows of one picture before any question.

    `boxes_cxcywh_norm` (n, 4) and `scores` (n,) are float32, in order of selection;
    `image_tokens` (T, D) and `region_tokens` (n, D) are inputs of the language model;
    `refer_indices` (k,) and `ground_indices` give the region of each box that was pointed at.
    """

    boxes_cxcywh_norm: Tensor
    scores: Tensor
    image_tokens: Tensor
    region_tokens: Tensor
    refer_indices: Tensor
    ground_indices: Tensor


@dataclass(frozen=True)
class Selection:
    """The regions chosen in one picture, with the candidates they were chosen from."""

    candidates_cxcywh_norm: Tensor
    candidate_scores: Tensor
    indices: Tensor
    refer_indices: Tensor
    ground_indices: Tensor

    @property
    def boxes_cxcywh_norm(self) -> Tensor:
        """Chosen boxes (n, 4)."""
        return self.candidates_cxcywh_norm[self.indices]

    @property
    def scores(self) -> Tensor:
        """Scores (n,) of the chosen boxes."""
        return self.candidate_scores[self.indices]


class Seen(NamedTuple):
    """What the vision encoder makes of pictures.

    states  the embeddings and the output of each layer, (B, 1 + N, D) each
    names   (B, K, G, G) what each cell may show, of a model with a naming head; else None
    """

    states: tuple[Tensor, ...]
    names: Tensor | None = None


class Proposals(NamedTuple):
    """What regions are chosen from: boxes (B, Q, 4) as (cx, cy, w, h) normalised, scores (B, Q)."""

    pred_boxes: Tensor
    scores: Tensor


class Perceiver(nn.Module):
    """Vision encoder, naming head where there is one, and region proposer."""

    def __init__(self, config: GromaConfig) -> None:
        super().__init__()
        self.vis_encoder = VisionEncoder(config)
        self.naming = NamingHead(config.stem.out_channels, config.naming) if config.naming else None
        self.ddetr_transformer = Proposer(config.proposer)
        self.input_proj = input_projections(config.vision.hidden_size, config.proposer)

    def hidden_states(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Encode pixels (B, 3, S, S); see `VisionEncoder.hidden_states`."""
        return self.vis_encoder.hidden_states(pixels)

    def see(self, pixels: Tensor) -> Seen:
        """Encode pixels (B, 3, S, S), and name what their cells may show."""
        if self.naming is None:
            return Seen(self.hidden_states(pixels))
        return self.see_levels(self.vis_encoder.stem.levels(pixels))

    def see_levels(self, levels: Sequence[Tensor]) -> Seen:
        """Encode what a stem with a detector gives, its `levels`; else as `see`."""
        features = self.vis_encoder.stem.joined(levels)
        states = self.vis_encoder.encode(features)
        named = None if self.naming is None else self.naming.shares(features, levels[1:])
        return Seen(states, named)

    def propose(self, states: Sequence[Tensor]) -> ProposerOutput:
        """Propose boxes from the mean of the last four hidden states."""
        mean = torch.stack(list(states[-4:])).mean(0)
        features = drop_class_token(mean).permute(0, 3, 1, 2).contiguous()
        return self.ddetr_transformer([project(features) for project in self.input_proj])

    def forward(self, pixels: Tensor) -> tuple[Seen, ProposerOutput]:
        """See pixels (B, 3, S, S) and propose boxes; the same kernels for every picture."""
        seen = self.see(pixels)
        return seen, self.propose(seen.states)


class _PerceiverOutputs(nn.Module):
    """A perceiver's outputs as a flat tuple: names where there are any, boxes, scores, states."""

    def __init__(self, perceiver: Perceiver) -> None:
        super().__init__()
        self.perceiver = perceiver

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        seen, proposed = self.perceiver(pixels)
        named = () if seen.names is None else (seen.names,)
        return (*named, proposed.pred_boxes, proposed.scores, *seen.states)


class _WithoutInitialisation(TorchFunctionMode):
    """Leave `torch.nn.init` out: on the meta device it changes nothing and imports the compiler."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Call a function of torch, or return the tensor that it would have filled."""
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


class Groma(nn.Module):
    """The whole model; its state dict has the names of the released checkpoint."""

    def __init__(self, config: GromaConfig, attention: str = "sdpa") -> None:
        super().__init__()
        self.config = config
        self.ids = SpecialIds.after(config.language.vocab_size)
        width, text = config.vision.hidden_size, config.language.hidden_size
        self.perceiver = Perceiver(config)
        self.llm = Llama(config.language, attention)
        self.img_txt_bridge = nn.Sequential(
            nn.Linear(4 * width, text), nn.GELU(), nn.Linear(text, text)
        )
        self.region_encoder = RegionEncoder(config)
        self.extra_lm_head = nn.Linear(text, config.num_new_token, bias=False)
        self.new_input_embs = nn.Embedding(config.num_new_token, text)
        self._fast_perceiver: Callable[[Tensor], tuple[Seen, Proposals]] | None = None

    @classmethod
    def empty(cls, config: GromaConfig, attention: str = "sdpa") -> Groma:
        """Build a model on the meta device: names and shapes without values, in no time."""
        with torch.device("meta"), _WithoutInitialisation():
            return cls(config, attention).requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return self.new_input_embs.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the model's own computation."""
        return self.img_txt_bridge[0].weight.dtype

    @torch.no_grad()
    def perceive(
        self, pixels: Tensor, refer_boxes_cxcywh_norm: Sequence[Tensor] | None = None
    ) -> list[Percept]:
        """Find and encode the regions of each picture (B, 3, S, S).

        `refer_boxes_cxcywh_norm` holds the boxes (k, 4) somebody points at, one tensor a
        picture. Raises ValueError where pixels are not of the configured size.
        """
        side = self.config.image_size
        if pixels.dim() != 4 or pixels.shape[-2:] != (side, side):
            raise ValueError(f"pixels have shape {tuple(pixels.shape)}, not (B, 3, {side}, {side})")
        see = self._fast_perceiver or self.perceiver
        seen, proposed = see(pixels.to(self.device, self.dtype))
        return self.encode(seen, self.select(proposed, refer_boxes_cxcywh_norm))

    def use_cuda_graphs(self) -> None:
        """Let `perceive` replay vision encoder and proposer; see `cuda_graphs`."""
        self._fast_perceiver = RecordedFunction(
            self.perceiver, lambda result: [result[0].states[-1], result[1].pred_boxes]
        )

    def use_openvino(self, backend: str) -> None:
        """Let `perceive` run vision encoder, naming head and proposer as one OpenVINO graph.

        `backend` is "openvino", or "openvino_bf16" for products in bfloat16. Raises ValueError
        where it is not installed, the model is not in float32 on the CPU, or the graph computes
        something else.
        """
        if self.device.type != "cpu" or self.dtype != torch.float32:
            raise ValueError(
                f"backend {backend} takes a float32 model on the CPU, not {self.dtype} on "
                f"{self.device}; set device cpu and dtype float32"
            )
        side = self.config.image_size
        patches = torch.randn((1, 3, 6, 6), generator=torch.Generator().manual_seed(0))
        example = F.interpolate(patches, (side, side), mode="bicubic")  # as smooth as a picture
        graph = OpenVinoFunction(_PerceiverOutputs(self.perceiver), example, backend)
        named = self.perceiver.naming is not None

        def see(pixels: Tensor) -> tuple[Seen, Proposals]:
            outputs = graph(pixels)
            names = outputs[0] if named else None
            boxes, scores, *states = outputs[named:]
            return Seen(tuple(states), names), Proposals(boxes, scores)

        self._fast_perceiver = see

    def with_settings(self, **changes: Any) -> Groma:
        """Return a model that shares these weights and differs in its `config`.

        `changes` are fields of `GromaConfig` that no weight depends on (`CHANGEABLE`). Raises
        ValueError for any other. This model keeps its own config.
        """
        fixed = sorted(changes.keys() - set(CHANGEABLE))
        if fixed:
            raise ValueError(
                f"weights depend on {fixed[0]}; only {', '.join(CHANGEABLE)} may differ"
            )
        other = copy.copy(self)
        other.config = replace(self.config, **changes)
        return other

    def select(
        self,
        proposed: ProposerOutput | Proposals,
        refer_boxes: Sequence[Tensor] | None = None,
        ground_boxes: Sequence[Tensor] | None = None,
    ) -> list[Selection]:
        """Choose the regions of each picture among predicted, referred and ground-truth boxes.

        `proposed` is of B pictures; `refer_boxes` and `ground_boxes` are [(n, 4)] a picture, centre
        and size as fractions of it. Returns B selections of at most `max_region_num` regions.
        """
        boxes, scores = proposed.pred_boxes.float(), proposed.scores
        empty = boxes.new_zeros((0, 4))
        selections = []
        for i in range(len(boxes)):
            refer = refer_boxes[i].to(boxes) if refer_boxes is not None else empty
            ground = ground_boxes[i].to(boxes) if ground_boxes is not None else empty
            selections.append(self._select_one(boxes[i], scores[i], refer, ground))
        return selections

    def _select_one(
        self, boxes: Tensor, scores: Tensor, refer: Tensor, ground: Tensor
    ) -> Selection:
        candidates = torch.cat((boxes, refer, ground))
        scores = torch.cat(
            (
                scores,
                scores.new_full((len(refer),), REFER_SCORE),
                scores.new_full((len(ground),), GROUND_SCORE),
            )
        )
        config = self.config
        indices = select_regions(
            candidates, scores, config.nms_thres, config.box_score_thres, config.max_region_num
        )
        chosen = candidates[indices]
        return Selection(
            candidates_cxcywh_norm=candidates,
            candidate_scores=scores,
            indices=indices,
            refer_indices=best_match(refer, chosen),
            ground_indices=best_match(ground, chosen),
        )

    def encode(self, seen: Seen, selections: Sequence[Selection]) -> list[Percept]:
        """Make image tokens and region tokens for the chosen regions of each of B pictures.

        Returns B percepts with image tokens (N / 4, D_llm) and region tokens (n, D_llm).
        """
        levels = len(self.config.region_encoder.level_scales)
        boxes = [selection.boxes_cxcywh_norm for selection in selections]
        evidence = None
        if seen.names is not None:
            scores = torch.cat([selection.scores for selection in selections])
            evidence = name_evidence(seen.names, boxes, scores)
        region_tokens = self.region_encoder(seen.states[-levels:], boxes, evidence)
        return self.percepts(self.image_tokens(seen.states), region_tokens, selections)

    def percepts(
        self,
        image_tokens: Tensor,
        region_tokens: Sequence[Tensor],
        selections: Sequence[Selection],
    ) -> list[Percept]:
        """Put together what is known of each picture: tokens (B, T, D) and [(n, D)]."""
        return [
            Percept(
                boxes_cxcywh_norm=selection.boxes_cxcywh_norm,
                scores=selection.scores,
                image_tokens=image_tokens[i],
                region_tokens=region_tokens[i],
                refer_indices=selection.refer_indices,
                ground_indices=selection.ground_indices,
            )
            for i, selection in enumerate(selections)
        ]

    def image_tokens(self, states: Sequence[Tensor]) -> Tensor:
        """Return the picture's own tokens (B, T, D), one for each 2x2 square of patches."""
        state = states[self.config.vis_output_layer]
        return self.img_txt_bridge(merge_2x2(drop_class_token(state)))

    def expand_prompt(self, input_ids: Tensor, percept: Percept) -> Tensor:
        """Return the ids (L',) of a prompt (L,) with the places of its visual tokens.

        `<refer_box>` becomes the region token of the box pointed at. `input_ids` is not
        edited. Ids live on the host, where they are made and looked at.
        """
        pointed = self.point_at(input_ids.cpu(), percept)
        return expand_ids(pointed, self.ids, len(percept.image_tokens), len(percept.region_tokens))

    def point_at(self, input_ids: Tensor, percept: Percept) -> Tensor:
        """Replace `<refer_box>` and `<ground_box>` in (L,) ids by their region tokens."""
        input_ids = self.point(input_ids, self.ids.refer_box, percept.refer_indices)
        return self.point(input_ids, self.ids.ground_box, percept.ground_indices)

    def point(self, input_ids: Tensor, token: int, indices: Tensor) -> Tensor:
        """Replace the k-th `token` in (L,) ids by the region token of `indices[k]`.

        `indices` (k,) count the picture's regions. Raises ValueError where there are fewer of them
        than of the token.
        """
        places = (input_ids == token).nonzero().flatten()
        if len(places) > len(indices):
            raise ValueError(f"the prompt points {len(places)} times, at {len(indices)} boxes")
        if not len(places):
            return input_ids
        regions = self.ids.first_region + indices[: len(places)]
        return input_ids.index_copy(0, places, regions.to(input_ids))

    def embed_prompt(self, input_ids: Tensor, percept: Percept) -> Tensor:
        """Embed a prompt (L,) with the picture in it as (L', D)."""
        return self.embed_expanded(self.expand_prompt(input_ids, percept), percept)

    def embed_expanded(self, expanded: Tensor, percept: Percept) -> Tensor:
        """Embed ids (L,) from `expand_prompt` as (L, D_llm), with visual tokens at their places.

        Raises ValueError where the ids have more places than the percept has tokens. Nothing waits
        for the device while the ids are on the host.
        """
        embeds = self.embed_ids(expanded)
        for token, values in (
            (self.ids.image, percept.image_tokens),
            (self.ids.region, percept.region_tokens),
            (self.ids.refer_feat, percept.region_tokens[percept.refer_indices]),
        ):
            places = (expanded == token).nonzero().flatten()
            if len(places) > len(values):
                raise ValueError(
                    f"the prompt has {len(places)} places for {len(values)} visual tokens"
                )
            if len(places):
                values = values[: len(places)].to(embeds.dtype)
                embeds = embeds.index_copy(0, places.to(self.device), values)
        return embeds

    def embed_ids(self, ids: Tensor) -> Tensor:
        """Look up embeddings (..., D) of ids (...), added tokens included."""
        table, ids = self.llm.model.embed_tokens, ids.to(self.device)
        added = ids >= table.num_embeddings
        known = table(ids.masked_fill(added, 0))
        new = self.new_input_embs((ids - table.num_embeddings).clamp(min=0))
        return torch.where(added[..., None], new, known)

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every token id, the added ones last: (..., D) to (..., vocab_size)."""
        return torch.cat((self.llm.lm_head(hidden), self.extra_lm_head(hidden)), dim=-1)

    def added_logits(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Score some of the added tokens only, in float32: (..., D) and (k,) to (..., k)."""
        rows = self.extra_lm_head.weight[ids - self.llm.lm_head.out_features]
        return F.linear(hidden.float(), rows.float())

    def loss(
        self, input_ids: Sequence[Tensor], labels: Sequence[Tensor], percepts: Sequence[Percept]
    ) -> Tensor:
        """Return the mean cross-entropy of the next token over all labelled positions.

        `input_ids` and `labels` are one (L,) tensor a row, of equal length; a label of -100
        does not count. Each row is read by itself, so batching changes nothing.
        """
        total, count = [], 0
        for row, target, percept in zip(input_ids, labels, percepts, strict=True):
            expanded = self.expand_prompt(row, percept)
            sizes = len(percept.image_tokens), len(percept.region_tokens)
            aligned = expand_labels(target.cpu(), row.cpu(), self.ids, *sizes)
            count += int((aligned[1:] != IGNORE_LABEL).sum())
            read = self.llm.model(self.embed_expanded(expanded, percept)[None])
            logits = self.logits(read.hidden[0, :-1]).float()
            aligned = aligned[1:].to(self.device)
            total.append(F.cross_entropy(logits, aligned, reduction="sum"))
        return torch.stack(total).sum() / count
