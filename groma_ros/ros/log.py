"""How the package logs in ROS: throttled lines, and Python's log records handed to the node."""

from __future__ import annotations

import logging

from rclpy.impl.rcutils_logger import RcutilsLogger

THROTTLED = {"throttle_duration_sec": 10.0}
"""Options of a log call; rclpy counts the time for each place in the code that logs."""


SHOWN_CHARACTERS = 80


def quoted(text: str) -> str:
    """Return what somebody sent as one short line in quotes."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")


class RosLogHandler(logging.Handler):
    """Hand the records of Python's `logging` to a ROS logger."""

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one line; rclpy wants one place in the code for each severity."""
        if record.levelno >= logging.ERROR:
            self._logger.error(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._logger.warning(record.getMessage())
        else:
            self._logger.info(record.getMessage())
