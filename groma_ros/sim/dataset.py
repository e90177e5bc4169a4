"""Render a data set to disk: shards of 512 pictures, in several processes, resumable."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from dataclasses import dataclass
from multiprocessing.pool import IMapIterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np

from groma_ros.sim.kinds import KIND_SETS
from groma_ros.sim.library import Library, add_scans, make_library
from groma_ros.sim.pictures_on_disk import count_pictures, shard_plan, write_shard
from groma_ros.sim.scans import check_folder, read_scans
from groma_ros.sim.scene import SPLITS

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

    parser.add_argument(
        "--kinds",
        choices=tuple(KIND_SETS),
        default="tabletop",
        help="tabletop: the kinds that groma-nano was made for, and the scenes that it is measured "
        "on; all: forks, tools, fruit, phones and more beside them (default %(default)s)",
    )
    parser.add_argument(
        "--meshes",
        type=Path,
        metavar="DIR",
        help="mix in scanned meshes: NAME.npz with NAME.jpg, spoken names in names.json "
        "(docs/RENDERING.md)",
    )


def picture_seed(seed: int, index: int) -> int:
    """Return the scene seed of picture `index` of a data set with this seed."""
    if not 0 <= index < MAX_PICTURES_A_SEED or seed < 0:
        raise ValueError(
            f"seed {seed} must be >= 0 and index {index} in [0, {MAX_PICTURES_A_SEED})"
        )
    return seed * MAX_PICTURES_A_SEED + index


@dataclass(frozen=True)
class ShardJob:
    """Say what one shard shall hold: `pictures` pictures of a data set, from number `first` on."""

    path: Path
    first: int
    pictures: int
    split: str
    seed: int
    size_hw: tuple[int, int] | None
    kinds: str
    meshes: Path | None


_worker: dict[str, Any] = {}
"""What a worker process keeps between shards: the counter of finished pictures, the renderer."""


def _start_worker(done: Synchronized[int]) -> None:
    _worker["done"] = done


def _render_shard(job: ShardJob) -> str:
    """Render one shard in a worker; return an error line or an empty string."""
    try:
        from groma_ros.sim.photo import encode_jpeg
        from groma_ros.sim.render import Renderer, RenderingUnavailable, render_scene
    except ImportError as error:
        return f"rendering needs {error.name}: pip install .[train]"
    try:
        renderer = _worker.get("renderer") or Renderer(library_of(job.kinds, job.meshes))
        _worker["renderer"] = renderer
    except (RenderingUnavailable, ValueError) as error:
        return str(error)
    scenes, jpegs = [], []
    for index in range(job.first, job.first + job.pictures):
        number = picture_seed(job.seed, index)
        scenes.append(render_scene(renderer, number, job.split, job.size_hw))
        jpegs.append(encode_jpeg(scenes[-1].rgb, jpeg_quality(number)))
        with _worker["done"].get_lock():
            _worker["done"].value += 1
    write_shard(job.path, scenes, jpegs, [kind.name for kind in renderer.library.kinds])
    return ""


def library_of(kinds: str, meshes: Path | None = None) -> Library:
    """Return the shapes of one of `KIND_SETS`, and the scans of a folder with them.

    Raises ValueError where a file of the folder is no mesh.
    """
    library = make_library(KIND_SETS[kinds])
    return add_scans(library, read_scans(meshes, library.kinds)) if meshes else library


def jpeg_quality(scene_seed: int) -> int:
    """Return the quality, 30 to 95, with which a scene's picture is stored."""
    return int(np.random.default_rng([scene_seed, 1]).integers(30, 96))


def run(args: argparse.Namespace) -> int:
    """Render what is missing; return 0, or 2 with one line on stderr."""
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        wanted = shard_plan(args.out, args.count)
        if args.meshes:
            check_folder(args.meshes)
    except (OSError, ValueError) as error:
        print(f"groma render: {error}", file=sys.stderr)
        return 2
    size_hw = tuple(args.size) if args.size else None
    jobs = [
        ShardJob(path, first, pictures, args.split, args.seed, size_hw, args.kinds, args.meshes)
        for path, first, pictures in wanted
        if count_pictures(path) != pictures
    ]
    missing = sum(job.pictures for job in jobs)
    if missing < args.count:
        print(f"{args.count - missing} of {args.count} pictures are there already", flush=True)
    if not jobs:
        return 0
    spawn = multiprocessing.get_context("spawn")
    done = spawn.Value("l", 0)
    with spawn.Pool(max(1, min(args.workers, len(jobs))), _start_worker, (done,)) as pool:
        return _watch(pool.imap_unordered(_render_shard, jobs), len(jobs), done, missing)


def _watch(problems: IMapIterator[str], shards: int, done: Synchronized[int], total: int) -> int:
    """Print progress until every shard is written; stop at the first error."""
    began, finished = time.monotonic(), 0
    while finished < shards:
        try:
            problem = problems.next(timeout=10)
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
