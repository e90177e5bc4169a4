"""`groma load`: measure how long a model takes to load and to answer, and in how much memory."""

from __future__ import annotations

import argparse
import json
import time
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from groma_ros.model.groma import Groma
    from groma_ros.predictor import Perception, Predictor

EXAMPLES = """examples:
  groma load ./groma-7b-finetune --dtype bfloat16
  groma load ./groma-7b-finetune --quantization int4 --tokens 8 --json
"""

QUESTION = "What is on the table?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma load`."""
    from groma_ros.cli.options import add_model_arguments

    parser.add_argument(
        "model", nargs="?", default="nano", help="nano, a folder or a hub id (nano)"
    )
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument(
        "--tokens",
        type=int,
        default=0,
        metavar="N",
        help="also look at a random picture and time an answer of N tokens (0: do not)",
    )


def run(args: argparse.Namespace) -> int:
    """Load, measure and print; return 0."""
    if args.tokens < 0:
        raise ValueError(f"--tokens is {args.tokens}; give 0 or more")
    import torch

    from groma_ros.cli.options import load
    from groma_ros.inference.perception import now_ms
    from groma_ros.verify.benchmark.memory import held_bytes, peak_bytes

    for name in ("groma_ros.predictor", "groma_ros.checkpoint.load"):
        import_module(name)  # what is imported must not count as loading
    cpu = torch.device("cpu")
    before, start, used = held_bytes(), now_ms(cpu), time.process_time()
    predictor = load(args)
    load_s = (now_ms(predictor.model.device) - start) / 1e3
    report = {"load_s": load_s, "load_cpu_s": time.process_time() - used}
    report |= _memory(predictor.model, before)
    if args.tokens:
        report |= _speak(predictor, args.tokens)
        report["peak_gb_after"] = (peak_bytes(cpu) - before) / 1e9
    print(json.dumps(report) if args.json else "\n".join(report_lines(report)))
    return 0


def report_lines(report: dict[str, float]) -> list[str]:
    """Return a report for people, one figure a line."""
    return [f"{name:<16} {value:10.3f}" for name, value in report.items()]


def _memory(model: Groma, before: int) -> dict[str, float]:
    """Return the GB of the weights, and the most that loading took above `before` (bytes)."""
    from groma_ros.verify.benchmark.memory import peak_bytes

    weights = sum(stored_bytes(tensor) for tensor in model.parameters())
    peak = peak_bytes(model.device) - (before if model.device.type == "cpu" else 0)
    return {"weights_gb": weights / 1e9, "peak_gb": peak / 1e9, "peak_ratio": peak / weights}


def stored_bytes(tensor: Tensor) -> int:
    """Return the bytes that a parameter takes, quantized (a tensor of several parts) or not."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return tensor.nbytes
    parts, _ = tensor.__tensor_flatten__()
    return sum(stored_bytes(getattr(tensor, name)) for name in parts)


def _speak(predictor: Predictor, tokens: int) -> dict[str, float]:
    """Look at noise, answer a question about it in `tokens` tokens, and return times and counts.

    The processor's seconds, over all threads, tell how much of a time other processes took.
    """
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    used = time.process_time()
    perception = predictor.perceive(rgb)
    times = {"perceive_cpu_s": time.process_time() - used}
    times |= {f"{name}_ms": value for name, value in perception.timings_ms.items()}
    times["regions"] = len(perception.scores)
    times["prefix_tokens"] = perception.prefix.length
    # The first answer is thrown away: what only a first one costs is not a token's.
    _, short, long = (_ask(predictor, perception, count) for count in (2, 1, tokens + 1))
    times["question_ms"], times["question_cpu_ms"] = short
    times["token_ms"] = (long[0] - short[0]) / tokens
    times["token_cpu_ms"] = (long[1] - short[1]) / tokens
    return times


def _ask(predictor: Predictor, perception: Perception, tokens: int) -> tuple[float, float]:
    """Return the time and the processor's time, in ms, of an answer of so many tokens."""
    used = time.process_time()
    answer = predictor.ground(perception, QUESTION, max_new_tokens=tokens)
    return answer.timings_ms["ground"], (time.process_time() - used) * 1e3
