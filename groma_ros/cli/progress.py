"""Tell how far a long write of weights is, and how large its files may be."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator


def shard_bytes(gigabytes: float) -> int:
    """Return the size of a file in bytes; raise ValueError for none."""
    if not gigabytes > 0:
        raise ValueError(f"--shard-gb is {gigabytes}; give more than 0")
    return int(gigabytes * 1e9)


def show_progress(steps: Iterator[tuple[int, int]], every_s: float = 2.0) -> None:
    """Run through steps of (bytes done, bytes in all) and tell stderr about them now and then."""
    started = told = time.monotonic()
    for done, total in steps:
        now = time.monotonic()
        if now - told < every_s and done < total:
            continue
        told = now
        rate = done / max(now - started, 1e-6)
        print(
            f"\r{done / 1e9:.2f} of {total / 1e9:.2f} GB, {rate / 1e6:.0f} MB/s, "
            f"{(total - done) / rate:.0f} s left ",
            end="",
            file=sys.stderr,
            flush=True,
        )
    print(file=sys.stderr)
