"""Set-up answers what can go wrong with one line, and knows when nothing is left to do."""

import errno
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = ROOT / "tools/bootstrap"
sys.path.insert(0, str(BOOTSTRAP))
import machine as machine_module
from machine import (
    choose_python,
    find_compiler,
    inspect,
    probe_python,
    require_build_parts,
    require_disk,
    sourced_ros,
    supported_range,
)
from steps import Log, Runner, SetupError, Stamps, cause, fingerprint, main_guard

sys.path.remove(str(BOOTSTRAP))


def test_cause_of_no_output():
    assert cause([]) == "no output"


def test_cause_finds_the_full_disk_first():
    lines = ["ERROR: Could not install", "OSError: [Errno 28] No space left on device", "end"]
    assert cause(lines) == "the disk is full"


def test_cause_joins_the_lines_of_a_cmake_error():
    lines = [
        "-- Configuring",
        "CMake Error at CMakeLists.txt:8:",
        "  vision_msgs was not found.",
        "",
    ]
    assert cause(lines) == "CMake Error at CMakeLists.txt:8: vision_msgs was not found."


def test_fingerprint_follows_text_and_file_contents(tmp_path):
    file = tmp_path / "a.txt"
    missing = fingerprint(file)
    file.write_text("one")
    one = fingerprint(file)
    file.write_text("two")
    assert len({missing, one, fingerprint(file)}) == 3
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_stamps_survive_in_their_file_and_can_be_cleared(tmp_path):
    path = tmp_path / "new folder/stamps.json"
    assert not Stamps(path).matches("venv", "x")
    Stamps(path).set("venv", "x")
    Stamps(path).set("packages", "y")
    assert Stamps(path).matches("venv", "x")
    Stamps(path).clear("venv")
    assert not Stamps(path).matches("venv", "x")
    assert Stamps(path).matches("packages", "y")


def test_a_torn_stamp_file_counts_as_nothing_done(tmp_path):
    path = tmp_path / "stamps.json"
    path.write_text('{"venv": ')
    assert not Stamps(path).matches("venv", "x")


def test_a_failing_command_names_cause_and_log(tmp_path):
    runner = Runner(Log(tmp_path / "setup.log"))
    command = [sys.executable, "-c", "import sys; print('ERROR: nothing fits'); sys.exit(3)"]
    with pytest.raises(SetupError, match=r"downloading failed: ERROR: nothing fits \(log: .*\)"):
        runner.run(command, what="downloading")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (SetupError("no C++ compiler was found"), "set-up stopped: no C++ compiler was found\n"),
        (
            OSError(errno.ENOSPC, "full"),
            "set-up stopped: the disk is full: free some space and run the command again\n",
        ),
        (KeyboardInterrupt(), "set-up stopped: interrupted; run the command again to go on\n"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_status_1(error, line, capsys):
    def stop():
        raise error

    with pytest.raises(SystemExit) as stopped:
        main_guard(stop)
    assert stopped.value.code == 1
    assert capsys.readouterr().err == line


def test_a_full_disk_is_told_with_both_numbers(tmp_path):
    with pytest.raises(
        SetupError, match=r"the disk is full: .* GB free, set-up needs 1000000000.0"
    ):
        require_disk(tmp_path, 1e9)


def test_a_missing_compiler_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(SetupError, match="no C.. compiler was found"):
        find_compiler()


def test_a_missing_python_is_no_python():
    assert probe_python("python-that-is-not-there") is None
    assert probe_python(shutil.which("true")) is None


def test_a_python_too_old_to_read_the_set_up_is_told(tmp_path):
    """Python 2 and 3.6 would answer with a SyntaxError; `false` stands for them."""
    old = shutil.which("false")
    command = ["make", "-C", str(ROOT), "setup", f"PYTHON={old}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    reason = f"{old} is no Python {supported_range()}"
    assert answer.stderr.splitlines()[0] == f"set-up stopped: {reason}"


def test_every_file_names_the_supported_pythons():
    low, high = min(machine_module.SUPPORTED), max(machine_module.SUPPORTED)
    versions = {f"{major}.{minor}" for major, minor in machine_module.SUPPORTED}
    requires = f'python_requires=">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"'
    makefile, pyproject = (ROOT / "Makefile").read_text(), (ROOT / "pyproject.toml").read_text()
    assert requires in (ROOT / "setup.py").read_text()
    assert set(re.findall(r"command -v python(3\.\d+)", makefile)) == versions
    assert f"is no Python {supported_range()}" in makefile
    assert f"Python {supported_range()}" in (ROOT / "README.md").read_text()
    assert f'target-version = "py{low[0]}{low[1]}"' in pyproject


def test_an_unsupported_python_is_told_with_its_version(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setattr(machine_module, "SUPPORTED", ((2, 7),))
    with pytest.raises(SetupError, match=r"Python 2\.7 to 2\.7 is needed: .* is 3\.\d+\.\d+"):
        choose_python(tmp_path, None, None)


def test_no_ros_is_sourced_without_distro_or_with_own_prefixes_alone(tmp_path, monkeypatch):
    own = tmp_path / "build/install"
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/opt/ros/jazzy")
    assert sourced_ros(tmp_path) == (None, [])
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(own))
    assert sourced_ros(tmp_path) == (None, [])
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{own}:/opt/ros/jazzy")
    assert sourced_ros(tmp_path) == ("jazzy", [Path("/opt/ros/jazzy")])


def test_a_python_without_venv_and_headers_is_told_what_to_install():
    python = replace(
        probe_python(sys.executable), version=(3, 12, 3), ensurepip=False, headers=False
    )
    with pytest.raises(SetupError, match=r"apt-get install python3.12-venv python3.12-dev$"):
        require_build_parts(python)


def test_a_venv_on_an_installation_that_is_not_sourced_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    with pytest.raises(SetupError, match=r"\.venv builds on ROS 2 jazzy, which is not sourced"):
        inspect(tmp_path, last_distro="jazzy")
