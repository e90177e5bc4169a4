"""The launch files, wherever ROS has launch_ros (its Python wheels have not)."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import GetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from robot_bench import PATIENCE_S, value_of

pytest.importorskip("launch_ros", reason="launch_ros is not installed: launch files not tried")

from ament_index_python.packages import get_package_share_directory
from launch.launch_description_sources import get_launch_description_from_python_launch_file

LAUNCH = Path(get_package_share_directory("groma_ros")) / "launch"
OF_NAV2 = {"namespace", "use_sim_time", "params_file", "autostart", "log_level"}
OF_GROMA = {"model", "device", "dtype", "mode", "rviz", "rviz_config"}
OF_GROMA |= {"image_transport", "depth_transport", "target_frame"}
TOPICS = {"image_topic", "depth_topic", "camera_info_topic", "command_topic"}
RUN = """
import sys
from launch import LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
service = LaunchService(argv=sys.argv[2:])
arguments = [word.split(":=") for word in sys.argv[2:]]
service.include_launch_description(IncludeLaunchDescription(
    PythonLaunchDescriptionSource(sys.argv[1]), launch_arguments=arguments))
sys.exit(service.run())
"""


@pytest.mark.parametrize(
    "file, more", [("groma.launch.py", set()), ("demo.launch.py", {"source", "command"})]
)
def test_every_argument_is_visible_and_described(file, more):
    """Arguments that are hidden inside an OpaqueFunction are not in `--show-args`."""
    description = get_launch_description_from_python_launch_file(str(LAUNCH / file))
    arguments = {a.name: a for a in description.get_launch_arguments()}
    assert arguments.keys() == OF_NAV2 | OF_GROMA | TOPICS | more
    for argument in arguments.values():
        assert argument.description
        assert argument.default_value is not None


def test_what_is_launched_has_the_arguments(sides):
    _, robot = sides
    latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    usual = robot.heard["status"]
    ear = robot.listen(DiagnosticStatus, "/arm/groma/status", latched)
    usual_client = robot.clients[GetParameters]
    robot.clients[GetParameters] = robot.node.create_client(
        GetParameters, "/arm/groma/get_parameters"
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-c",
            RUN,
            str(LAUNCH / "groma.launch.py"),
            "namespace:=arm",
            "autostart:=false",
            "use_sim_time:=true",
            "mode:=continuous",
            "model:=/some/folder",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        robot.hear("status", lambda s: value_of(s, "state") == "unconfigured")
        names = ["autostart", "use_sim_time", "mode", "model", "device", "rate_hz"]
        got = robot.call(GetParameters, GetParameters.Request(names=names)).values
        assert [got[0].bool_value, got[1].bool_value] == [False, True]
        assert [v.string_value for v in got[2:5]] == ["continuous", "/some/folder", "auto"]
        assert got[5].double_value == 2.0
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        robot.heard["status"] = usual
        robot.node.destroy_subscription(ear)
        robot.node.destroy_client(robot.clients[GetParameters])
        robot.clients[GetParameters] = usual_client
    assert "process has finished cleanly" in output
    assert process.returncode == 0
