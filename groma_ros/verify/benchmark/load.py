"""`groma load`: how long a model takes to load, in how much memory, and what it then takes to run."""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np

EXAMPLES = """examples:
  groma load ./groma-7b-finetune --dtype bfloat16
  groma load ./groma-7b-finetune --quantization int4 --tokens 8 --json
"""

QUESTION = "What is on the table?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma load`."""
    from groma_ros.cli.options import add_model_arguments

    parser.add_argument("model", nargs="?", default="nano", help="nano, a folder or a hub id")
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument(
        "--tokens",
        type=int,
        default=0,
        metavar="N",
        help="also look at a random picture, read the prompt and say N tokens (0: do not)",
    )


def run(args: argparse.Namespace) -> int:
    """Load, measure and print; return 0."""
    from groma_ros.checkpoint import load as weights  # noqa: F401  what is imported is not what is loaded
    from groma_ros.cli.options import load

    if args.tokens < 0:
        raise ValueError(f"--tokens is {args.tokens}; give 0 or more")
    before = _resident_bytes()
    start, used = time.perf_counter(), time.process_time()
    predictor = load(args)
    report = {"load_s": time.perf_counter() - start, "load_cpu_s": time.process_time() - used}
    report |= _memory(predictor.model, before)
    if args.tokens:
        report |= _speak(predictor, args.tokens)
        report["peak_gb_after"] = (_peak_bytes() - before) / 1e9
    print(json.dumps(report) if args.json else "\n".join(lines(report)))
    return 0


def lines(report: dict) -> list[str]:
    """Return a report for people, one figure a line."""
    return [f"{name:<16} {value:10.3f}" for name, value in report.items()]


def _memory(model, before: int) -> dict[str, float]:
    """Return what the weights take, and how much memory loading them took at most."""
    import torch

    weights = sum(stored_bytes(tensor) for tensor in model.parameters())
    on_gpu = model.device.type == "cuda"
    peak = torch.cuda.max_memory_allocated(model.device) if on_gpu else _peak_bytes() - before
    return {"weights_gb": weights / 1e9, "peak_gb": peak / 1e9, "peak_ratio": peak / weights}


def stored_bytes(tensor) -> int:
    """Return the bytes that a parameter takes, in whatever form it is kept."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return tensor.nbytes
    parts, _ = tensor.__tensor_flatten__()
    return sum(stored_bytes(getattr(tensor, name)) for name in parts)


def _speak(predictor, tokens: int) -> dict[str, float]:
    """Look at noise and answer a question about it; returns times and counts.

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


def _ask(predictor, perception, tokens: int) -> tuple[float, float]:
    """Return the time and the processor's time, in milliseconds, of an answer so long."""
    used = time.process_time()
    answer = predictor.ground(perception, QUESTION, max_new_tokens=tokens)
    return answer.timings_ms["ground"], (time.process_time() - used) * 1e3


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
