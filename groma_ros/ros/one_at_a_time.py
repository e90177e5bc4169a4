"""Callbacks that run one at a time, so that an executor of several threads may serve the node."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class OneAtATime:
    """Wrap callbacks: while one of them runs in one thread, the others wait in theirs.

    Callback groups alone can't do that: what awaits the model has to be in a reentrant group. A
    callback may call another one.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __call__(self, callback: Callable[P, R]) -> Callable[P, R]:
        """Return a callback that does the same when no other one is running."""

        @functools.wraps(callback)
        def alone(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._lock:
                return callback(*args, **kwargs)

        return alone
