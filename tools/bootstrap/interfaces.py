"""Build the message packages with colcon into build/ and write the `activate` file."""

from __future__ import annotations

import os
import shlex

from environment import Environment
from machine import OVERLAID, require_disk
from steps import Runner, Stamps, fingerprint

INSTALLED = ("groma_ros", "launch", "config", "rviz", "scripts")
BUILD_DISK_GB = 0.5
ACTIVATE = """\
# Written by `make setup`: source it (`. ./activate`) to use groma_ros and its ROS 2 in this shell.
_groma_ros_prepend() {{
  eval "_groma_ros_old=\\${{$1-}}"
  case ":$_groma_ros_old:" in
    *":$2:"*) ;;
    *) export "$1=$2${{_groma_ros_old:+:$_groma_ros_old}}" ;;
  esac
}}
{lines}
unset _groma_ros_old
unset -f _groma_ros_prepend
"""


class Workspace:
    """The colcon workspace under build/, for one environment."""

    def __init__(self, environment: Environment, runner: Runner, stamps: Stamps) -> None:
        self.environment = environment
        self.machine = environment.machine
        self.root = environment.root
        self.runner = runner
        self.stamps = stamps
        self.base = self.root / "build"
        self.install = self.base / "install"

    @property
    def sources(self) -> str:
        """Hash what the build reads: interface files by content, installed files by name."""
        contents = [self.root / "package.xml", self.root / "CMakeLists.txt"]
        for folder in (self.root, *(self.root / "tools" / name for name in OVERLAID)):
            for kind in ("msg", "srv", "action"):
                contents += sorted((folder / kind).glob(f"*.{kind}"))
        names = [
            path.relative_to(self.root)
            for folder in INSTALLED
            for path in sorted((self.root / folder).rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        ]
        return fingerprint(
            self.environment.packages,
            *self.machine.installed_messages,
            self.activate_text(),
            *contents,
            *map(str, names),
        )

    def is_current(self) -> bool:
        """Tell whether the last build had the same inputs."""
        return (self.root / "activate").exists() and self.stamps.matches("built", self.sources)

    def build(self) -> None:
        """Build the packages and write `activate`, unless that is done."""
        if self.is_current():
            return
        self.stamps.clear("built")
        require_disk(self.root, BUILD_DISK_GB)
        self.runner.step("messages and node (colcon build)", self.run_colcon)
        (self.root / "activate").write_text(self.activate_text())
        self.stamps.set("built", self.sources)

    def run_colcon(self) -> str:
        """Build the packages; return which messages come from the installation, if any."""
        there = self.machine.installed_messages
        folders = [f"tools/{name}" for name in OVERLAID if name not in there] + ["."]
        self.runner.run(
            [
                self.environment.python,
                "-m",
                "colcon",
                "--log-base",
                "build/log",
                "build",
                "--base-paths",
                *folders,
                "--build-base",
                "build/build",
                "--install-base",
                "build/install",
                "--merge-install",
                "--symlink-install",
                "--executor",
                "sequential",
                "--event-handlers",
                "console_direct+",
                "--cmake-args",
                f"-DPython3_EXECUTABLE={self.environment.python}",
                "-DBUILD_TESTING=OFF",
                "-Wno-unused-cli",
            ],
            env=self.build_variables(),
            cwd=self.root,
            what="the interface build",
        )
        return f"{', '.join(there)} of the installation" if there else ""

    def search_paths(self) -> dict[str, list[str]]:
        """List, for each variable, the folders that have to come first, the first one foremost."""
        venv, install = self.environment.venv, self.install
        tag = "python{}.{}".format(*self.machine.python.version)
        paths = {
            "PATH": [venv / "bin"],
            "AMENT_PREFIX_PATH": [install],
            "CMAKE_PREFIX_PATH": [install],
            "LD_LIBRARY_PATH": [install / "lib"],
            "PYTHONPATH": [install / "lib" / tag / "site-packages"],
        }
        if self.machine.ros_distro is None:
            libraries = sorted(self.environment.site_packages.glob("ros_*.libs"))
            paths["AMENT_PREFIX_PATH"].append(venv)
            paths["CMAKE_PREFIX_PATH"].append(venv)
            paths["LD_LIBRARY_PATH"] += [venv / "lib", *libraries]
        else:
            for name, folders in paths.items():
                own = str(self.root) + os.sep
                sourced = [p for p in os.environ.get(name, "").split(os.pathsep) if p]
                folders += [p for p in sourced if name != "PATH" and not p.startswith(own)]
        return {name: [str(folder) for folder in folders] for name, folders in paths.items()}

    def variables(self) -> dict[str, str]:
        """List the variables that are set rather than extended."""
        values = {
            "VIRTUAL_ENV": str(self.environment.venv),
            "ROS_VERSION": "2",
            "ROS_PYTHON_VERSION": "3",
        }
        if self.machine.ros_distro is not None:
            values["ROS_DISTRO"] = self.machine.ros_distro
        else:
            # The wheels restart Python to set LD_LIBRARY_PATH unless this says that it is set.
            values["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] = "1"
        return values

    def build_variables(self) -> dict[str, str]:
        """Return the environment for colcon: that of `activate`, and make's own one replaced.

        Without MAKEFLAGS colcon limits make by the load average, which stalls on a busy machine.
        """
        env = {k: v for k, v in os.environ.items() if k not in ("MFLAGS", "MAKELEVEL")}
        env["MAKEFLAGS"] = f"-j{os.cpu_count()}"
        for name, folders in self.search_paths().items():
            env[name] = os.pathsep.join([*folders, *filter(None, [env.get(name)])])
        return {**env, **self.variables()}

    def activate_text(self) -> str:
        """Return the shell file that makes the environment current."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.variables().items()]
        for name, folders in self.search_paths().items():
            lines += [f"_groma_ros_prepend {name} {shlex.quote(f)}" for f in reversed(folders)]
        return ACTIVATE.format(lines="\n".join(lines))
