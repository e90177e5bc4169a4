"""`groma doctor`: each thing that keeps a robot from working is a line with what to do about it."""

import json

import pytest
import torch
from robot_bench import eventually

from groma_ros.cli import doctor
from groma_ros.cli import main as groma
from groma_ros.model.config import GromaConfig, LanguageConfig, ProposerConfig, VisionConfig
from groma_ros.ros import graph_check
from groma_ros.values.findings import MISSING, NOTE, OK, Finding
from groma_ros.verify import gpu_check


def test_a_machine_that_can_run_the_node_is_told_so(capsys):
    assert groma(["doctor", "--wait", "0.2", "--json"]) == 0
    found = [Finding(**each) for each in json.loads(capsys.readouterr().out)]
    states = {finding.subject: finding.state for finding in found}
    assert [states[name] for name in ("torch", "model", "ROS 2", "vision_msgs")] == [OK] * 4
    assert all(finding.advice for finding in found if finding.state == MISSING)


def test_a_model_that_is_not_there_is_missing_and_the_exit_status_says_so(capsys):
    assert groma(["doctor", "--wait", "0.1", "--model", "nowhere"]) == 1
    said = capsys.readouterr().out
    assert "missing model" in said and "there is no model folder nowhere" in said and "->" in said


def test_without_ros_the_rest_is_found_all_the_same(monkeypatch):
    def import_module(name):
        if name == doctor.GRAPH_CHECK:
            raise ModuleNotFoundError("no rclpy", name="rclpy")
        return __import__(name)

    monkeypatch.setattr(doctor, "import_module", import_module)
    *_, last = doctor.findings("nano", 0.0)
    assert (last.subject, last.state) == ("ROS 2", MISSING) and "source a ROS 2" in last.advice


def test_the_graph_shows_the_node_and_the_camera_that_it_listens_to(bench):
    node = bench.robot.node
    eventually(
        lambda: any("listens to /image" in f.what for f in graph_check.graph(node)),
        "the node's subscription",
    )
    cameras = [f.what for f in graph_check.graph(node) if f.subject == "camera"]
    assert cameras == ["/image, reliable"]


def test_a_topic_that_nobody_publishes_is_missing_with_those_that_somebody_does(bench):
    """A person who forgot the remapping is told which topics there are."""
    node = bench.robot.node
    other = {"/wrist/image_raw": node.get_publishers_info_by_topic("/image")}
    eventually(
        lambda: any("listens to /image" in f.what for f in graph_check.graph(node)),
        "the node's subscription",
    )
    (finding,) = graph_check._inputs(node, "/groma", ["/image", "/wrist/image_raw"], other)
    assert finding.state == MISSING and "nothing publishes /image" in finding.what
    assert "/wrist/image_raw; remap image:=TOPIC" in finding.advice


def test_where_there_is_no_gpu_the_check_says_so_and_writes_nothing(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    finding = doctor.check_gpu(tmp_path / "gpu.json")
    assert finding.state == NOTE and "no NVIDIA GPU" in finding.what
    assert not list(tmp_path.iterdir())


def test_every_part_of_the_gpu_check_runs_on_a_cpu():
    """What the parts compute is tried here; that a GPU computes the same is theirs to find."""
    small = GromaConfig(
        vision=VisionConfig(hidden_size=64, num_hidden_layers=4, num_attention_heads=2),
        proposer=ProposerConfig(d_model=64, encoder_ffn_dim=64, decoder_ffn_dim=64, num_labels=1),
        language=LanguageConfig(
            hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2
        ),
        num_new_token=114,
        image_size=224,
    )
    report = gpu_check.check("cpu", small, reps=2)
    parts = report["parts"]
    assert parts["float32"]["same_answers"] == 1.0 and parts["float32"]["right"]
    assert parts["cuda_graphs"]["right"], "off a GPU the plain path goes on"
    assert parts["bfloat16"]["same_answers"] >= gpu_check.LEAST_SAME["bfloat16"]
    assert parts["released_size"]["right"] and parts["released_size"]["look_ms"] > 0
    assert all(
        "reason" in part for part in parts.values() if not part["right"] and "same" not in str(part)
    )


def test_a_part_that_cannot_run_says_why():
    def fail() -> dict:
        raise RuntimeError("out of memory\nTried to allocate 14 GiB")

    assert gpu_check._part(fail) == {"right": False, "reason": "out of memory"}
