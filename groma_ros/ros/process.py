"""What the executables share: ROS from start to end, and signals that end it in good order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.signals import SignalHandlerOptions

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ros(args: list[str] | None) -> Iterator[None]:
    """Initialise ROS for the body of the `with` statement; end the body on a signal.

    The first SIGINT or SIGTERM raises KeyboardInterrupt, which is caught here. Later ones are
    ignored, as Ctrl-C under `ros2 launch` sends two and closing must not be interrupted. rclpy's own
    handlers would end ROS itself at once, so that nothing could be published any more.
    """
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    for one in SIGNALS:
        signal.signal(one, _interrupt_once)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        rclpy.try_shutdown()


def _interrupt_once(number, frame) -> None:
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt
