"""See a picture once, then ground many commands in it.

    predictor = Predictor.from_pretrained("nano")
    perception = predictor.perceive(rgb)
    grounding = predictor.ground(perception, "pick up the red cup")

`perceive` runs everything that doesn't depend on the words and keeps it as a value; all the rest
reads that value and never changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from threading import Event

import numpy as np
import torch
from numpy.typing import ArrayLike

from groma_ros.checkpoint.locate import model_folder
from groma_ros.encoding import prompts
from groma_ros.encoding.pixels import to_pixels
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.inference.answer import answer_commands, stream_answer
from groma_ros.inference.answer_context import AnswerContext
from groma_ros.inference.answer_grammar import Cancelled, RegionTokens
from groma_ros.inference.decode import prefill
from groma_ros.inference.device import choose_device, choose_dtype
from groma_ros.inference.dialogue import Dialogue
from groma_ros.inference.fixed_decoder import FixedDecoder
from groma_ros.inference.perception import Perception, check_picture, now_ms
from groma_ros.inference.pointing_answer import ask_phrases
from groma_ros.inference.region_choice import background_regions, outside_regions
from groma_ros.inference.spoken_answer import describe_region
from groma_ros.language.command_modes import parse_in_mode
from groma_ros.language.command_parser import check_text
from groma_ros.model.groma import Groma, Percept
from groma_ros.speed.kv_cache import KeyValueCache
from groma_ros.values import boxes as box_math
from groma_ros.values.answers import AnswerEvent, Grounding, Phrase, Status
from groma_ros.values.commands import Command, CommandPhrase
from groma_ros.values.precision import TORCH

SAME_BOX_IOU = 0.6
"""A box pointed at is an existing region from this overlap on (the released NMS threshold)."""


class Predictor:
    """Answer commands about pictures with one Groma model."""

    def __init__(
        self, model: Groma, tokenizer: GromaTokenizer, fixed_decoder: FixedDecoder | None = None
    ) -> None:
        """Take a model, on its device and in its precision, and its tokenizer.

        `fixed_decoder` of the same model reads the tokens of long answers.
        """
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.fixed_decoder = fixed_decoder

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = "nano",
        device: str = "auto",
        dtype: str = "auto",
        quantization: str | None = None,
        cuda_graphs: bool = False,
        compile_decoding: bool = False,
        warm_up: bool = True,
        backend: str = TORCH,
    ) -> Predictor:
        """Load "nano", a folder, or a hub id; see `inference.device` for what "auto" is.

        `quantization` "int8" or "int4" keeps the language model's linear layers in 8 or 4 bits
        (needs torchao: the extra `quantized`). `cuda_graphs` launches vision encoder and proposer
        as one recorded graph, and each token of an answer as another, on a GPU where that works.
        `compile_decoding` compiles what a token takes by `torch.compile`, which takes a minute at
        the first answer. The log says where one of them doesn't work. `backend` "openvino" or
        "openvino_bf16" runs vision encoder and proposer as one OpenVINO graph on the CPU (the extra
        `openvino`), the latter with products in bfloat16. `warm_up` runs the model once, so that
        the first real picture takes no longer than later ones; False is for a single picture, and
        for large models on a CPU.

        Call a predictor from the thread that made it: in a second one torch's CPU threads run at
        half their speed. Raises ValueError where the model, the device, the precision or the
        quantization can't be had.
        """
        from groma_ros.checkpoint.load import load_groma

        chosen = choose_device(device)
        folder = model_folder(model)
        precision = choose_dtype(dtype, chosen, folder)
        groma, tokenizer = load_groma(folder, chosen, precision, quantization=quantization)
        if cuda_graphs:
            groma.use_cuda_graphs()
        if backend != TORCH:
            groma.use_openvino(backend)
        fixed = None
        if cuda_graphs or compile_decoding:
            fixed = FixedDecoder(groma, cuda_graphs, compile_decoding)
        predictor = cls(groma, tokenizer, fixed)
        if warm_up:
            predictor.warm_up()
        return predictor

    def warm_up(self) -> None:
        """Look at an empty picture and answer a command, so that the first real one isn't slower.

        That is when kernels are chosen, weights are transformed and CUDA graphs are recorded.
        """
        side = self.model.config.image_size
        nothing = self.perceive(np.zeros((side, side, 3), dtype=np.uint8))
        self.ground(nothing, "find all the cups")
        if self.fixed_decoder is not None and self.fixed_decoder.acquire(nothing.prefix):
            self.fixed_decoder.release()

    def perceive(self, rgb: np.ndarray) -> Perception:
        """Look at a picture: (H, W, 3) uint8 RGB of any size and aspect.

        Raises ValueError for another dtype or shape, or a picture without pixels.
        """
        return self.perceive_all([rgb])[0]

    def perceive_all(self, rgbs: Sequence[np.ndarray]) -> list[Perception]:
        """Look at several pictures in one batch, as of several cameras; else as `perceive`.

        Takes B pictures (H, W, 3) uint8 RGB, which may differ in size, and returns B perceptions.
        Each one's timings are those of the batch.
        """
        for rgb in rgbs:
            check_picture(rgb)
        start = now_ms(self.model.device)
        config = self.model.config
        pixels = [to_pixels(rgb, config.image_size, config.pixels) for rgb in rgbs]
        sizes_hw = [rgb.shape[:2] for rgb in rgbs]
        return self._look(pixels, sizes_hw, None, start, read=True) if rgbs else []

    def look(self, rgb: np.ndarray) -> Perception:
        """Find the regions of a picture alone, as a tracker needs them; else as `perceive`.

        The language model reads the picture when a first command asks about it.
        """
        check_picture(rgb)
        start = now_ms(self.model.device)
        pixels = to_pixels(rgb, self.model.config.image_size, self.model.config.pixels)
        return self._look([pixels], [rgb.shape[:2]], None, start, read=False)[0]

    @torch.inference_mode()
    def _look(
        self,
        pixels: list[torch.Tensor],
        sizes_hw: list[tuple[int, int]],
        refer_boxes_xyxy: np.ndarray | None,
        start: float,
        read: bool,
    ) -> list[Perception]:
        """Make Perceptions of network pixels [(3, S, S)]; referred boxes become regions.

        `read` says whether the language model reads the picture at once.
        """
        device, refer = self.model.device, None
        if refer_boxes_xyxy is not None:
            refer = [torch.from_numpy(box_math.to_network(refer_boxes_xyxy, sizes_hw[0]))]
        seen = now_ms(device)
        percepts = self.model.perceive(torch.stack(pixels).to(device), refer)
        found = now_ms(device)
        timings = {"pixels": seen - start, "regions": found - seen}
        perceptions = [
            self._perception(image, tuple(size_hw), percept, timings)
            for image, size_hw, percept in zip(pixels, sizes_hw, percepts, strict=True)
        ]
        if read:
            for perception in perceptions:
                perception.prefix  # noqa: B018 - read now, kept for every command
            timings["prefix"] = now_ms(device) - found
        timings["perceive"] = now_ms(device) - start
        return perceptions

    def _perception(
        self,
        pixels: torch.Tensor,
        size_hw: tuple[int, int],
        percept: Percept,
        timings_ms: dict[str, float],
    ) -> Perception:
        boxes = box_math.to_source_pixels(percept.boxes_cxcywh_norm.cpu().numpy(), size_hw)
        scores = percept.scores.float().cpu().numpy()
        least = self.model.config.pointing.background_objectness
        background = background_regions(boxes, scores, size_hw, least)
        tokens = RegionTokens(self.tokenizer, len(scores), self.model.device, background)
        read = partial(self._read_picture, percept)
        return Perception(size_hw, boxes, scores, timings_ms, pixels, percept, tokens, read)

    @cached_property
    def _opening(self) -> tuple[KeyValueCache, torch.Tensor]:
        """Keep what is the same for every picture: the words before it, read, and those after."""
        ids = torch.tensor(self.tokenizer.encode(prompts.opening()))
        at = int((ids == self.model.ids.image).nonzero()[0])
        return prefill(self.model, self.model.embed_ids(ids[:at])[None])[1], ids[at:]

    @torch.inference_mode()
    def _read_picture(self, percept: Percept) -> KeyValueCache:
        """Return keys and values of the prompt up to the question."""
        words, rest = self._opening
        return prefill(self.model, self.model.embed_prompt(rest, percept)[None], words.fork())[1]

    def ground(
        self,
        perception: Perception,
        command: str,
        max_new_tokens: int = 256,
        cancel: Event | None = None,
        mode: str = "",
    ) -> Grounding:
        """Find what a command speaks of.

        Each phrase of the command is asked for by itself, all in one forward. A singular one is
        answered by the probabilities of the region tokens (see `inference.region_choice`), a plural
        one token by token; a question, and what is no command, in words. `cancel` is looked at
        before every call of the model. `mode` "locate", "locate_all" or "chat" says how the words
        are to be read, whatever they are (see `language.command_modes`).

        A score is the region's probability times its objectness. The probability is the model's
        own, calibrated where its config says how. Where a phrase fits one thing it is that of the
        region's token among all that may follow `<roi>`; where it fits several, that the list goes
        on with this region or with one that was chosen after it.

        Raises ValueError for a command that is empty, too long or no text.
        """
        return self.ground_all(perception, [command], max_new_tokens, cancel, mode)[0]

    def ground_all(
        self,
        perception: Perception,
        commands: Sequence[str],
        max_new_tokens: int = 256,
        cancel: Event | None = None,
        mode: str = "",
    ) -> list[Grounding]:
        """Answer several commands, their phrases read in one forward; else as `ground`."""
        parsed = [parse_in_mode(command, mode) for command in commands]
        return answer_commands(self.context(perception, max_new_tokens, cancel), parsed)

    def stream(
        self,
        perception: Perception,
        command: str,
        max_new_tokens: int = 256,
        cancel: Event | None = None,
        target_only: bool = False,
        mode: str = "",
    ) -> Iterator[AnswerEvent]:
        """Yield what `ground` finds as it is found, and in the end the whole Grounding.

        That one leaves out what an enumeration said twice. `target_only` ends an answer in words
        where its first list of regions closes. Raises ValueError as `ground` does, at once.
        """
        parsed = parse_in_mode(command, mode)
        context = self.context(perception, max_new_tokens, cancel)
        return stream_answer(context, parsed, target_only)

    def among(self, perception: Perception, boxes_xyxy: ArrayLike) -> Perception:
        """Return a perception whose answers point at the given boxes (n, 4) alone.

        The boxes are pixels of the source image, such as those of another detector: "the red cup"
        is then the one of them that is red, and nothing where the red cup is none of them. Where
        one of them is no region yet the picture is looked at anew. Raises ValueError for boxes that
        are empty or outside, and for more of them than the model has regions.
        """
        boxes = box_math.check_user_boxes(boxes_xyxy, perception.image_size_hw)
        most = self.model.config.max_region_num
        if len(boxes) > most:
            raise ValueError(f"{len(boxes)} regions were given and at most {most} are taken")
        seen, regions = self._regions_of(perception, boxes)
        places = seen.boxes_xyxy.copy()
        places[regions] = boxes
        allowed = tuple(set(regions))
        same, outside = outside_regions(places, allowed)
        tokens = RegionTokens(
            self.tokenizer, len(places), self.model.device, background=same, outside=outside
        )
        return replace(
            seen,
            boxes_xyxy=places,
            allowed=allowed,
            region_tokens=tokens,
            read=lambda: seen.prefix,
        )

    def dialogue(self, perception: Perception) -> Dialogue:
        """Return a conversation about one picture, in which a command may point back."""
        return Dialogue(self, perception)

    def point(self, perception: Perception, phrases: Sequence[str]) -> np.ndarray:
        """Return, for k singular phrases, the probability of each region and of nothing.

        The result is (k, n + 1), each row adding up to 1; one forward.
        """
        asked = [CommandPhrase(phrase, (0, len(phrase))) for phrase in phrases]
        firsts = ask_phrases(self.context(perception), asked)
        rows = np.array([first.probabilities for first in firsts])
        return rows.reshape(-1, len(perception.scores) + 1)

    def describe(
        self,
        perception: Perception,
        boxes_xyxy,
        question: str = prompts.WHAT_IS_THIS,
        max_new_tokens: int = 64,
        cancel: Event | None = None,
    ) -> Grounding:
        """Answer a question about each of the boxes (n, 4), pixels of the source image.

        "<region>", or else "this", "that" or "it" in the question stands for the box. A box that
        overlaps a region by IoU 0.6 is that region; others are looked at anew. The answers follow
        each other in the text, one phrase each; a score is the geometric mean probability of the
        answer's tokens. Raises ValueError for boxes that are empty or outside, and as `ground`.
        """
        question = check_text(question or prompts.WHAT_IS_THIS)
        boxes = box_math.check_user_boxes(boxes_xyxy, perception.image_size_hw)
        seen, regions = self._regions_of(perception, boxes)
        context = self.context(seen, max_new_tokens, cancel)
        command = Command(question, "describe")
        text, phrases = "", []
        try:
            for box, region in zip(boxes, regions, strict=True):
                answer, score = describe_region(context, region, question)
                text += " " if text and answer else ""
                span = (len(text), len(text) + len(answer.rstrip(". ")))
                text += answer
                phrases.append(Phrase(text[slice(*span)], span, [box], [score]))
        except Cancelled:
            return context.cancelled(command)
        return context.grounding(command, Status.GROUNDED, text, tuple(phrases))

    def _regions_of(
        self, perception: Perception, boxes_xyxy: np.ndarray
    ) -> tuple[Perception, list[int]]:
        """Return the regions of boxes, in a new Perception where one of them is no region yet."""
        overlap = box_math.iou(boxes_xyxy, perception.boxes_xyxy)
        regions = overlap.argmax(axis=1).tolist()
        if (overlap.max(axis=1) >= SAME_BOX_IOU).all() and len(set(regions)) == len(regions):
            return perception, regions
        size_hw, start = perception.image_size_hw, now_ms(self.model.device)
        seen = self._look([perception.pixels], [size_hw], boxes_xyxy, start, read=True)[0]
        return seen, seen.percept.refer_indices.tolist()

    def context(
        self, perception: Perception, max_new_tokens: int = 256, cancel: Event | None = None
    ) -> AnswerContext:
        """Return what the functions of `inference` take to answer about a picture."""
        return AnswerContext(
            self.model, self.tokenizer, perception, max_new_tokens, cancel, self.fixed_decoder
        )
