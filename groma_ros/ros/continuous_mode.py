"""Continuous mode: when the last command is repeated on a new image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rclpy.node import Node
from rclpy.timer import Timer

from groma_ros.ros.one_at_a_time import OneAtATime


@dataclass(frozen=True)
class Command:
    """Hold a command as it was given, its number, and the camera it is for; empty: all."""

    text: str
    number: int
    camera: str = ""


class ContinuousMode:
    """Repeat the last command, at most `rate_hz` times a second of ROS time.

    A repetition becomes due with a timer. It waits until the model is free and a new image is
    there, so that a slow model gives fewer answers and no image is answered twice. Between two of
    them the things of the last answer are followed, at most `track_hz` times a second.

    last_command  the command to repeat, None where there is none
    """

    def __init__(
        self,
        node: Node,
        is_ready: Callable[[], bool],
        repeat: Callable[[Command], None],
        follow: Callable[[Command], None],
        alone: OneAtATime,
    ) -> None:
        """Wait for `start`.

        is_ready  says whether the model is free and an image is new
        repeat    asks the model
        follow    finds the things of the last answer again
        alone     keeps the timer from the node's other callbacks
        """
        self.last_command: Command | None = None
        self._node = node
        self._is_ready = is_ready
        self._alone = alone
        self._tasks = {"repeat": repeat, "follow": follow}  # the first that is due goes first
        self._timers: list[Timer] = []
        self._due: set[str] = set()

    @property
    def is_running(self) -> bool:
        """Say whether commands are repeated at present."""
        return bool(self._timers)

    def start(self, rate_hz: float, track_hz: float = 0.0) -> None:
        """Begin a period now; its time is ROS time, which may be simulated."""
        self.stop()
        for task, hz in (("repeat", rate_hz), ("follow", track_hz)):
            if hz > 0:
                on_timer = self._alone(partial(self._on_timer, task))
                self._timers.append(self._node.create_timer(1.0 / hz, on_timer))

    def stop(self) -> None:
        """Repeat nothing more; the last command is kept."""
        for timer in self._timers:
            self._node.destroy_timer(timer)
        self._timers, self._due = [], set()

    def repeat_if_due(self) -> None:
        """Repeat the last command, or follow its things, where everything is ready for it."""
        for task, do in self._tasks.items():
            if task in self._due and self.last_command is not None and self._is_ready():
                self._due -= {task, "follow"}
                do(self.last_command)

    def _on_timer(self, task: str) -> None:
        self._due.add(task)
        self.repeat_if_due()
