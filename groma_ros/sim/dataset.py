"""Render a data set to disk: shards of 512 pictures, in several processes, resumable."""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

import numpy as np

from groma_ros.sim.scene import SPLITS

SHARD_PICTURES = 512
MAX_PICTURES_A_SEED = 10_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `groma render`."""
    parser.add_argument("out", type=Path, help="folder for the shards; complete shards are kept")
    parser.add_argument("--count", type=int, default=20_480, help="pictures (default %(default)s)")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="train",
        help="test shows shapes and textures that train never shows",
    )
    parser.add_argument("--seed", type=int, default=0, help="first part of every picture's seed")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="one size in pixels for all pictures, else sizes vary",
    )


def picture_seed(seed: int, index: int) -> int:
    """Return the scene seed of picture `index` of a data set with this seed."""
    if not 0 <= index < MAX_PICTURES_A_SEED or seed < 0:
        raise ValueError(
            f"seed {seed} must be >= 0 and index {index} in [0, {MAX_PICTURES_A_SEED})"
        )
    return seed * MAX_PICTURES_A_SEED + index


def shard_plan(out: Path, count: int) -> list[tuple[Path, int, int]]:
    """Return (path, first picture, number of pictures) of every shard of a data set."""
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    starts = range(0, count, SHARD_PICTURES)
    return [
        (
            out / f"shard-{start // SHARD_PICTURES:05d}.npz",
            start,
            min(SHARD_PICTURES, count - start),
        )
        for start in starts
    ]


def is_complete(path: Path, pictures: int) -> bool:
    """Return whether a shard exists and holds this many pictures."""
    try:
        with np.load(path) as file:
            return len(file["size_hw"]) == pictures
    except (OSError, ValueError, KeyError):
        return False


_state = {}


def _start_worker(done, size_hw) -> None:
    _state.update(done=done, size_hw=size_hw)


def _render_shard(job) -> str:
    """Render one shard in a worker; return an error line or an empty string."""
    try:
        from groma_ros.sim.render import Renderer, RenderingUnavailable, render_scene
        from groma_ros.sim.shards import write_shard
    except ImportError as error:
        return f"rendering needs {error.name}: pip install .[train]"
    path, first, pictures, split, seed = job
    try:
        renderer = _state.get("renderer") or _state.setdefault("renderer", Renderer())
    except RenderingUnavailable as error:
        return str(error)
    scenes, qualities = [], []
    for index in range(first, first + pictures):
        number = picture_seed(seed, index)
        scenes.append(render_scene(renderer, number, split, _state["size_hw"]))
        qualities.append(int(np.random.default_rng([number, 1]).integers(30, 96)))
        with _state["done"].get_lock():
            _state["done"].value += 1
    write_shard(path, scenes, qualities)
    return ""


def run(args) -> int:
    """Render what is missing; return 0, or 2 with one line on stderr."""
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        wanted = shard_plan(args.out, args.count)
    except (OSError, ValueError) as error:
        print(f"groma render: {error}", file=sys.stderr)
        return 2
    jobs = [
        (path, first, n, args.split, args.seed)
        for path, first, n in wanted
        if not is_complete(path, n)
    ]
    kept = args.count - sum(job[2] for job in jobs)
    if kept:
        print(f"{kept} of {args.count} pictures are there already", flush=True)
    if not jobs:
        return 0
    spawn = multiprocessing.get_context("spawn")
    done = spawn.Value("l", 0)
    size_hw = tuple(args.size) if args.size else None
    with spawn.Pool(max(1, min(args.workers, len(jobs))), _start_worker, (done, size_hw)) as pool:
        waiting = pool.imap_unordered(_render_shard, jobs)
        return _watch(waiting, len(jobs), done, sum(job[2] for job in jobs))


def _watch(waiting, shards: int, done, total: int) -> int:
    """Print progress until every shard is written; stop at the first error."""
    began, finished = time.monotonic(), 0
    while finished < shards:
        try:
            problem = waiting.next(timeout=10)
        except multiprocessing.TimeoutError:
            _report(done.value, total, time.monotonic() - began)
            continue
        if problem:
            print(f"groma render: {problem}", file=sys.stderr)
            return 2
        finished += 1
    _report(done.value, total, time.monotonic() - began)
    return 0


def _report(done: int, total: int, elapsed_s: float) -> None:
    rate = done / max(elapsed_s, 1e-6)
    left = (total - done) / rate / 60 if done else float("nan")
    print(f"{done}/{total} pictures, {rate:.1f} a second, {left:.1f} min left", flush=True)


def main() -> int:
    """Run `python -m groma_ros.sim.dataset`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
