"""Run the steps of set-up: one short line each, everything else into the log."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

HEARTBEAT_S = 15.0


class SetupError(Exception):
    """Stop set-up; the message is the one line that the user reads."""


class Log:
    """Keep the output of commands in one file, and the last lines of it at hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tail: list[str] = []
        path.write_text("")

    def write(self, line: str) -> None:
        """Append a line."""
        with self.path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(line.rstrip("\n") + "\n")
        self.tail = [*self.tail[-199:], line.rstrip()]

    def activity(self) -> str:
        """Return the start of the last line that is neither empty nor a warning."""
        lines = [line.strip() for line in self.tail if line.strip() and "WARNING" not in line]
        return lines[-1][:72] if lines else ""


def fingerprint(*parts: object) -> str:
    """Hash texts and the contents of files (Path objects; a missing file counts as empty)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = f"{part.name}\0{part.read_text() if part.exists() else ''}"
        digest.update(str(part).encode() + b"\1")
    return digest.hexdigest()


class Stamps:
    """Remember which steps ended well, and with which inputs, next to what they made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, name: str) -> str | None:
        """Return what was noted for a step, None for nothing."""
        return self._read().get(name)

    def matches(self, name: str, value: str) -> bool:
        """Tell whether a step ended well with these inputs."""
        return self.get(name) == value

    def set(self, name: str, value: str | None) -> None:
        """Note the inputs of a step that ended well."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({**self._read(), name: value}, indent=1) + "\n")

    def clear(self, name: str) -> None:
        """Forget a step, so that it is done again."""
        stamps = self._read()
        if stamps.pop(name, None) is not None:
            self.path.write_text(json.dumps(stamps, indent=1) + "\n")

    def _read(self) -> dict[str, str | None]:
        try:
            return json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return {}


class Heartbeat:
    """Print what a slow step is doing every HEARTBEAT_S seconds, until the block ends."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._done = threading.Event()
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(HEARTBEAT_S):
            seconds = time.monotonic() - self._start
            print(f"    {seconds:4.0f} s  {self._log.activity()}", flush=True)


class Runner:
    """Print and time steps, and run their commands with the output in the log."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def step(self, title: str, function: Callable[[], str | None]) -> None:
        """Run `function`, print `title`, the detail that it returns, and the time it took."""
        print(f"  {title} ...", flush=True)
        start = time.monotonic()
        with Heartbeat(self.log):
            detail = function()
        print(
            f"    ok{': ' + detail if detail else ''} ({time.monotonic() - start:.1f} s)",
            flush=True,
        )

    def run(
        self,
        command: Sequence[str | Path],
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        what: str = "command",
    ) -> None:
        """Run one command to its end; raise SetupError with the likely cause when it fails."""
        self.log.write(f"$ {' '.join(map(str, command))}")
        process = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            for line in process.stdout:
                self.log.write(line)
        except BaseException:
            process.terminate()
            raise
        finally:
            process.stdout.close()
            process.wait()
        if process.returncode:
            raise SetupError(f"{what} failed: {cause(self.log.tail)} (log: {self.log.path})")


def cause(lines: list[str]) -> str:
    """Find the line that explains a failure in the last lines of a command's output."""
    text = "\n".join(lines)
    if "No space left on device" in text or "ENOSPC" in text or "Disk quota exceeded" in text:
        return "the disk is full"
    for mark in ("ERROR:", "CMake Error", "fatal error:", " error:", "Error"):
        marked = [number for number, line in enumerate(lines) if mark in line]
        if marked:
            message = " ".join(" ".join(lines[marked[-1] : marked[-1] + 4]).split())
            return message if len(message) <= 200 else message[:200] + "..."
    return lines[-1][:200] if lines else "no output"


def main_guard(function: Callable[[], None]) -> None:
    """Turn the failures that a user can mend into one line and exit status 1."""
    try:
        function()
    except SetupError as error:
        fail(str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fail("the disk is full: free some space and run the command again")
        raise
    except KeyboardInterrupt:
        fail("interrupted; run the command again to go on")


def fail(message: str) -> NoReturn:
    """Write why set-up stopped, in one line, and exit with status 1."""
    print(f"set-up stopped: {message}", file=sys.stderr, flush=True)
    sys.exit(1)
