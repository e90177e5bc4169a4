"""How well ids last: rendered sequences whose truth is known, and what following costs.

    python -m groma_ros.verify.tracking_accuracy --count 16

In each sequence of `sim/motion` one thing is followed through a crossing with its twin and behind
something tall, while the camera moves. It keeps its id in a frame where the box of that id covers
what is visible of it (IoU from 0.3 on; half hidden things are boxed loosely). Only regions and
their features are used, the language model is never asked again. Beside it: every other thing of
the sequences, and how much faster a frame is followed than grounded anew. Needs
pip install '.[train]'.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from groma_ros.cli.options import add_model_arguments, add_model_name, load
from groma_ros.predictor import Predictor
from groma_ros.sim.motion import RATE_HZ, MovingScene, render_moving
from groma_ros.sim.render import Renderer, RenderingUnavailable
from groma_ros.tracking import Tracker
from groma_ros.values.boxes import iou

LEAST_VISIBLE = 0.35
COVERS_IOU = 0.3
GROUNDED_EVERY = 20
"""Every so many frames are grounded anew, to compare the times."""


@dataclass(frozen=True)
class Kept:
    """Count the frames in which things were visible, and in how many they kept their id.

    names of the two: of the followed things, and of all.
    """

    followed: tuple[int, int]
    every: tuple[int, int]


def kept_ids(scene: MovingScene, regions: Sequence[tuple[np.ndarray, np.ndarray]]) -> Kept:
    """Count how often the things of a scene keep the id of their first frame.

    regions are the boxes (n, 4) and the features (n, D) of each frame.
    """
    tracker, ids = Tracker(), {}
    counts = np.zeros((len(scene.things), 2), dtype=int)
    for number, (frame, (boxes, features)) in enumerate(zip(scene.frames, regions, strict=True)):
        tracker.update(boxes, features, number / RATE_HZ)
        for thing in np.flatnonzero(frame.visible >= LEAST_VISIBLE).tolist():
            box = frame.boxes_xyxy[thing]
            if thing in ids:
                track = tracker.track(ids[thing])
                covered = track is not None and iou(box, track.box_xyxy)[0, 0] >= COVERS_IOU
                counts[thing] += covered, 1
            elif number == 0 and iou(box, boxes).max(initial=0) >= 0.5:
                (ids[thing],) = tracker.ids_of(box)
    return Kept(tuple(counts[scene.followed]), tuple(counts.sum(axis=0)))


def look_at_frames(
    predictor: Predictor, scene: MovingScene, command: str, times_s: dict[str, list[float]]
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Yield what each frame's regions are; now and then a frame is grounded too, for the time."""
    for number, frame in enumerate(scene.frames):
        start = time.perf_counter()
        seen = predictor.look(frame.rgb)
        times_s["follow"].append(time.perf_counter() - start)
        yield seen.boxes_xyxy, seen.features
        if number % GROUNDED_EVERY == 0:
            start = time.perf_counter()
            predictor.ground(predictor.perceive(frame.rgb), command)
            times_s["ground"].append(time.perf_counter() - start)


def main() -> int:
    """Run `python -m groma_ros.verify.tracking_accuracy`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add_model_name(parser)
    add_model_arguments(parser)
    parser.add_argument("--count", type=int, default=16, help="sequences (16)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each (6)")
    parser.add_argument("--seed", type=int, default=200, help="of the first sequence (200)")
    args = parser.parse_args()
    try:
        renderer = Renderer()
    except RenderingUnavailable as error:
        print(f"tracking_accuracy: {error}", file=sys.stderr)
        return 2
    predictor = load(args)
    total = np.zeros((2, 2), dtype=int)
    times_s: dict[str, list[float]] = {"follow": [], "ground": []}
    for number in range(args.count):
        scene = render_moving(renderer, args.seed + number, args.seconds)
        kind, colour = scene.things[scene.followed]
        regions = list(look_at_frames(predictor, scene, f"the {colour} {kind}", times_s))
        kept = kept_ids(scene, regions)
        total += np.array([kept.followed, kept.every])
        good, asked = kept.followed
        print(
            f"sequence {args.seed + number}: the {colour} {kind} kept its id in {good} of {asked}"
        )
    for name, (good, asked) in zip(("followed things", "all things"), total, strict=True):
        print(f"{name}: id kept in {good / max(asked, 1):.3f} of {asked} frames")
    medians = {name: 1e3 * float(np.median(values)) for name, values in times_s.items()}
    print(
        f"a frame followed {medians['follow']:.0f} ms, grounded {medians['ground']:.0f} ms: "
        f"{medians['ground'] / medians['follow']:.2f} times as long"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
