"""See a picture once, then ground many commands in it.

    predictor = Predictor.from_pretrained("nano")
    perception = predictor.perceive(rgb)
    grounding = predictor.ground(perception, "pick up the red cup")

`perceive` runs everything that doesn't depend on the words and keeps it as a value; `ground` and
`describe` read that value and never change it. A predictor holds no other state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from time import perf_counter

import numpy as np
import torch
from transformers import DynamicCache

from groma_ros.decoding import AnswerGrammar, Cancelled, Step, decode
from groma_ros.groma.generate import fork, prefill
from groma_ros.groma.model import Groma, Percept
from groma_ros.groma.preprocess import to_pixels
from groma_ros.groma.tokenizer import GromaTokenizer
from groma_ros.grounding import boxes as box_math
from groma_ros.grounding import prompts
from groma_ros.grounding.answers import compose, judge, parse_answer
from groma_ros.grounding.commands import check_text, parse_command
from groma_ros.grounding.values import Command, Grounding, Phrase, Status
from groma_ros.loading import choose_device, choose_dtype, model_folder

SAME_BOX_IOU = 0.6
"""A box pointed at is an existing region from this overlap on (the released NMS threshold)."""

WHAT_IS_THIS = "What is this?"
NO_THING = 'the command names no thing to look for; name it, as in "pick up the red cup"'


@dataclass(frozen=True, eq=False)
class Perception:
    """What the model sees in one picture; made by `Predictor.perceive`, read by all the rest.

    image_size_hw  (height, width) of the source image in pixels
    boxes_xyxy     (n, 4) float32 regions, pixels of the source image, best first
    scores         (n,) float32 objectness in [0, 1] from the proposer
    timings_ms     "pixels", "regions", "prefix", and their sum "perceive"
    """

    image_size_hw: tuple[int, int]
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    timings_ms: dict[str, float]
    pixels: torch.Tensor = field(repr=False)
    percept: Percept = field(repr=False)
    prefix: DynamicCache = field(repr=False)


class Predictor:
    """Answer commands about pictures with one Groma model."""

    def __init__(self, model: Groma, tokenizer: GromaTokenizer):
        """Take a model, on its device and in its precision, and its tokenizer."""
        self.model = model.eval()
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = "nano",
        device: str = "auto",
        dtype: str = "auto",
        quantization: str | None = None,
    ) -> Predictor:
        """Load "nano", a folder, or a hub id; see `loading` for what "auto" chooses.

        `quantization` "int8" or "int4" keeps the language model's linear layers in 8 or 4 bits
        (needs torchao: the extra `quantized`). Raises ValueError where the model, the device, the
        precision or the quantization can't be had.
        """
        from groma_ros.groma.weights import load_groma

        chosen = choose_device(device)
        folder = model_folder(model)
        precision = choose_dtype(dtype, chosen, folder)
        groma, tokenizer = load_groma(folder, chosen, precision, quantization=quantization)
        return cls(groma, tokenizer)

    def perceive(self, rgb: np.ndarray) -> Perception:
        """Look at a picture: (H, W, 3) uint8 RGB of any size and aspect.

        Raises ValueError for another dtype or shape, or a picture without pixels.
        """
        check_picture(rgb)
        start = self._now()
        pixels = to_pixels(rgb, self.model.config.image_size, self.model.config.pixels)
        return self._look(pixels, rgb.shape[:2], None, start)

    @torch.inference_mode()
    def _look(
        self,
        pixels: torch.Tensor,
        size_hw: tuple[int, int],
        refer_boxes_xyxy: np.ndarray | None,
        start: float,
    ) -> Perception:
        """Make a Perception of network pixels (3, S, S); referred boxes become regions."""
        refer = None
        if refer_boxes_xyxy is not None:
            refer = [torch.from_numpy(box_math.to_network(refer_boxes_xyxy, size_hw))]
        seen = self._now()
        percept = self.model.perceive(pixels[None].to(self.model.device), refer)[0]
        boxes = box_math.to_source_pixels(percept.boxes_cxcywh_norm.cpu().numpy(), size_hw)
        scores = percept.scores.float().cpu().numpy()
        found = self._now()
        ids = torch.tensor(self.tokenizer.encode(prompts.opening()))
        _, prefix = prefill(self.model, self.model.embed_prompt(ids, percept)[None])
        end = self._now()
        timings = {"pixels": seen - start, "regions": found - seen, "prefix": end - found}
        timings["perceive"] = end - start
        return Perception(tuple(size_hw), boxes, scores, timings, pixels, percept, prefix)

    def ground(
        self,
        perception: Perception,
        command: str,
        max_new_tokens: int = 256,
        cancel: Event | None = None,
    ) -> Grounding:
        """Find what a command speaks of.

        Every phrase of the command is asked for by itself; a question, and what is no command,
        is answered in words. `cancel` is looked at before every token. A score is the
        probability of the region's token, among the tokens allowed where it was said, times the
        region's objectness. Raises ValueError for a command that is empty, too long or no text.
        """
        parsed = parse_command(command)
        start = self._now()
        try:
            if parsed.action == "ask":
                answer = self._chat(perception, command, max_new_tokens, cancel)
            elif not parsed.phrases:
                answer = Grounding(Status.NOT_FOUND, "Nothing to look for.", reason=NO_THING)
            else:
                answer = self._find(perception, parsed, cancel)
        except Cancelled:
            answer = Grounding(Status.CANCELLED, "", reason="the command was withdrawn")
        timings = {**perception.timings_ms, "ground": self._now() - start}
        return replace(answer, action=parsed.action, timings_ms=timings)

    def describe(
        self,
        perception: Perception,
        boxes_xyxy,
        question: str = WHAT_IS_THIS,
        max_new_tokens: int = 64,
        cancel: Event | None = None,
    ) -> Grounding:
        """Answer a question about each of the boxes (n, 4), pixels of the source image.

        "this", "that" or "it" in the question stands for the box. A box that overlaps a region by
        IoU 0.6 is that region; others are looked at anew. The answers follow each other in the
        text, one phrase each; a score is the geometric mean probability of the answer's tokens.
        Raises ValueError for boxes that are empty or outside, and as `ground` does.
        """
        question = check_text(question or WHAT_IS_THIS)
        boxes = box_math.check_user_boxes(boxes_xyxy, perception.image_size_hw)
        start = self._now()
        text, phrases = "", []
        try:
            seen, regions = self._regions_of(perception, boxes)
            for box, region in zip(boxes, regions, strict=True):
                said, score = self._describe_one(seen, region, question, max_new_tokens, cancel)
                text += " " if text and said else ""
                span = (len(text), len(text) + len(said.rstrip(". ")))
                text += said
                phrases.append(Phrase(text[slice(*span)], span, [box], [score]))
            status, reason = Status.GROUNDED, ""
        except Cancelled:
            status, reason, text, phrases = Status.CANCELLED, "the question was withdrawn", "", []
        timings = {**perception.timings_ms, "ground": self._now() - start}
        return Grounding(status, text, tuple(phrases), "describe", timings, reason)

    def _find(self, perception: Perception, command: Command, cancel: Event | None) -> Grounding:
        found = [self._locate(perception, p.text, p.plural, cancel) for p in command.phrases]
        counts = [len(scores) for _, scores in found]
        status, reason = judge(command.phrases, counts)
        text, spans = compose(command, counts)
        phrases = tuple(
            Phrase(asked.text, span, boxes, scores, asked.role)
            for asked, span, (boxes, scores) in zip(command.phrases, spans, found, strict=True)
        )
        return Grounding(status, text, phrases, reason=reason)

    def _locate(
        self, perception: Perception, phrase: str, plural: bool, cancel: Event | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (n, 4) and scores (n,) of what fits a phrase, best first."""
        form = prompts.locate_all if plural else prompts.locate
        steps = self._say(perception, form(self._cased(phrase)), True, len(perception.scores) + 1,
                          cancel)
        chances = self._chances(steps)
        return self._boxes(perception, chances, chances)

    def _chat(
        self, perception: Perception, question: str, max_new_tokens: int, cancel: Event | None
    ) -> Grounding:
        query = prompts.chat(self._cased(question))
        steps = list(self._say(perception, query, False, max_new_tokens, cancel))
        chances = self._chances(steps)
        marked = self.tokenizer.decode([s.token_id for s in steps])
        text, mentions = parse_answer(marked, len(perception.scores))
        phrases = tuple(
            Phrase(m.text, m.span, *self._boxes(perception, m.regions, chances), "mention")
            for m in mentions
        )
        reasons = []
        if not any(len(p.scores) for p in phrases):
            reasons.append("the answer points at nothing in the picture")
        if not steps or steps[-1].token_id != self.tokenizer.eos_id:
            reasons.append(f"the answer was cut after {len(steps)} tokens")
        pointed = any(len(p.scores) for p in phrases)
        status = Status.GROUNDED if pointed else Status.NOT_FOUND
        return Grounding(status, text, phrases, reason="; ".join(reasons))

    def _describe_one(
        self, seen: Perception, region: int, question: str, limit: int, cancel: Event | None
    ) -> tuple[str, float]:
        query = prompts.refer(self._cased(question))
        steps = list(self._say(seen, query, False, limit, cancel, region))
        text, _ = parse_answer(self.tokenizer.decode([s.token_id for s in steps]), len(seen.scores))
        score = np.exp(np.mean(np.log([max(s.probability, 1e-9) for s in steps])))
        return text, float(score)

    def _regions_of(
        self, perception: Perception, boxes_xyxy: np.ndarray
    ) -> tuple[Perception, list[int]]:
        """Return the regions of boxes, in a new Perception where one of them is no region yet."""
        overlap = box_math.iou(boxes_xyxy, perception.boxes_xyxy)
        if (overlap.max(axis=1) >= SAME_BOX_IOU).all():
            return perception, overlap.argmax(axis=1).tolist()
        size_hw = perception.image_size_hw
        seen = self._look(perception.pixels, size_hw, boxes_xyxy, self._now())
        return seen, seen.percept.refer_indices.tolist()

    def _say(
        self,
        perception: Perception,
        query: str,
        pointing: bool,
        max_new_tokens: int,
        cancel: Event | None,
        region: int | None = None,
    ) -> Iterator[Step]:
        """Yield the answer to a query token by token; `region` is the box it refers to."""
        model, tokenizer = self.model, self.tokenizer
        ids = tokenizer.encode(prompts.turn(query), add_bos=False)
        ids += [tokenizer.token_id("<roi>")] if pointing else []
        read = perception.prefix.get_seq_length() + len(ids)
        room = model.config.language.max_position_embeddings - read
        if room < max_new_tokens and room < 16:
            raise ValueError(
                f"picture and question take {read} tokens of the model's "
                f"{model.config.language.max_position_embeddings}; ask something shorter"
            )
        asked = torch.tensor(ids, device=model.device)
        percept = perception.percept
        if region is not None:
            pointed = torch.tensor([region], device=model.device)
            percept = replace(percept, refer_indices=pointed)
            asked = model.point(asked, model.ids.refer_box, pointed)
        with torch.inference_mode():
            embeds = model.embed_expanded(asked, percept)[None]
        grammar = AnswerGrammar(tokenizer, len(perception.scores), pointing, model.device)
        cache = fork(perception.prefix)
        return decode(model, embeds, cache, grammar, min(max_new_tokens, room), cancel)

    def _chances(self, steps) -> dict[int, float]:
        """Return the greatest probability with which each region was said."""
        chances: dict[int, float] = {}
        for step in steps:
            region = self.tokenizer.region_index(step.token_id)
            if region is not None:
                chances[region] = max(step.probability, chances.get(region, 0.0))
        return chances

    def _boxes(
        self, perception: Perception, regions, chances: dict[int, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes and scores of some regions, best first."""
        scored = [(chances[r] * float(perception.scores[r]), r) for r in regions]
        scored.sort(key=lambda pair: (-pair[0], pair[1]))
        boxes = perception.boxes_xyxy[[r for _, r in scored]]
        return boxes, np.array([score for score, _ in scored], dtype=np.float32)

    def _cased(self, text: str) -> str:
        return text.lower() if self.model.config.lowercase else text

    def _now(self) -> float:
        """Return milliseconds on a steady clock, once the GPU has caught up."""
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)
        return perf_counter() * 1e3


def check_picture(rgb: np.ndarray) -> None:
    """Raise ValueError unless `rgb` is a non-empty (H, W, 3) uint8 array."""
    if not isinstance(rgb, np.ndarray):
        raise ValueError(  # noqa: TRY004
            f"a picture is a numpy array (H, W, 3) uint8 RGB, not {type(rgb).__name__}"
        )
    if rgb.dtype != np.uint8:
        raise ValueError(f"the picture has dtype {rgb.dtype}; give uint8 with values 0 to 255")
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"the picture has shape {rgb.shape}; give (height, width, 3) RGB")
    if 0 in rgb.shape:
        raise ValueError(f"the picture is {rgb.shape[1]}x{rgb.shape[0]} pixels; it has none")
