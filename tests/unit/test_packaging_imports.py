"""The library needs no ROS: everything outside of groma_ros.ros imports with ROS out of reach."""

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "groma_ros"

# Runs in a process of its own, with the modules' names as arguments. Being asked for a ROS package
# or for MuJoCo ends the import; a CUDA context or a changed torch setting is told afterwards.
PROGRAM = """
import importlib, sys

BLOCKED = {"rclpy", "std_msgs", "sensor_msgs", "vision_msgs", "geometry_msgs", "diagnostic_msgs",
           "visualization_msgs", "lifecycle_msgs", "launch", "launch_ros", "ament_index_python",
           "mujoco"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED or name.startswith(("groma_ros.msg", "groma_ros.srv")):
            raise ModuleNotFoundError(f"{name} is out of reach in this test")

sys.meta_path.insert(0, Refuse())
import torch
before = (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype())
for name in sys.argv[1:]:
    importlib.import_module(name)
assert not torch.cuda.is_initialized(), "importing touched CUDA"
after = (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype())
assert after == before, f"importing changed torch's settings: {before} became {after}"
"""


def library_modules():
    """Name every module of the package but those of groma_ros.ros."""
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    return sorted(name for name in names if not name.startswith("groma_ros.ros"))


def test_the_library_imports_without_ros_and_changes_nothing():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *library_modules()],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
