"""Time a model as a robot uses it: on pictures of the shipped tabletop and commands about them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np

from groma_ros.pictures import SHIPPED, read_picture
from groma_ros.predictor import Predictor

BATCH = 4
COMMANDS = {
    "command": "pick up the red cup",
    "all": "find all the cups",
    "question": "what is on the table?",
}
LABELS = {
    "pixels": "resize and normalise a picture",
    "regions": "find and encode its regions",
    "prefix": "read them into the language model",
    "perceive": "look at a picture: all of these",
    "command": f'"{COMMANDS["command"]}", one forward',
    "all": f'"{COMMANDS["all"]}"',
    "question": f'"{COMMANDS["question"]}"',
    "batch": f"look at {BATCH} pictures in one batch",
}


def measure(
    predictor: Predictor, reps: int, tell: Callable[[str], None]
) -> tuple[dict[str, list[float]], float]:
    """Return the milliseconds of each of LABELS, one a repetition, and the median of regions.

    Each repetition takes another picture. One repetition before the others is left out, because
    first calls cost more. `tell` is called with a line about the progress.
    """
    pictures = [read_picture(str(path)) for path in sorted(SHIPPED.glob("*.jpg"))]
    ms: dict[str, list[float]] = {}
    regions = []
    for rep in range(-1, reps):
        tell(f"repetition {rep + 1} of {reps}")
        first = rep % len(pictures)
        batch = (pictures + pictures)[first : first + BATCH]
        times, count = _one(predictor, batch)
        if rep >= 0:
            regions.append(count)
            for name, value in times.items():
                ms.setdefault(name, []).append(value)
    return ms, statistics.median(regions)


def _one(predictor: Predictor, pictures: Sequence[np.ndarray]) -> tuple[dict[str, float], int]:
    """Return the times in ms of one picture, its commands and a batch, and the regions found."""
    perception = predictor.perceive(pictures[0])
    times = dict(perception.timings_ms)
    for name, command in COMMANDS.items():
        times[name] = predictor.ground(perception, command).timings_ms["ground"]
    times["batch"] = predictor.perceive_all(pictures)[0].timings_ms["perceive"]
    return times, len(perception.scores)
