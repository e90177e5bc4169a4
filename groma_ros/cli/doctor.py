"""`groma doctor`: say in one screen what is installed, found, slow or missing, and what to do."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from groma_ros.values.findings import MISSING, NOTE, OK, SLOW, Finding

EXAMPLES = """examples:
  groma doctor
  groma doctor --model ./groma-7b --json
  groma doctor --gpu-report gpu.json

The exit status is 1 where something is missing that the node or the model needs."""
GRAPH_CHECK = "groma_ros.ros.graph_check"  # imported by name: only that room knows ROS
GPU_CHECK = "groma_ros.verify.gpu_check"  # imported by name: it lies above this room
SLOW_LOOK_MS = 400.0
"""A look and an answer that take longer are called slow: two and a half pictures a second."""
COMMAND = "pick up the red cup"
OPTIONAL = {
    "torchao": ("int8 and int4 weights", "pip install '.[quantized]'"),
    "openvino": ("backend openvino, faster on a CPU", "pip install '.[openvino]'"),
    "mujoco": ("rendering, training and the simulated robot", "pip install '.[train]'"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma doctor`."""
    parser.add_argument(
        "--model",
        default="nano",
        help="the model to load and time: a name, folder or hub id (nano)",
    )
    parser.add_argument(
        "--wait", type=float, default=2.0, metavar="S", help="how long to listen to the graph (2)"
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead")
    parser.add_argument(
        "--gpu-report",
        type=Path,
        metavar="OUT.json",
        help="also run the whole check of an NVIDIA GPU and write what it finds",
    )


def run(args: argparse.Namespace) -> int:
    """Print each finding as it is made; return 1 where something is missing, else 0."""
    found = []
    for finding in findings(args.model, args.wait):
        found.append(finding)
        if not args.json:
            print(line(finding), flush=True)
    if args.gpu_report:
        found.append(check_gpu(args.gpu_report))
        if not args.json:
            print(line(found[-1]))
    if args.json:
        print(json.dumps([asdict(finding) for finding in found]))
    return int(any(finding.state == MISSING for finding in found))


def line(finding: Finding) -> str:
    """Return a finding as a line of text, and a second one with what to do."""
    text = f"{finding.state:<8}{finding.subject:<16}{finding.what}"
    return f"{text}\n{'':<24}-> {finding.advice}" if finding.advice else text


def findings(model: str, wait_s: float) -> Iterator[Finding]:
    """Yield what is found, from the machine up to the running graph."""
    yield from machine()
    yield gpu()
    yield check_model(model)
    try:
        graph_check = import_module(GRAPH_CHECK)
    except ImportError as error:
        advice = "source a ROS 2 (. /opt/ros/$ROS_DISTRO/setup.sh), or `. ./activate` of a checkout"
        yield Finding("ROS 2", MISSING, f"no {error.name or error} here: no node", advice)
        return
    yield from graph_check.findings(wait_s)


def machine() -> Iterator[Finding]:
    """Yield the processor, Python and the packages."""
    cores, threads = os.cpu_count(), len(os.sched_getaffinity(0))
    yield Finding("machine", OK, f"{platform.machine()}, {threads} of {cores} cores to be used")
    yield Finding("Python", OK, platform.python_version())
    torch = import_module("torch")
    able = getattr(torch.cpu, "get_capabilities", dict)()
    fast = [name for name in ("avx2", "avx512", "avx512_bf16", "amx_bf16") if able.get(name)]
    yield Finding("torch", OK, f"{torch.__version__}, {torch.get_num_threads()} threads, {fast}")
    if find_spec("cv2"):
        yield Finding("OpenCV", OK, import_module("cv2").__version__)
    else:
        advice = "pip install opencv-python-headless"
        yield Finding("OpenCV", MISSING, "not installed: the node can't read images", advice)
    for name, (purpose, advice) in OPTIONAL.items():
        if find_spec(name):
            yield Finding(name, OK, metadata.version(name))
        else:
            yield Finding(name, NOTE, f"not installed: no {purpose}", advice)


def gpu() -> Finding:
    """Say whether torch has a GPU."""
    torch = import_module("torch")
    if torch.cuda.is_available():
        each = [torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())]
        names = ", ".join(f"{p.name} with {p.total_memory / 2**30:.0f} GiB" for p in each)
        return Finding("GPU", OK, names)
    if torch.version.cuda is None and Path("/dev/nvidia0").exists():
        advice = "install a torch with CUDA (pytorch.org), or set device:=cpu"
        return Finding("GPU", MISSING, "there is one, and torch was built without CUDA", advice)
    return Finding("GPU", NOTE, "none: models run on the CPU, where groma-7b takes tens of seconds")


def check_model(model: str) -> Finding:
    """Load a model, let it look at a shipped picture, answer a command, and time both."""
    from groma_ros.pictures import open_pictures
    from groma_ros.predictor import Predictor

    try:
        started_s = time.perf_counter()
        predictor = Predictor.from_pretrained(model)
        loaded_s = time.perf_counter() - started_s
        rgb = next(open_pictures("").frames)
        took = [_look_and_answer(predictor, rgb) for _ in range(5)]
    except (ValueError, OSError) as error:
        advice = "name nano, nano-photos, or the folder of a checkpoint (docs/CHECKPOINT.md)"
        return Finding("model", MISSING, f"{model} can't be used: {error}", advice)
    look_ms, answer_ms = np.median(took, axis=0)
    what = f"{model}: loaded in {loaded_s:.1f} s, look {look_ms:.0f} ms, answer {answer_ms:.0f} ms"
    if look_ms + answer_ms <= SLOW_LOOK_MS:
        return Finding("model", OK, what)
    advice = "other work takes the cores, or it is too large for them: device cuda, or nano"
    return Finding("model", SLOW, what, advice)


def _look_and_answer(predictor, rgb: np.ndarray) -> tuple[float, float]:
    perception = predictor.perceive(rgb)
    answer = predictor.ground(perception, COMMAND)
    return answer.timings_ms["perceive"], answer.timings_ms["ground"]


def check_gpu(path: Path) -> Finding:
    """Run the check of a GPU and write its report; say where there is none."""
    torch = import_module("torch")
    if not torch.cuda.is_available():
        return Finding("GPU check", NOTE, f"torch sees no NVIDIA GPU: {path} was not written")
    report = import_module(GPU_CHECK).check("cuda")
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    failed = [name for name, part in report["parts"].items() if not part["right"]]
    if failed:
        advice = f"see {path}; set device:=cpu until it is understood"
        return Finding("GPU check", MISSING, f"not right: {', '.join(failed)}", advice)
    return Finding("GPU check", OK, f"{len(report['parts'])} parts are right; see {path}")
