"""What the colcon build installs is found where ROS tools look for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ament_index_python import get_package_prefix, get_package_share_directory

ROOT = Path(__file__).resolve().parents[2]


def share():
    return Path(get_package_share_directory("groma_ros"))


@pytest.mark.parametrize("folder", ["msg", "srv", "launch", "config", "rviz"])
def test_share_holds_every_file_of(folder):
    for path in (ROOT / folder).iterdir():
        if path.is_file():
            assert (share() / folder / path.name).read_text() == path.read_text()


def test_executables_are_installed_and_can_be_run():
    folder = Path(get_package_prefix("groma_ros")) / "lib/groma_ros"
    for script in (ROOT / "scripts").iterdir():
        assert os.access(folder / script.name, os.X_OK), f"{folder / script.name} can't be run"


def copy_of_the_package(folder):
    """Make a copy of the library without messages, as a pip install is one."""
    (folder / "groma_ros").mkdir(parents=True)
    (folder / "groma_ros/__init__.py").write_text((ROOT / "groma_ros/__init__.py").read_text())
    (folder / "groma_ros/cli.py").write_text("raise ImportError('the wrong copy')\n")
    return folder


@pytest.mark.parametrize("colcon_first", [True, False])
def test_the_install_with_the_messages_wins_over_another_copy(tmp_path, colcon_first):
    other = str(copy_of_the_package(tmp_path / "other"))
    mine = os.environ["PYTHONPATH"]
    code = "import groma_ros.msg, groma_ros.srv, groma_ros.cli as cli; print(cli.__file__)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{mine}:{other}" if colcon_first else f"{other}:{mine}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    prefix = Path(get_package_prefix("groma_ros"))
    assert prefix in Path(answer.stdout.strip()).parents
