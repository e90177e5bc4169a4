"""The names that other people's code, launch files and checkpoints rely on stay what they are."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from groma_ros import cli
from groma_ros.predictor import Dialogue, Perception, Predictor
from groma_ros.ros.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def declared(path: str) -> list[str]:
    """Return "type name" of every line of an interface file, in order."""
    text = (ROOT / path).read_text()
    return re.findall(r"^([\w/\[\]]+ \w+)", text, re.MULTILINE)


def test_the_predictor_has_its_methods():
    parameters = {
        name: list(inspect.signature(getattr(Predictor, name)).parameters)
        for name in ("from_pretrained", "perceive", "ground", "stream", "describe", "dialogue")
    }
    assert parameters["from_pretrained"][:4] == ["model", "device", "dtype", "quantization"]
    assert parameters["perceive"] == ["self", "rgb"]
    assert parameters["ground"][:3] == ["self", "perception", "command"]
    assert parameters["stream"][:3] == ["self", "perception", "command"]
    assert parameters["describe"][:4] == ["self", "perception", "boxes_xyxy", "question"]
    assert parameters["dialogue"] == ["self", "perception"]
    assert all(hasattr(Predictor, name) for name in ("perceive_all", "ground_all", "point"))
    assert inspect.isclass(Perception) and inspect.isclass(Dialogue)


def test_the_command_has_its_subcommands():
    assert set(cli.SUBCOMMANDS) >= {
        *("ground", "describe", "load", "convert", "random-checkpoint", "bench", "parity"),
        *("render", "train", "calibrate", "eval", "live"),
    }
    assert 'console_scripts": ["groma = groma_ros.cli:main"]' in (ROOT / "setup.py").read_text()


@pytest.mark.parametrize("name", sorted(cli.SUBCOMMANDS))
def test_every_subcommand_is_where_the_table_says(name):
    module = importlib.import_module(cli.SUBCOMMANDS[name][0])
    assert callable(module.add_arguments) and callable(module.run)


@pytest.mark.parametrize("executable", ["node", "ask", "camera"])
def test_executables_start_the_module_of_their_name(executable):
    script = (ROOT / "scripts" / f"groma_{executable}").read_text()
    assert f"from groma_ros.ros.{executable} import main" in script
    assert (ROOT / "groma_ros" / "ros" / f"{executable}.py").is_file()


def test_messages_and_services_have_their_fields():
    assert [f for f in declared("msg/GroundedText.msg") if "STATUS" not in f] == [
        "std_msgs/Header header",
        "string command",
        "uint32 command_id",
        "string status",
        "string reason",
        "string action",
        "string text",
        "GroundedPhrase[] phrases",
        "float32 latency_ms",
        "string SOURCE_MODEL",
        "string SOURCE_TRACKER",
        "string source",
    ]
    assert [f for f in declared("msg/GroundedPhrase.msg") if "ROLE" not in f] == [
        "string text",
        "uint32 start",
        "uint32 end",
        "string role",
        "string[] detection_ids",
    ]
    assert declared("srv/DescribeRegion.srv") == [
        "vision_msgs/BoundingBox2D bbox",
        "sensor_msgs/RegionOfInterest roi",
        "string question",
        "string camera",
        "bool success",
        "string message",
        "GroundedText answer",
    ]


def test_the_node_has_its_parameters():
    assert {f.name for f in fields(Settings)} >= {
        *("model", "device", "dtype", "quantization", "cuda_graphs", "threads", "mode", "rate_hz"),
        *("max_new_tokens", "command_timeout_s", "image_timeout_s", "image_transport"),
        *("autostart", "compile_decoding"),
    }


def test_a_checkpoint_of_today_still_loads():
    from groma_ros.model.config import GromaConfig

    old = json.loads((ROOT / "groma_ros" / "nano" / "config.json").read_text())
    old["groma_ros"]["pointing"] = {"temperature": 1.5, "nothing_above": 0.3, "rival_share": 0.2}
    assert set(old["groma_ros"]) >= {"image_size", "stem", "region_encoder", "language"}
    config = GromaConfig.from_dict(old)
    values = [getattr(config.pointing, f.name) for f in fields(config.pointing)]
    assert values[:3] == [1.5, 0.3, 0.2]
