"""How well `groma_ros.depth` finds things: rendered scenes whose truth is known.

    python -m groma_ros.verify.pose_accuracy --count 160
    python -m groma_ros.verify.pose_accuracy --motorcycle FOLDER

Scenes of the test split are drawn with depth; noise and holes are added as a sensor has them. Each
visible thing 0.4 to 1.2 m away is located from its true box. Needs pip install '.[train]'.

The motorcycle is a real picture with depth, from the Middlebury stereo benchmark of 2014 as
scikit-image has it (`skimage.data.stereo_motorcycle`; FOLDER holds motorcycle_disp.npz, which the
wheel of scikit-image 0.16 carries). Nobody measured where its things are: what is printed is how
far the place of a thing lies from the depth of the thing's own pixels.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groma_ros.depth import Lens, Located, locate
from groma_ros.sim.library import hash_name
from groma_ros.sim.render import Renderer, RenderingUnavailable, assemble
from groma_ros.sim.scene import Scene
from groma_ros.sim.staging import plan_scene
from groma_ros.sim.world import Camera
from groma_ros.values.pinhole import Pinhole

DISTANCES_M = (0.4, 1.2)
SIZE_HW = (480, 640)
FOCAL_PX, BASELINE_M, CENTRES_APART_PX = 994.978, 0.193001, 31.086
MOTORCYCLE_BOXES = {
    "motorcycle": (98, 50, 684, 455),
    "front wheel": (505, 268, 684, 455),
    "carton": (528, 28, 596, 98),
    "white bin": (564, 118, 694, 168),
    "headlight": (500, 122, 560, 188),
    "red bin": (480, 172, 620, 252),
}
"""Drawn by hand: things that stand free, in pixels."""
WHOLE = 0.9
"""A thing of which so much is seen counts as whole."""


@dataclass(frozen=True)
class Measured:
    """Hold one thing's figures: error in metres, mask IoU, time in seconds, share that is seen."""

    kind: str
    error_m: float
    mask_iou: float
    seconds: float
    visible: float


def as_measured(depth_m: np.ndarray, noise: float, holes: float, rng) -> np.ndarray:
    """Return a depth image with noise in parts of the depth and holes, half of them in clumps."""
    height, width = depth_m.shape
    noisy = depth_m * (1 + noise * rng.standard_normal(depth_m.shape))
    noisy[rng.random(depth_m.shape) < holes / 2] = np.nan
    covered = 0
    while covered < holes / 2 * depth_m.size:
        rows, columns = rng.integers(4, 30, 2)
        row, column = rng.integers(height), rng.integers(width)
        noisy[row : row + rows, column : column + columns] = np.nan
        covered += rows * columns
    return noisy.astype(np.float32)


def scenes(count: int, split: str, seed: int) -> Iterator[tuple[Scene, Camera, np.ndarray]]:
    """Yield scenes, their cameras and their true depth (H, W) in metres."""
    renderer = Renderer()
    for number in range(count):
        rng = np.random.default_rng([hash_name(split), seed, number])
        plan = plan_scene(rng, renderer.library, split, SIZE_HW)
        rgb, owner, alone = renderer.draw(plan, soft=False)
        scene = assemble(plan, rgb, owner, alone, split, number)
        yield scene, plan.camera, renderer.draw_depth(plan)


def measure(
    scene: Scene, camera: Camera, depth_m: np.ndarray
) -> tuple[list[Measured], Counter[str]]:
    """Locate the things of a scene; return their figures and the reasons of refusals."""
    figures, refused = [], Counter()
    for number, thing in enumerate(scene.objects):
        truth = camera.to_optical(thing.position_m)
        if not DISTANCES_M[0] <= np.linalg.norm(truth) <= DISTANCES_M[1]:
            continue
        started = time.perf_counter()
        try:
            found = locate(depth_m, thing.box_xyxy, Lens(camera.pinhole), thing.kind)
        except ValueError as error:
            refused[f"{thing.kind}: {error}"] += 1
            continue
        seconds = time.perf_counter() - started
        error_m = float(np.linalg.norm(found.position_m - truth))
        overlap = mask_iou(found, scene.index_map == number)
        figures.append(Measured(thing.kind, error_m, overlap, seconds, thing.visible_fraction))
    return figures, refused


def mask_iou(found: Located, truth: np.ndarray) -> float:
    """Return how far a thing's mask and the true one (H, W) bool agree."""
    mask = found.full_mask(truth.shape)
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def motorcycle(folder: Path) -> str:
    """Return a table of the things in the motorcycle's picture: place, size, depth of their pixels.

    The camera is that of `skimage.data.stereo_motorcycle`: depth is focal length times baseline
    over disparity. Raises FileNotFoundError where the folder lacks the disparity.
    """
    disparity = np.load(folder / "motorcycle_disp.npz")["arr_0"]  # (500, 741) pixels
    depth_m = BASELINE_M * FOCAL_PX / (disparity + CENTRES_APART_PX)
    depth_m = np.where(np.isfinite(disparity), depth_m, np.nan).astype(np.float32)
    lens = Lens(Pinhole(FOCAL_PX, FOCAL_PX, 311.193, 254.877))
    heads = ("thing", "ahead (m)", "pixels (m)", "size (m)", "of the box")
    lines = ["{:<14}{:>10}{:>11}{:>22}{:>11}".format(*heads)]
    for name, box in MOTORCYCLE_BOXES.items():
        try:
            found = locate(depth_m, box, lens)
        except ValueError as error:
            lines.append(f"{name:<14} refused: {error}")
            continue
        mask = found.full_mask(depth_m.shape)
        size = " x ".join(f"{side:.2f}" for side in found.size_m)
        share = mask.sum() / ((box[2] - box[0]) * (box[3] - box[1]))
        ahead_m, pixels_m = found.position_m[2], np.nanmedian(depth_m[mask])
        lines.append(f"{name:<14}{ahead_m:>10.2f}{pixels_m:>11.2f}{size:>22}{share:>11.2f}")
    return "\n".join(lines)


def report(figures: list[Measured], refused: Counter[str]) -> str:
    """Return the figures as a table: all, whole things, and each kind."""
    groups = {"all": figures, "whole": [f for f in figures if f.visible >= WHOLE]}
    kinds = defaultdict(list)
    for figure in figures:
        kinds[figure.kind].append(figure)
    groups |= dict(sorted(kinds.items()))
    lines = [f"{'things':<10}{'count':>6}{'median':>8}{'90 %':>8}{'mask IoU':>10}  (errors in cm)"]
    for name, members in groups.items():
        errors = 100 * np.array([f.error_m for f in members])
        overlap = np.median([f.mask_iou for f in members])
        lines.append(
            f"{name:<10}{len(members):>6}{np.median(errors):>8.2f}{np.percentile(errors, 90):>8.2f}"
            f"{overlap:>10.2f}"
        )
    milliseconds = 1e3 * np.median([f.seconds for f in figures])
    lines.append(f"{milliseconds:.1f} ms a thing; {sum(refused.values())} refused")
    lines += [f"  {count} {reason}" for reason, count in refused.most_common(8)]
    return "\n".join(lines)


def main() -> int:
    """Render, measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=160, help="scenes (160)")
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--noise", type=float, default=0.02, help="deviation, of depth (0.02)")
    parser.add_argument("--holes", type=float, default=0.10, help="share of pixels (0.10)")
    parser.add_argument(
        "--motorcycle", type=Path, metavar="FOLDER", help="a real picture instead of rendered ones"
    )
    args = parser.parse_args()
    if args.motorcycle:
        print(motorcycle(args.motorcycle))
        return 0
    rng = np.random.default_rng(args.seed)
    figures: list[Measured] = []
    refused: Counter[str] = Counter()
    try:
        for scene, camera, depth_m in scenes(args.count, args.split, args.seed):
            noisy = as_measured(depth_m, args.noise, args.holes, rng)
            more, reasons = measure(scene, camera, noisy)
            figures += more
            refused += reasons
    except RenderingUnavailable as error:
        print(error, file=sys.stderr)
        return 2
    print(report(figures, refused))
    return 0


if __name__ == "__main__":
    sys.exit(main())
