"""Show the progress of a long write of weights, and read the size limit of its files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator


def shard_bytes(gigabytes: float) -> int:
    """Return the size limit of a file in bytes; raise ValueError unless it is above 0."""
    if not gigabytes > 0:
        raise ValueError(f"--shard-gb is {gigabytes}; give more than 0")
    return int(gigabytes * 1e9)


def show_progress(steps: Iterator[tuple[int, int]], every_s: float = 2.0) -> None:
    """Run all steps, each (bytes done, bytes in all), and show the last one on stderr.

    The line is written anew at most once in `every_s` seconds, and at the end.
    """
    started = shown = time.monotonic()
    for done, total in steps:
        now = time.monotonic()
        if now - shown < every_s and done < total:
            continue
        shown = now
        rate = done / max(now - started, 1e-6)
        print(
            f"\r{done / 1e9:.2f} of {total / 1e9:.2f} GB, {rate / 1e6:.0f} MB/s, "
            f"{(total - done) / rate:.0f} s left ",
            end="",
            file=sys.stderr,
            flush=True,
        )
    print(file=sys.stderr)
