"""The one-slot mailbox between the executor thread and the model's thread."""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hold the newest item that was put; one thread puts, another reads.

    received, dropped  how many items were put, and how many of them were replaced by a newer one
                       before anybody looked at them
    """

    def __init__(self):
        self.received = 0
        self.dropped = 0
        self._changed = threading.Condition()
        self._item: T | None = None
        self._unseen = False
        self._closed = False

    @property
    def unseen(self) -> bool:
        """Say whether there is an item that nobody has looked at."""
        return self._unseen

    def put(self, item: T) -> None:
        """Replace the item; after `close` do nothing."""
        with self._changed:
            if self._closed:
                return
            self.received += 1
            self.dropped += self._unseen
            self._item, self._unseen = item, True
            self._changed.notify_all()

    def newest(self, deadline_s: float) -> T | None:
        """Return the newest item, seen before or not.

        Where there is none yet, wait until one is put. Returns None when `time.monotonic()` reaches
        `deadline_s` or the mailbox is closed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._item is not None,
                max(0.0, deadline_s - time.monotonic()),
            )
            self._unseen = False
            return self._item

    def close(self) -> None:
        """Forget the item, wake whoever waits, and take nothing more."""
        with self._changed:
            self._item, self._unseen, self._closed = None, False, True
            self._changed.notify_all()
