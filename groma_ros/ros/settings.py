"""The node's settings: the one place that says what can be set, to what, and when.

Declaration and validation of the ROS parameters, `groma_node --help`, `config/groma.yaml` and the
table of docs/INTERFACE.md all come from here; the latter two are written by
`python -m groma_ros.ros.settings --yaml` (or `--markdown`).
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any

from groma_ros.values.precision import (
    AUTO,
    BACKENDS,
    DTYPES,
    NO_QUANTIZATION,
    QUANTIZATIONS,
    TORCH,
)

ALWAYS = "always"  # may change at any time, takes effect at once
UNCONFIGURED = "unconfigured"  # may change before `configure`, or after `cleanup`
START = "start"  # only when the node starts


Value = str | int | float | bool | tuple[str, ...]


TYPE_NAMES = {tuple: "a list of str"}


def setting(
    default: Value,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    pattern: str = "",
    changes: str = ALWAYS,
) -> Any:
    """Make a dataclass field that carries everything a ROS parameter needs.

    default      the value unless another one is given
    description  one or two sentences for people
    low, high    inclusive range of a number
    choices      the strings that are allowed
    pattern      what a string has to match in full, where choices can't say it
    changes      when the value may change: ALWAYS, UNCONFIGURED or START
    """
    meta = {
        "description": description,
        "low": low,
        "high": high,
        "choices": choices,
        "pattern": pattern,
        "changes": changes,
    }
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Settings:
    """Hold a valid value for every parameter; raise ValueError that names the one that is not."""

    model: str = setting(
        "nano",
        "The weights: nano (rendered tabletops) or nano-photos (photographs), shipped with the "
        "package, a folder, or a Hugging Face hub id.",
        pattern=r".*\S.*",
        changes=UNCONFIGURED,
    )
    device: str = setting(
        "auto",
        "Where the model runs: auto (CUDA where there is a GPU), cpu, cuda or cuda:N.",
        pattern=r"auto|cpu|cuda(:\d+)?",
        changes=UNCONFIGURED,
    )
    dtype: str = setting(
        "auto",
        "Number format of the weights; auto suits the device and the size of the model.",
        choices=(AUTO, *DTYPES),
        changes=UNCONFIGURED,
    )
    quantization: str = setting(
        NO_QUANTIZATION,
        "The language model's linear layers in 8 or 4 bits; needs the extra quantized (torchao).",
        choices=QUANTIZATIONS,
        changes=UNCONFIGURED,
    )
    cuda_graphs: bool = setting(
        False,
        "Launch vision encoder and proposer as one recorded graph, and each token of an answer as "
        "another; on a GPU, else the log says so.",
        changes=UNCONFIGURED,
    )
    compile_decoding: bool = setting(
        False,
        "Compile what a token takes by torch.compile, for about a minute while the model loads.",
        changes=UNCONFIGURED,
    )
    backend: str = setting(
        TORCH,
        "What runs vision encoder and proposer: torch, or one OpenVINO graph on the CPU (the extra "
        "openvino), with products in float32 or in bfloat16.",
        choices=BACKENDS,
        changes=UNCONFIGURED,
    )
    threads: int = setting(
        0,
        "CPU threads of the model; 0 leaves the choice to PyTorch.",
        low=0,
        high=256,
        changes=UNCONFIGURED,
    )
    mode: str = setting(
        "command",
        "command: answer each command once, on the newest image. continuous: go on "
        "grounding the last command on newest images, rate_hz times a second.",
        choices=("command", "continuous"),
    )
    rate_hz: float = setting(
        2.0,
        "Answers a second in continuous mode, in ROS time; a slower model gives fewer.",
        low=0.01,
        high=100.0,
    )
    track_hz: float = setting(
        0.0,
        "In continuous mode: how often, between answers of the language model, the things of the "
        "last answer are followed by proposer and region features alone (a second of ROS time). "
        "The language model is asked again rate_hz times a second, and where one is lost or in "
        "doubt. 0: never.",
        low=0.0,
        high=100.0,
    )
    track_lifetime_s: float = setting(
        2.0,
        "How long a thing that is not seen keeps its id (seconds of ROS time).",
        low=0.0,
        high=60.0,
    )
    max_new_tokens: int = setting(256, "Longest answer to a question, in tokens.", low=1, high=2048)
    max_command_characters: int = setting(
        512, "Longest command; a longer one is refused with ERROR.", low=1, high=512
    )
    max_pending_requests: int = setting(
        8,
        "Most commands, goals and questions that wait at a time, the one under way included. Where "
        "there are more, waiting commands give way to the newest; goals and questions are refused.",
        low=1,
        high=1000,
    )
    max_image_pixels: int = setting(
        50_000_000,
        "Largest image in pixels; a larger one is refused before it is decoded.",
        low=1,
        high=1_000_000_000,
        changes=UNCONFIGURED,
    )
    proposals_hz: float = setting(
        5.0,
        "Most pictures a second whose regions are published on ~/proposals, in ROS time; they are "
        "looked for only while somebody subscribes.",
        low=0.01,
        high=100.0,
    )
    command_timeout_s: float = setting(
        5.0,
        "How long a command waits for a first image before it is answered with NO_IMAGE "
        "(seconds of real time, so that it ends also when simulated time stands still).",
        low=0.0,
        high=3600.0,
    )
    max_image_age_s: float = setting(
        1.0,
        "Oldest image that is answered on (seconds of ROS time since its stamp); a command waits "
        "for a newer one until command_timeout_s. 0 takes any: for a still picture that is "
        "published once, or stamps of another clock.",
        low=0.0,
        high=3600.0,
    )
    image_timeout_s: float = setting(
        5.0, "Warn when no image came for so long (seconds of ROS time).", low=0.1, high=3600.0
    )
    cameras: tuple[str, ...] = setting(
        ("",),
        "Names of several cameras, such as [front, wrist]: each has its topics below its name "
        '(front/image, ~/front/detections), and a command goes to all of them. [""]: one camera, '
        "whose topics have no name in front.",
        pattern=r"|[A-Za-z]\w*",
        changes=START,
    )
    image_transport: str = setting(
        "raw",
        "raw subscribes to image (sensor_msgs/Image), compressed to image/compressed "
        "(sensor_msgs/CompressedImage: JPEG or PNG), auto to what is published, raw where both "
        "are.",
        choices=("raw", "compressed", AUTO),
        changes=UNCONFIGURED,
    )
    depth_transport: str = setting(
        "raw",
        "raw subscribes to depth (sensor_msgs/Image: 16UC1 in mm, 32FC1 in m), compressedDepth to "
        "depth/compressedDepth.",
        choices=("raw", "compressedDepth"),
        changes=UNCONFIGURED,
    )
    depth_slop_s: float = setting(
        0.05,
        "Furthest that the stamps of an image and its depth image may lie apart (seconds).",
        low=0.0,
        high=10.0,
    )
    target_frame: str = setting(
        "",
        "Frame of ~/detections_3d and ~/target_pose, such as base_link (needs tf2_ros); empty: the "
        "camera's optical frame.",
        changes=UNCONFIGURED,
    )
    goal_policy: str = setting(
        "queue",
        "What becomes of a goal of ~/ground while another one is under way: queue lets it wait, "
        "replace ends the other, refuse refuses it.",
        choices=("queue", "replace", "refuse"),
    )
    autostart: bool = setting(
        True,
        "Configure and activate at start; false leaves that to a lifecycle manager.",
        changes=START,
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, validated(one, getattr(self, one.name)))


def validated(one: Field, value: Any) -> Value:
    """Return `value` in the type of the field; raise ValueError that says what is wrong with it."""
    wanted = type(one.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if wanted is tuple and type(value) is list and all(type(v) is str for v in value):
        value = tuple(value)
    if type(value) is not wanted:
        name = TYPE_NAMES.get(wanted, wanted.__name__)
        raise ValueError(f"{one.name} has to be {name}, not {type(value).__name__}: {value!r}")
    low, high = one.metadata["low"], one.metadata["high"]
    if low is not None and not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{one.name} has to be between {low} and {high}, not {value}")
    choices, pattern = one.metadata["choices"], one.metadata["pattern"]
    if choices and value not in choices:
        raise ValueError(f"{one.name} has to be one of {', '.join(choices)}, not {value!r}")
    texts = value if wanted is tuple else (value,)
    if pattern and not all(re.fullmatch(pattern, text) for text in texts):
        raise ValueError(f"{one.name} can't be {value!r}. {one.metadata['description']}")
    return value


def allowed_text(one: Field) -> str:
    """Say in a few words which values a field takes; empty where the description says it."""
    meta = one.metadata
    if meta["low"] is not None:
        return f"{meta['low']} to {meta['high']}"
    return ", ".join(meta["choices"])


def default_text(one: Field) -> str:
    """Return a field's default as it is written in YAML and on a command line."""
    if one.default == "":
        return '""'
    if type(one.default) is tuple:
        return "[" + ", ".join(text or '""' for text in one.default) + "]"
    return str(one.default).lower() if type(one.default) is bool else str(one.default)


def yaml_text() -> str:
    """Return the default parameter file, every setting with its description."""
    lines = [
        "# The parameters of the groma node and their defaults.",
        "# Written by: python -m groma_ros.ros.settings --yaml > config/groma.yaml",
        "/**:",
        "  ros__parameters:",
    ]
    for one in fields(Settings):
        allowed = f" [{allowed_text(one)}]" if allowed_text(one) else ""
        lines += _comment(f"{one.metadata['description']}{allowed} {_when(one)}")
        lines.append(f"    {one.name}: {default_text(one)}")
    return "\n".join(lines) + "\n"


def markdown_table() -> str:
    """Return the table of parameters in docs/INTERFACE.md."""
    rows = ["| parameter | default | allowed | changes | meaning |", "|---|---|---|---|---|"]
    for one in fields(Settings):
        rows.append(
            f"| `{one.name}` | `{default_text(one)}` | {allowed_text(one) or '-'} | "
            f"{one.metadata['changes']} | {one.metadata['description']} |"
        )
    return "\n".join(rows) + "\n"


def _when(one: Field) -> str:
    return {
        ALWAYS: "Changes while running.",
        UNCONFIGURED: "Changes only while unconfigured.",
        START: "Read at start.",
    }[one.metadata["changes"]]


def _comment(text: str, width: int = 92) -> Iterable[str]:
    line = "    #"
    for word in text.split():
        if len(line) + 1 + len(word) > width:
            yield line
            line = "    #"
        line += " " + word
    yield line


def main() -> None:
    """Print the default parameter file or the table of docs/INTERFACE.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--yaml", action="store_true", help="config/groma.yaml")
    form.add_argument("--markdown", action="store_true", help="the table in docs/INTERFACE.md")
    print(yaml_text() if parser.parse_args().yaml else markdown_table(), end="")


if __name__ == "__main__":
    main()
