"""Several cameras of one node: their names, their topics, and which of their answers counts.

A camera `front` has its own inputs (`front/image`, `front/camera_info`, `front/depth`,
`front/command`) and its own outputs (`~/front/detections` and all others). A command on `command`
goes to every camera; each answers on its own topics, and the best answer is the node's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from groma_ros.ros.requests import Result
from groma_ros.values.answers import Status

ONLY = ""
"""The name of the camera where there is one, whose topics have no name in front."""
_BEST_FIRST = (
    Status.GROUNDED,
    Status.AMBIGUOUS,
    Status.NOT_FOUND,
    Status.CANCELLED,
    Status.NO_IMAGE,
    Status.ERROR,
)


def camera_names(setting: Sequence[str]) -> tuple[str, ...]:
    """Return the names in the parameter `cameras`; ONLY where there is none.

    Raises ValueError where a name is there twice.
    """
    names = [name for name in setting if name]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise ValueError(f"cameras names {twice} twice")
    return tuple(names) or (ONLY,)


def topic_of(camera: str, topic: str) -> str:
    """Return the topic of a camera, relative or below `~/`."""
    if not camera:
        return topic
    private = topic.startswith("~/")
    return f"~/{camera}/{topic[2:]}" if private else f"{camera}/{topic}"


def best_answer(results: Sequence[Result]) -> Result:
    """Return the answer that counts: the one that found its target, most surely.

    The order is GROUNDED, AMBIGUOUS, NOT_FOUND, then what could not be answered; the higher score
    of the target decides between two, else the first camera.
    """

    def worth(result: Result) -> tuple[int, float]:
        target = result.grounding.target
        score = float(target.scores.max()) if target is not None and len(target.scores) else 0.0
        return -_BEST_FIRST.index(result.grounding.status), score

    return max(results, key=worth)


class Gathering:
    """Wait for the answers of several cameras to one command."""

    def __init__(self, count: int, on_best: Callable[[Result], None]) -> None:
        """Call `on_best` with the answer that counts, once all `count` are there."""
        self._count, self._on_best = count, on_best
        self._results: list[Result] = []

    def add(self, result: Result) -> None:
        """Take one camera's answer."""
        self._results.append(result)
        if len(self._results) == self._count:
            self._on_best(best_answer(self._results))
