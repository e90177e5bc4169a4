"""Continuous mode: when the last command is repeated on a new image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rclpy.node import Node
from rclpy.timer import Timer

from groma_ros.ros.one_at_a_time import OneAtATime


@dataclass(frozen=True)
class Command:
    """Hold a command as it was given, and its number."""

    text: str
    number: int


class ContinuousMode:
    """Repeat the last command, at most `rate_hz` times a second of ROS time.

    A repetition becomes due with the timer. It waits until the model is free and a new image is
    there, so that a slow model gives fewer answers and no image is answered twice.

    last_command  the command to repeat, None where there is none
    """

    def __init__(
        self,
        node: Node,
        is_ready: Callable[[], bool],
        repeat: Callable[[Command], None],
        alone: OneAtATime,
    ) -> None:
        """Wait for `start`.

        is_ready  says whether the model is free and an image is new
        repeat    asks the model
        alone     keeps the timer from the node's other callbacks
        """
        self.last_command: Command | None = None
        self._node = node
        self._is_ready = is_ready
        self._repeat = repeat
        self._alone = alone
        self._timer: Timer | None = None
        self._is_due = False

    @property
    def is_running(self) -> bool:
        """Say whether commands are repeated at present."""
        return self._timer is not None

    def start(self, rate_hz: float) -> None:
        """Begin a period now; its time is ROS time, which may be simulated."""
        self.stop()
        self._timer = self._node.create_timer(1.0 / rate_hz, self._alone(self._on_timer))

    def stop(self) -> None:
        """Repeat nothing more; the last command is kept."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._timer, self._is_due = None, False

    def repeat_if_due(self) -> None:
        """Repeat the last command where it is due and everything is ready for it."""
        if self._is_due and self.last_command is not None and self._is_ready():
            self._is_due = False
            self._repeat(self.last_command)

    def _on_timer(self) -> None:
        self._is_due = True
        self.repeat_if_due()
