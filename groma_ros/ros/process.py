"""What the executables share: ROS from start to end, and signals that end it in good order."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ros(args: list[str] | None) -> Iterator[threading.Event]:
    """Initialise ROS for the body of the `with` statement; give an event that says when to end.

    SIGINT and SIGTERM set the event and do no more, however many come: Ctrl-C under `ros2 launch`
    sends two, and closing must not be interrupted. rclpy's own handlers would end ROS itself at
    once, so that nothing could be published any more.
    """
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stopping = threading.Event()
    for one in SIGNALS:
        signal.signal(one, lambda number, frame: stopping.set())
    try:
        yield stopping
    finally:
        rclpy.try_shutdown()
        for one in SIGNALS:  # Python itself, at its end, would make them deadly again
            signal.signal(one, signal.SIG_IGN)


def spin(node: Node, stopping: threading.Event) -> None:
    """Serve a node until it is time to end.

    A signal doesn't wake the executor, the node's next timer does. What the package logs by
    Python's own means meanwhile is logged as the node's.
    """
    package, told = logging.getLogger("groma_ros"), ToRos(node.get_logger())
    package.addHandler(told)
    package.setLevel(logging.INFO)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stopping.is_set():
        executor.spin_once()
    executor.shutdown()
    package.removeHandler(told)


class ToRos(logging.Handler):
    """Hand what is logged by Python's means to a ROS logger."""

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
