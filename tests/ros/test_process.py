"""The node as a process of its own: how it starts, refuses and ends."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from types import SimpleNamespace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile
from robot_bench import PATIENCE_S, value_of

from groma_ros.ros.process import spin
from groma_ros.ros.settings import Settings

NODE = [sys.executable, "-P", "-m", "groma_ros.ros.node", "--ros-args"]


@pytest.fixture
def start():
    """Give a function that starts the node with ROS arguments; what still runs is killed."""
    running = []

    def run(*arguments, **environment):
        running.append(
            subprocess.Popen(
                [*NODE, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, **environment},
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


def run(module, *arguments, path=()):
    """Run an executable's module to its end, with more folders on Python's path."""
    paths = [*map(str, path), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-P", "-m", f"groma_ros.ros.{module}", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("module", ["node", "ask", "camera"])
def test_help_explains_and_starts_nothing(module):
    """`groma_node --help` used to start the node."""
    done = run(module, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: groma_{module}")
    assert "--ros-args" in done.stdout
    if module == "node":
        for one in fields(Settings):
            assert f"  {one.name}:=" in done.stdout


@pytest.mark.parametrize("module", ["node", "ask", "camera"])
@pytest.mark.parametrize("before", [[], ["--ros-args", "-r", "__ns:=/other", "--"]])
def test_an_unknown_argument_is_refused_in_one_line(module, before):
    """`groma_node --model nano` used to start the node and to ignore the model."""
    done = run(module, *before, "a red cup", "--modle", "nano")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"groma_{module}: unrecognized arguments: ")
    assert "--modle" in line and f"groma_{module} --help" in line
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "arguments", [["--bogus"], ["-p", "model"], ["--params-file", "/no/such/file.yaml"]]
)
@pytest.mark.parametrize("module, own", [("node", []), ("ask", ["a red cup"]), ("camera", [])])
def test_wrong_ros_arguments_are_refused_without_a_traceback(module, own, arguments):
    done = run(module, *own, "--ros-args", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]  # rcl may log one before
    assert line.startswith(f"groma_{module}: wrong ROS arguments: ")
    assert arguments[-1] in line


def test_a_parameter_that_does_not_exist_is_warned_of_with_the_nearest_one(start, tmp_path):
    """A misspelt name in a file or on the command line used to be passed over without a word."""
    file = tmp_path / "parameters.yaml"
    file.write_text("/**:\n  ros__parameters:\n    modle: nano\n    rate_hz: 3.0\n")
    override = "qos_overrides./image.subscription.reliability:=reliable"
    given = ["-p", "nonexistent:=1", "-p", "use_sim_time:=false", "-p", override]
    process = start("-p", "autostart:=false", "--params-file", str(file), *given)
    told = []
    while len(told) < 2:
        line = process.stdout.readline()
        assert line, "the node ended"
        if "there is no parameter" in line:
            told.append(line)
    assert all("[WARN]" in line for line in told)
    (misspelt,) = [line for line in told if "modle" in line]
    assert "there is no parameter modle, its value is not used; is mode or model meant?" in misspelt
    (other,) = [line for line in told if "nonexistent" in line]
    assert "there are autostart, backend, cameras, command_timeout_s, " in other
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE_S)
    assert "there is no parameter" not in rest


@pytest.fixture
def no_torch(tmp_path):
    """Give a folder whose torch is built without CUDA and ends the process when imported."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("import os\nos._exit(99)\n")
    (tmp_path / "torch/version.py").write_text("__version__ = '2.13.0+cpu'\ncuda = hip = None\n")
    return tmp_path


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
    """A node must not say that it is configured though no model was found."""
    process = start("-r", "__ns:=/other", "-p", "model:=/no/such/folder")
    status = observer.hear("status", lambda s: s.level == b"\x02", patience_s=5 * PATIENCE_S)
    assert "configure failed" in status.message
    assert "/no/such/folder" in status.message
    assert value_of(status, "state") == "unconfigured"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert "configure failed" in output
    assert process.returncode == 0


@pytest.mark.parametrize(
    "value, words",
    [
        ("model:=nonsense", "there is no model folder nonsense"),
        ("device:=cuda", "needs a torch with CUDA"),
    ],
)
def test_what_cannot_be_loaded_is_told_before_torch_is_imported(
    start, observer, no_torch, value, words
):
    """A wrong model or a missing GPU used to be told after many seconds of importing torch."""
    path = os.pathsep.join([str(no_torch), os.environ.get("PYTHONPATH", "")])
    process = start("-r", "__ns:=/other", "-p", value, PYTHONPATH=path)
    status = observer.hear("status", lambda s: s.level == b"\x02", patience_s=5 * PATIENCE_S)
    assert status.message.startswith("configure failed: ")
    assert words in status.message
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
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


def test_the_node_s_modules_import_no_opencv():
    """It takes a fifth of the start, and where it is absent the node is to say so in a line."""
    program = "import sys, groma_ros.ros.node; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", program], check=False).returncode == 0
