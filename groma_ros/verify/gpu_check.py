"""Everything about a GPU that a person wants to know before a robot depends on it, as one report.

    groma doctor --gpu-report gpu.json

Each part is compared with the CPU in float32, which is the reference: the same answers in float32
and in bfloat16, by CUDA graphs, and with weights of 4 bits. The released size runs with weights
drawn on the GPU. Times are medians.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from groma_ros.checkpoint.released_config import RELEASED
from groma_ros.model.config import GromaConfig
from groma_ros.pictures import open_pictures
from groma_ros.predictor import Predictor
from groma_ros.values.boxes import iou
from groma_ros.verify.benchmark.following import drawn
from groma_ros.verify.benchmark.parts import machine

MODEL = "nano"
PHRASES = ("the red cup", "the leftmost bottle", "the banana", "the blue book")
PICTURES = 4
REPS = 7
SAME_BOX_IOU = 0.9
LEAST_SAME = {"float32": 1.0, "cuda_graphs": 1.0, "bfloat16": 0.85, "int4": 0.75}
"""The share of answers that have to be those of the reference, by part."""
BUDGET_MS = 150.0
"""From a command on a new picture to its box, at the released size: what a robot needs."""


def check(
    device: str, released: GromaConfig | None = None, model: str = MODEL, reps: int = REPS
) -> dict:
    """Run every part on a device and return {"device": ..., "parts": {name: {"right": ...}}}.

    A part that can't run is not right, and says why. `released` is a smaller config for a trial.
    """
    reference = Predictor.from_pretrained(model, "cpu", "float32")
    frames = open_pictures("").frames
    pictures = [next(frames) for _ in range(PICTURES)]
    wanted = answers(reference, pictures)
    ways: dict[str, dict] = {
        "float32": {"dtype": "float32"},
        "bfloat16": {"dtype": "bfloat16"},
        "cuda_graphs": {"dtype": "float32", "cuda_graphs": True},
        "int4": {"dtype": "bfloat16", "quantization": "int4"},
    }
    parts = {
        name: _part(lambda way=way, name=name: compared(model, device, way, name, pictures, wanted))
        for name, way in ways.items()
    }
    config = released or GromaConfig.from_dict(RELEASED)
    parts["released_size"] = _part(lambda: released_size(config, device, reps))
    return {"device": machine(torch.device(device)), "torch": torch.__version__, "parts": parts}


def _part(work: Callable[[], dict]) -> dict:
    try:
        return work()
    except (RuntimeError, ValueError, ImportError, NotImplementedError) as error:
        return {"right": False, "reason": str(error).strip().splitlines()[0]}


def answers(predictor: Predictor, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the boxes (k, 4) that answer each phrase about each picture."""
    seen = [predictor.perceive(rgb) for rgb in pictures]
    each = [predictor.ground(perception, f"find {p}") for perception in seen for p in PHRASES]
    return [answer.target.boxes_xyxy for answer in each]


def compared(
    model: str,
    device: str,
    way: dict,
    name: str,
    pictures: Sequence[np.ndarray],
    wanted: Sequence[np.ndarray],
) -> dict:
    """Answer in a way of the device and tell how often the boxes are the reference's."""
    predictor = Predictor.from_pretrained(model, device, **way)
    found = answers(predictor, pictures)
    same = [_same(a, b) for a, b in zip(found, wanted, strict=True)]
    took = [_timed(lambda rgb=rgb: predictor.perceive(rgb), device) for rgb in pictures]
    share = float(np.mean(same))
    return {"right": share >= LEAST_SAME[name], "same_answers": share, "perceive_ms": _median(took)}


def _same(found: np.ndarray, wanted: np.ndarray) -> bool:
    if len(found) != len(wanted):
        return False
    return not len(wanted) or bool((iou(wanted, found).max(axis=1) > SAME_BOX_IOU).all())


@torch.inference_mode()
def released_size(config: GromaConfig, device: str, reps: int) -> dict:
    """Time a model of the released size with drawn weights: a picture, and a question about it."""
    dtype = torch.bfloat16 if device != "cpu" else torch.float32
    model = drawn(config, device, dtype)
    pixels = torch.randn(1, 3, config.image_size, config.image_size, device=device, dtype=dtype)
    prompt = torch.zeros(1, 450, config.language.hidden_size, device=device, dtype=dtype)
    model.perceive(pixels)  # kernels are chosen at the first call
    look = [_timed(lambda: model.perceive(pixels), device) for _ in range(reps)]
    read = [_timed(lambda: model.llm.model(prompt), device) for _ in range(reps)]
    box_ms = _median(look) + _median(read)
    report = {"look_ms": _median(look), "read_ms": _median(read), "command_to_box_ms": box_ms}
    if device.startswith("cuda"):
        report["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return {"right": bool(np.isfinite(box_ms)), "within_budget": box_ms <= BUDGET_MS} | report


def _timed(work: Callable[[], object], device: str) -> float:
    """Return how long some work takes, in milliseconds; a GPU is waited for."""
    started_s = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - started_s)


def _median(values: Sequence[float]) -> float:
    return round(float(np.median(values)), 2)
