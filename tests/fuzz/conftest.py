"""How much is tried on the functions that read what others send: FUZZ_INPUTS for each test.

`make test` tries a few inputs, the same ones each time; `make fuzz` tries 10,000 and prints what
became of them. An input that is found to do harm becomes an example of its test.
"""

import gc
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from inputs import INPUTS

LONGEST_REASON = 1000
TALLIES = []


class Tally:
    """Count what became of the inputs of one test.

    taken    inputs that were read
    refused  inputs that were refused with a ValueError of one line
    """

    def __init__(self, name):
        self.name, self.taken, self.refused, self.slowest_s = name, 0, 0, 0.0
        self.started_s, self.before_mib = time.monotonic(), memory_mib()

    def read(self, function, *args, **kwargs):
        """Return what a function makes of an input, or None where it refuses it."""
        started_s = time.monotonic()
        try:
            result = function(*args, **kwargs)
        except ValueError as error:
            reason = str(error)
            assert reason.strip() and "\n" not in reason.strip(), f"not one line: {reason!r}"
            assert len(reason) <= LONGEST_REASON, f"a reason of {len(reason)} characters"
            self.refused += 1
            return None
        finally:
            self.slowest_s = max(self.slowest_s, time.monotonic() - started_s)
        self.taken += 1
        return result

    def __str__(self):
        gc.collect()
        more_mib = memory_mib() - self.before_mib
        return (
            f"{self.name}: {self.taken} taken, {self.refused} refused, slowest "
            f"{1e3 * self.slowest_s:.0f} ms, memory {more_mib:+.0f} MiB, "
            f"{time.monotonic() - self.started_s:.0f} s"
        )


def memory_mib():
    return psutil.Process().memory_info().rss / 2**20


@pytest.fixture(scope="module")
def tally(request):
    """Give a function that returns the count of a test by its name."""
    tallies = {}

    def of(name):
        if name not in tallies:
            tallies[name] = Tally(name)
        return tallies[name]

    yield of
    TALLIES.extend(map(str, tallies.values()))


def pytest_terminal_summary(terminalreporter):
    if "FUZZ_INPUTS" in os.environ:
        terminalreporter.section(f"{INPUTS} inputs a test")
        for line in TALLIES:
            terminalreporter.write_line(line)
