"""What the executables share: ROS from start to end, and signals that end it in good order."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from groma_ros.ros.arguments import ArgumentParser
from groma_ros.ros.log import RosLogHandler

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ros_context(args: list[str] | None, parser: ArgumentParser) -> Iterator[threading.Event]:
    """Initialise ROS for the body of the `with` statement; give an event that says when to end.

    SIGINT and SIGTERM set the event and do no more, however many come: Ctrl-C under `ros2 launch`
    sends two, and closing must not be interrupted. rclpy's own handlers would end ROS itself at
    once, so that nothing could be published any more. Where the ROS arguments can't be read the
    process ends by the parser's error.
    """
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        parser.error_in_ros_arguments(error)
    stopping = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: stopping.set())
    try:
        yield stopping
    finally:
        rclpy.try_shutdown()
        for number in SIGNALS:  # Python itself, at its end, would make them deadly again
            signal.signal(number, signal.SIG_IGN)


def spin(node: Node, stopping: threading.Event) -> None:
    """Serve a node until it is time to end.

    A signal doesn't wake the executor, the node's next timer does. What the package logs by
    Python's own means meanwhile is logged as the node's.
    """
    package, handler = logging.getLogger("groma_ros"), RosLogHandler(node.get_logger())
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stopping.is_set():
        executor.spin_once()
    executor.shutdown()
    package.removeHandler(handler)
