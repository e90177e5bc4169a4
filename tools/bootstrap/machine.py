"""Find out what the machine offers: Python, compiler, disk, ROS 2 installation, GPU."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from steps import SetupError

# The Pythons that set-up takes, in the order in which it looks for them. A test holds setup.py, the
# Makefile, the README and the linter's target to this list.
SUPPORTED = ((3, 12), (3, 11), (3, 13))
# Message packages that set-up builds from tools/ where the installation lacks them.
OVERLAID = ("vision_msgs", "foxglove_msgs")
COMPILERS = ("c++", "g++", "clang++")
PROBE = """
import importlib.util, json, os, sys, sysconfig
def has(name):
    return importlib.util.find_spec(name) is not None
numpy = None
if has("numpy"):
    import numpy as module
    numpy = module.__version__
include = sysconfig.get_path("include")
in_venv = sys.prefix != sys.base_prefix
print(json.dumps({
    "executable": sys.executable if in_venv else os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "venv": has("venv"),
    "ensurepip": has("ensurepip"),
    "headers": os.path.exists(os.path.join(include, "Python.h")),
    "rclpy": has("rclpy"),
    "numpy": numpy,
    "cv2": has("cv2"),
    "torch": has("torch"),
    "site_packages": sysconfig.get_path("purelib"),
}))
"""


@dataclass(frozen=True)
class Python:
    """An interpreter and what it can import."""

    executable: str
    version: tuple[int, int, int]
    venv: bool
    ensurepip: bool
    headers: bool
    rclpy: bool
    numpy: str | None
    cv2: bool
    torch: bool
    site_packages: str

    @property
    def version_text(self) -> str:
        """The version with dots, as in \"3.12.3\"."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Machine:
    """What set-up builds on. `ros_distro` is None where no ROS 2 installation is sourced.

    `installed_messages` are those of OVERLAID that the installation has.
    """

    python: Python
    compiler: str
    ros_distro: str | None
    installed_messages: tuple[str, ...]
    has_gpu: bool


def probe_python(command: str) -> Python | None:
    """Ask an interpreter about itself; None when it does not run."""
    path = shutil.which(command)
    if path is None:
        return None
    try:
        answer = subprocess.run(
            [path, "-c", PROBE], capture_output=True, text=True, timeout=60, cwd="/", check=True
        )
        facts = json.loads(answer.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return Python(**{**facts, "version": tuple(facts["version"])})


def inspect(root: Path, last_python: str | None = None, last_distro: str | None = None) -> Machine:
    """Collect the facts; raise SetupError, one line, for what set-up can't do without.

    `last_python` and `last_distro` are those that .venv was made with, if there is one.
    """
    ros_distro, prefixes = sourced_ros(root)
    if last_distro and not ros_distro:
        raise SetupError(
            f".venv builds on ROS 2 {last_distro}, which is not sourced: source its setup.bash, "
            "or remove .venv to go on without that installation"
        )
    python = choose_python(root, ros_distro, last_python)
    require_build_parts(python)
    if ros_distro is None and (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(
            "ROS 2 wheels exist for Linux on x86_64 only: source a ROS 2 installation "
            f"(/opt/ros/<distro>/setup.bash) on {platform.system()} {platform.machine()}"
        )
    return Machine(
        python=python,
        compiler=find_compiler(),
        ros_distro=ros_distro,
        installed_messages=tuple(
            name
            for name in OVERLAID
            if any((p / f"share/{name}/package.xml").exists() for p in prefixes)
        ),
        has_gpu=nvidia_gpu_present(),
    )


def require_build_parts(python: Python) -> None:
    """Raise SetupError for what Debian packs apart from Python and set-up needs."""
    name = "python{}.{}".format(*python.version)
    missing = [] if python.venv and python.ensurepip else [f"{name}-venv"]
    missing += [] if python.headers else [f"{name}-dev"]
    if missing:
        raise SetupError(
            f"{python.executable} lacks its venv module or its C headers: "
            f"apt-get install {' '.join(missing)}"
        )


def sourced_ros(root: Path) -> tuple[str | None, list[Path]]:
    """Return (distro, prefixes) of a sourced ROS 2 installation, or (None, []).

    Prefixes inside the repository are this project's own, from `. ./activate`, and do not count.
    """
    entries = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    prefixes = [p for p in entries if root != p and root not in p.parents]
    distro = os.environ.get("ROS_DISTRO")
    return (distro, prefixes) if distro and prefixes else (None, [])


def choose_python(root: Path, ros_distro: str | None, last: str | None) -> Python:
    """Pick $PYTHON, else the first supported interpreter, with ROS the one that has rclpy.

    The one that made .venv, `last`, is asked first: another PATH is no reason to start again.
    """
    wanted = os.environ.get("PYTHON")
    names = [wanted] if wanted else [last or "", "python3", "/usr/bin/python3"]
    if not wanted and ros_distro is None:
        names += ["python{}.{}".format(*version) for version in SUPPORTED]
    found = []
    for python in map(probe_python, names):
        if python is None or root / ".venv" in Path(python.executable).parents:
            continue
        if python.version[:2] in SUPPORTED and (ros_distro is None or python.rclpy):
            return python
        found.append(python)
    seen = ", ".join(f"{p.executable} is {p.version_text}" for p in found) or "none was found"
    if ros_distro is not None:
        raise SetupError(
            f"no Python {supported_range()} can import rclpy of ROS 2 {ros_distro}: {seen}"
        )
    raise SetupError(
        f"Python {supported_range()} is needed: {seen} (PYTHON=/path/to/python make ...)"
    )


def supported_range() -> str:
    """Return the supported Pythons in words: the lowest to the highest."""
    return "{}.{} to {}.{}".format(*min(SUPPORTED), *max(SUPPORTED))


def find_compiler() -> str:
    """Return the C++ compiler that CMake would take."""
    for name in [os.environ.get("CXX"), *COMPILERS]:
        if name and shutil.which(name):
            return name
    raise SetupError("no C++ compiler was found: apt-get install g++")


def nvidia_gpu_present() -> bool:
    """Tell whether an NVIDIA driver lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    answer = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and "GPU" in answer.stdout


def require_disk(folder: Path, needed_gb: float) -> None:
    """Raise SetupError when less than `needed_gb` gigabytes are free where `folder` lies."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"the disk is full: {folder} has {free_gb:.1f} GB free, set-up needs {needed_gb:.1f} GB"
        )
