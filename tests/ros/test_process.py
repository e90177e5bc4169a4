"""The node as a process of its own: how it starts, refuses and ends."""

import logging
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile
from robot_bench import PATIENCE_S, value_of

from groma_ros.ros.process import spin

NODE = [sys.executable, "-P", "-m", "groma_ros.ros.node", "--ros-args"]


@pytest.fixture
def start():
    """Give a function that starts the node with ROS arguments; what still runs is killed."""
    running = []

    def run(*arguments):
        running.append(
            subprocess.Popen(
                [*NODE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "value, words",
    [
        ("mode:=always", "mode has to be one of command, continuous, not 'always'"),
        ("threads:=2.5", "threads"),
        ("rate_hz:=-1.0", "rate_hz"),
    ],
)
def test_a_bad_value_at_start_ends_in_one_clear_line(start, value, words):
    process = start("-p", value)
    output, _ = process.communicate(timeout=5 * PATIENCE_S)
    (line,) = output.splitlines()
    assert line.startswith("groma_node: ")
    assert words in line
    assert process.returncode == 2


@pytest.fixture
def observer(sides):
    """Give a robot that hears the status of a node in another process, in a namespace."""
    _, robot = sides
    robot.forget()
    usual = robot.heard["status"]
    latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    subscription = robot.listen(DiagnosticStatus, "/other/groma/status", latched)
    yield robot
    robot.node.destroy_subscription(subscription)
    robot.heard["status"] = usual


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 3])
def test_signals_end_it_cleanly(start, observer, signals):
    """Ctrl-C, systemd, and Ctrl-C under `ros2 launch`, where the node gets more than one."""
    process = start("-r", "__ns:=/other", "-p", "autostart:=false")
    observer.hear(
        "status", lambda s: value_of(s, "state") == "unconfigured", patience_s=5 * PATIENCE_S
    )
    for sent in signals:
        process.send_signal(sent)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in output
    assert process.returncode == 0


def test_signals_that_go_on_to_the_last_moment_end_it_cleanly(start, observer):
    """A second SIGINT, of `ros2 launch`, may come while Python is at its end already."""
    process = start("-r", "__ns:=/other", "-p", "autostart:=false")
    observer.hear(
        "status", lambda s: value_of(s, "state") == "unconfigured", patience_s=5 * PATIENCE_S
    )
    deadline_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline_s:
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    assert process.returncode == 0


def test_a_model_that_is_not_there_is_said_and_the_node_waits_for_a_better_one(start, observer):
    """PEERS 8: a node that says Configured though no model was found."""
    process = start("-r", "__ns:=/other", "-p", "model:=/no/such/folder")
    status = observer.hear("status", lambda s: s.level == b"\x02", patience_s=5 * PATIENCE_S)
    assert "configure failed" in status.message
    assert "/no/such/folder" in status.message
    assert value_of(status, "state") == "unconfigured"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert "configure failed" in output
    assert process.returncode == 0


def test_what_the_model_logs_is_logged_by_the_node(monkeypatch):
    stopping, lines = threading.Event(), []
    logger = SimpleNamespace(
        **{name: lambda line, name=name: lines.append((name, line)) for name in ("info", "warning")}
    )

    class Executor:
        add_node = shutdown = lambda *_: None

        def spin_once(self):
            logging.getLogger("groma_ros.model").warning("no graph: %s", "why")
            logging.getLogger("groma_ros.model").info("a graph")
            logging.getLogger("others").warning("not ours")
            stopping.set()

    monkeypatch.setattr("groma_ros.ros.process.SingleThreadedExecutor", Executor)
    spin(SimpleNamespace(get_logger=lambda: logger), stopping)
    logging.getLogger("groma_ros").warning("the node is gone")
    assert lines == [("warning", "no graph: why"), ("info", "a graph")]
