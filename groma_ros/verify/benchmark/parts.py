"""`groma bench`: time every part of a model of middle size, or a given model, on this machine."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from groma_ros.inference.decode import decode_one, prefill
from groma_ros.inference.device import DTYPES, choose_device, default_dtype
from groma_ros.inference.perception import now_ms
from groma_ros.model.groma import Groma
from groma_ros.speed.kv_cache import KeyValueCache
from groma_ros.values.precision import BACKENDS, NO_QUANTIZATION, QUANTIZATIONS, TORCH
from groma_ros.verify.benchmark import scaling
from groma_ros.verify.benchmark.memory import MIB, peak_bytes
from groma_ros.verify.benchmark.middle_model import CONFIG, QUESTION, build, picture, prompt

EXAMPLES = """examples:
  groma bench
  groma bench --dtype float32 --reps 11 --json
  groma bench --scaling
  groma bench --model nano
  groma bench --model ./groma-7b-finetune --device cuda --cuda-graphs
  groma bench --ros
"""
ROS_BENCH = "groma_ros.ros.bench"  # imported by name: only that room knows ROS

NEW = 8
LABELS = {
    "vision": "vision encoder",
    "proposer": "region proposer and selection",
    "region_encoder": "region encoder",
    "prefill": "prefill of picture and prompt",
    "token": "a token",
    "first_command": f"first command on a new frame, {NEW} tokens",
    "next_command": f"next command on the same frame, {NEW} tokens",
}


@dataclass
class Clock:
    """Collect milliseconds by name; a GPU is waited for before each reading."""

    device: torch.device
    ms: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, call: Callable[[], Any]) -> Any:
        """Call a function, keep its time under a name, and return its result."""
        start = now_ms(self.device)
        result = call()
        self.keep(name, start)
        return result

    def keep(self, name: str, start_ms: float) -> None:
        """Keep the time since `start_ms` (of `now_ms`) under a name."""
        self.ms.setdefault(name, []).append(now_ms(self.device) - start_ms)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `groma bench`."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    parser.add_argument(
        "--dtype",
        action="append",
        choices=list(DTYPES),
        help="number format; repeat it for several (float32 and the default of this machine)",
    )
    parser.add_argument("--threads", type=_positive, default=2, help="CPU threads (2)")
    parser.add_argument("--reps", type=_positive, default=5, help="repetitions (5)")
    parser.add_argument(
        "--model",
        help="time this model (nano, a folder or a hub id) as a robot uses it, instead of the "
        "parts of the benchmark's own model",
    )
    parser.add_argument(
        "--quantization",
        choices=QUANTIZATIONS,
        default=NO_QUANTIZATION,
        help="with --model: fewer bits for the language model (none)",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=TORCH,
        help="with --model: what runs vision encoder and proposer (torch)",
    )
    parser.add_argument(
        "--cuda-graphs",
        action="store_true",
        help="with --model: launch vision encoder and proposer as one CUDA graph",
    )
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="also measure how cost grows with regions, commands, pictures and tokens",
    )
    parser.add_argument(
        "--ros",
        action="store_true",
        help="measure the node's ROS side with a model that costs nothing, beside a bare echo",
    )
    parser.add_argument(
        "--frames", type=_positive, default=300, help="with --ros: frames of each size (300)"
    )
    parser.add_argument(
        "--json", action="store_true", help="end with the report as one line of JSON"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print each table when it is complete, and return 0.

    Raises ValueError for options that exclude each other.
    """
    if args.ros:
        return _ros(args)
    if args.model and args.scaling:
        raise ValueError("--scaling measures the benchmark's own model; leave --model out")
    needs_model = args.quantization != NO_QUANTIZATION or args.backend != TORCH or args.cuda_graphs
    if needs_model and not args.model:
        raise ValueError("--quantization, --backend and --cuda-graphs need --model")
    device = choose_device(args.device)
    torch.set_num_threads(args.threads)
    report = {
        "machine": machine(device),
        "torch": torch.__version__,
        "threads": args.threads,
        "reps": args.reps,
    }
    report |= _use(args) if args.model else _parts(args, device)
    if args.json:
        print(json.dumps(report))
    return 0


def _ros(args: argparse.Namespace) -> int:
    """Measure the ROS side; raise ValueError where there is no ROS or --model is given."""
    if args.model or args.scaling:
        raise ValueError("--ros runs no model; leave --model and --scaling out")
    try:
        bench = import_module(ROS_BENCH)
    except ModuleNotFoundError as error:
        raise ValueError(f"--ros needs a ROS 2 that is sourced ({error})") from error
    return bench.run(args)


def _parts(args: argparse.Namespace, device: torch.device) -> dict:
    """Time the parts of the benchmark's own model in each precision."""
    report = {}
    for name in dict.fromkeys(args.dtype or ["float32", name_of(default_dtype(device, CONFIG))]):
        say(f"{name}: drawing weights")
        model = build(device, DTYPES[name])
        result = report[name] = measure(model, args.reps)
        print(
            f"{name}, {machine(device)}, {args.threads} threads\n{table(result, LABELS)}",
            flush=True,
        )
        print(f"  tokens {result['tokens']}", flush=True)
        if args.scaling:
            result["scaling"] = dict(scaling.tables(model, Clock(device), args.reps))
    return {"dtypes": report}


def _use(args: argparse.Namespace) -> dict:
    """Time a model as a robot uses it, in each precision."""
    from groma_ros.predictor import Predictor
    from groma_ros.verify.benchmark import robot_use

    report = {}
    for name in dict.fromkeys(args.dtype or ["auto"]):
        say(f"loading {args.model}")
        predictor = Predictor.from_pretrained(
            args.model,
            args.device,
            name,
            args.quantization,
            args.cuda_graphs,
            backend=args.backend,
        )
        device, dtype = predictor.model.device, name_of(predictor.model.dtype)
        ms, regions = robot_use.measure(predictor, args.reps, say)
        result = report[dtype] = summary(ms, robot_use.LABELS, device) | {"regions": regions}
        say("")
        title = f"{args.model} in {dtype}, {machine(device)}, {args.threads} threads"
        print(f"{title}\n{table(result, robot_use.LABELS)}", flush=True)
    return {"model": args.model, "dtypes": report}


@torch.inference_mode()
def measure(model: Groma, reps: int) -> dict:
    """Return medians and minima in ms, the tokens of the answer, regions and peak memory."""
    clock, pixels, ids = Clock(model.device), picture(model), prompt(model)
    tokens, regions = first_and_next(model, clock, pixels, ids)
    clock.ms.clear()
    for rep in range(reps):
        say(f"{name_of(model.dtype)}: repetition {rep + 1} of {reps}")
        tokens, regions = first_and_next(model, clock, pixels, ids)
    say("")
    return summary(clock.ms, LABELS, model.device) | {"regions": regions, "tokens": tokens}


def first_and_next(
    model: Groma, clock: Clock, pixels: Tensor, ids: Tensor
) -> tuple[list[int], int]:
    """Time one command on a new frame and one on the kept frame; return tokens and regions.

    Raises RuntimeError where the two answers differ in float32.
    """
    start = now_ms(model.device)
    seen = clock.time("vision", lambda: model.perceiver.see(pixels))
    chosen = clock.time("proposer", lambda: model.select(model.perceiver.propose(seen.states)))
    percept = clock.time("region_encoder", lambda: model.encode(seen, chosen)[0])
    read = clock.time("prefill", lambda: prefill(model, model.embed_prompt(ids, percept)[None]))
    tokens = decode_timed(model, clock, "token", *read)
    clock.keep("first_command", start)
    picture_part = model.embed_prompt(ids, percept)[None, :-QUESTION]
    _, prefix = prefill(model, picture_part)

    def following() -> list[int]:
        read = prefill(model, model.embed_ids(ids[None, -QUESTION:]), prefix.fork())
        return decode_timed(model, clock, "next_token", *read)

    again = clock.time("next_command", following)
    if again != tokens and model.dtype == torch.float32:
        raise RuntimeError(
            f"the answer is {again} after the kept picture and {tokens} after a new one"
        )
    return tokens, len(percept.scores)


def decode_timed(
    model: Groma, clock: Clock, name: str, hidden: Tensor, cache: KeyValueCache, count: int = NEW
) -> list[int]:
    """Return `count` tokens after `hidden` (1, D), decoded greedily; time each but the first."""
    tokens = [int(model.logits(hidden).argmax())]
    while len(tokens) < count:
        start = now_ms(model.device)
        hidden, cache = decode_one(model, tokens[-1], cache)
        tokens.append(int(model.logits(hidden).argmax()))
        clock.keep(name, start)
    return tokens


def summary(ms: dict[str, list[float]], labels: dict[str, str], device: torch.device) -> dict:
    """Return medians and minima of the labelled times, and the peak of memory so far."""
    return {
        "ms": {name: round(statistics.median(ms[name]), 2) for name in labels},
        "ms_min": {name: round(min(ms[name]), 2) for name in labels},
        "peak_mb": round(peak_bytes(device) / MIB),
    }


def table(result: dict, labels: dict[str, str]) -> str:
    """Return medians and minima as text."""
    lines = [f"  {'':<46}{'median':>9}{'least':>9}"]
    for name, label in labels.items():
        lines.append(f"  {label:<46}{result['ms'][name]:>9.1f}{result['ms_min'][name]:>9.1f} ms")
    lines.append(f"  {'peak of memory so far':<46}{result['peak_mb']:>9} MB")
    lines.append(f"  {'regions':<46}{result['regions']:>9}")
    return "\n".join(lines)


def machine(device: torch.device) -> str:
    """Return the name of the GPU, or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.machine()


def name_of(dtype: torch.dtype) -> str:
    """Return the name of a precision as `--dtype` takes it."""
    return str(dtype).removeprefix("torch.")


def say(text: str) -> None:
    """Show progress in one line of a terminal, which the next call replaces."""
    if sys.stderr.isatty():
        print(f"\r{text:<60}\r", end="", file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    """Read a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value
