"""Make the virtual environment and fill it with packages."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from machine import Machine, probe_python, require_disk
from steps import Runner, SetupError, Stamps, fingerprint

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DISK_GB = {"cpu": 4.0, "cuda": 12.0}
WHEEL_BUILD_PYTHON = "/opt/python/cp{0}{1}-cp{0}{1}"


class Environment:
    """The project's .venv for one machine."""

    def __init__(self, root: Path, machine: Machine, runner: Runner, stamps: Stamps) -> None:
        self.root = root
        self.machine = machine
        self.runner = runner
        self.stamps = stamps
        self.venv = root / ".venv"
        self.python = self.venv / "bin/python"
        self.requirements = root / "tools/requirements"

    @property
    def site_packages(self) -> Path:
        """The folder of installed packages."""
        return self.venv / "lib/python{}.{}/site-packages".format(*self.machine.python.version)

    @property
    def identity(self) -> str:
        """Hash what the environment is made from: interpreter, ROS installation, GPU."""
        machine = self.machine
        return fingerprint(
            machine.python.executable,
            machine.python.version_text,
            machine.ros_distro,
            machine.has_gpu,
            str(self.venv),
        )

    @property
    def package_files(self) -> list[Path]:
        """The lists of packages that this machine needs."""
        files = ["constraints.txt", "build.txt"]
        if self.machine.ros_distro is None:
            files.append("ros-kilted.txt")
        return [self.requirements / name for name in files]

    @property
    def packages(self) -> str:
        """Hash what is to be installed."""
        return fingerprint(self.identity, self.root / "setup.py", *self.package_files)

    def is_current(self) -> bool:
        """Tell whether everything that is asked for is installed."""
        return self.python.exists() and self.stamps.matches("packages", self.packages)

    def build(self) -> None:
        """Run every step that is not done yet."""
        kind = "cuda" if self.machine.has_gpu else "cpu"
        if not self.is_current():
            require_disk(self.root, DISK_GB[kind] if not self.python.exists() else 1.0)
        if not (self.stamps.matches("venv", self.identity) and probe_python(str(self.python))):
            self.runner.step("virtual environment .venv", self.make_venv)
        if self.is_current():
            return
        self.stamps.clear("packages")
        ros = "ROS 2 Kilted wheels and " if self.machine.ros_distro is None else ""
        self.runner.step(f"{ros}build tools", self.install_build_tools)
        self.runner.step(
            f"torch ({kind.upper() if kind == 'cpu' else 'CUDA'} build)",
            lambda: self.install_torch(kind),
        )
        self.runner.step("groma_ros and its Python packages", self.install_library)
        self.stamps.set("packages", self.packages)

    def make_venv(self) -> str:
        """Make .venv anew and return the version of its Python."""
        command = [self.machine.python.executable, "-m", "venv", "--clear"]
        if self.machine.ros_distro is not None:
            command.append("--system-site-packages")
        self.runner.run([*command, self.venv], what="making .venv")
        if self.machine.ros_distro is not None and not probe_python(str(self.python)).rclpy:
            self.borrow_site_packages()
        self.stamps.set("python", self.machine.python.executable)
        self.stamps.set("distro", self.machine.ros_distro)
        self.stamps.set("venv", self.identity)
        return self.machine.python.version_text

    def borrow_site_packages(self) -> None:
        """Show the environment the packages of a ROS installation that itself is a venv."""
        line = f"import site; site.addsitedir({self.machine.python.site_packages!r})\n"
        (self.site_packages / "_ros_installation.pth").write_text(line)

    def pip(self, *arguments: str | Path, what: str) -> None:
        """Run `pip install` in the environment, held to the constraints."""
        self.runner.run(
            [
                self.python,
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--progress-bar",
                "off",
                "--no-compile",
                *self.constraints(),
                *arguments,
            ],
            what=what,
            cwd=self.root,
        )

    @property
    def borrows_torch(self) -> bool:
        """Whether torch comes from the ROS installation."""
        return self.machine.ros_distro is not None and self.machine.python.torch

    def constraints(self) -> list[str | Path]:
        """Hold to the tested releases, except where the packages of an installation stay in use.

        Its compiled messages were built with its numpy and load no other major release of it.
        """
        lines = (self.requirements / "constraints.txt").read_text().splitlines()
        if self.borrows_torch:
            lines = [line for line in lines if not line.startswith("torch=")]
        if self.machine.ros_distro is not None and self.machine.python.numpy:
            major = int(self.machine.python.numpy.split(".")[0])
            lines.append(f"numpy>={major},<{major + 1}")
        path = self.venv / "constraints.txt"
        path.write_text("\n".join(lines) + "\n")
        return ["-c", path]

    def install_build_tools(self) -> str:
        """Install what colcon needs and, without a ROS installation, ROS 2 itself."""
        names = ["build.txt"] + (["ros-kilted.txt"] if self.machine.ros_distro is None else [])
        arguments = [part for name in names for part in ("-r", self.requirements / name)]
        self.pip(*arguments, what="installing build tools")
        if self.machine.ros_distro is None:
            self.mend_cmake_exports()
        return ""

    def mend_cmake_exports(self) -> None:
        """Point the wheels' CMake exports at this Python; they name the one that built them."""
        built_with = WHEEL_BUILD_PYTHON.format(*self.machine.python.version)
        major_minor = "python{}.{}".format(*self.machine.python.version)
        include = self.ask("import sysconfig; print(sysconfig.get_path('include'))")
        numpy_include = self.ask("import numpy; print(numpy.get_include())")
        replacements = {
            f"{built_with}/lib/{major_minor}/site-packages/numpy/_core/include": numpy_include,
            f"{built_with}/include/{major_minor}": include,
        }
        for path in (self.venv / "share").glob("*/cmake/*.cmake"):
            text = original = path.read_text()
            for old, new in replacements.items():
                text = text.replace(old, new)
            if text != original:
                path.write_text(text)

    def install_torch(self, kind: str) -> str:
        """Install torch by itself, because the index decides which build it is; return its version.

        The default index holds the CUDA build with several gigabytes of libraries, or on some
        machines a CPU build. The CPU index is asked as well where it can be reached.
        """
        if self.borrows_torch:
            return "the one of the installation"
        extra = []
        if kind == "cpu" and reachable(f"{TORCH_CPU_INDEX}/torch/"):
            extra = ["--extra-index-url", TORCH_CPU_INDEX]
        self.pip("torch", *extra, what="installing torch")
        return self.ask("import torch; print(torch.__version__)")

    def install_library(self) -> str:
        """Install this repository in editable form, with what the node and the tests need."""
        installed_cv2 = self.machine.ros_distro is not None and self.machine.python.cv2
        extras = "test" if installed_cv2 else "ros,test"
        self.pip("--no-build-isolation", "-e", f".[{extras}]", what="installing Python packages")
        return ""

    def ask(self, code: str) -> str:
        """Run a line of Python in the environment and return what it prints."""
        answer = subprocess.run(
            [self.python, "-c", code], capture_output=True, text=True, check=False
        )
        if answer.returncode:
            raise SetupError(f"the environment is broken: {answer.stderr.strip().splitlines()[-1]}")
        return answer.stdout.strip()


def reachable(url: str, timeout_s: float = 8.0) -> bool:
    """Tell whether an address answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s):
            return True
    except (OSError, urllib.error.URLError):
        return False
