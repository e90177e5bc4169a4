"""Requests that were made and not answered yet: how many may wait, how long, and who is told.

At most `max_pending_requests` wait at a time, the one under way included. Where one more comes, the
commands of the topic that wait are cancelled, and so is every command that a newer one
overtakes until the queue is empty: in a flood the newest command is answered next. Goals and
services stay; where the queue is full of them a further request is answered with ERROR at once, so
that no answer is about a picture long gone. A request waits at most
`command_timeout_s` for a first image and is answered with NO_IMAGE then. Withdrawn requests are
answered with CANCELLED at once, also the one under way, whose late result is dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from groma_ros.ros.latest_frame import Frame, LatestFrame
from groma_ros.ros.log import SHOWN_CHARACTERS
from groma_ros.ros.requests import Request, Result, failure
from groma_ros.ros.settings import Settings
from groma_ros.values.answers import Status


def new_request(
    text: str,
    frames: LatestFrame[Frame],
    settings: Settings,
    command_id: int = 0,
    **more: Any,
) -> Request:
    """Return a request whose wait for a first image ends after the settings' timeout.

    The other arguments are fields of `Request`.
    """
    deadline_s = time.monotonic() + settings.command_timeout_s
    return Request(text, command_id, frames, deadline_s, settings, **more)


def too_long(text: str, settings: Settings) -> str:
    """Say that a command has more characters than are read; empty where it has not."""
    most = settings.max_command_characters
    if len(text) <= most:
        return ""
    return f"the command has {len(text)} characters and at most {most} are read; say it shorter"


class PendingRequests:
    """Remember who waits for the answer to which request; used by the executor's thread alone."""

    def __init__(self) -> None:
        self._on_result: dict[Request, Callable[[Result], None]] = {}
        self._is_flood = False  # from a full queue until one request at most is pending

    def __len__(self) -> int:
        """Return how many requests are not answered yet."""
        return len(self._on_result)

    def submit(
        self,
        request: Request,
        to_model: Callable[[Request], None],
        on_result: Callable[[Result], None],
    ) -> None:
        """Hand a request to the model; `on_result` is called once, with its answer or refusal.

        A refused request comes back with the start of its text alone.
        """
        problem = too_long(request.text, request.settings)
        if problem:
            shorter = replace(request, text=request.text[:SHOWN_CHARACTERS])
            on_result(Result(shorter, failure(Status.ERROR, problem)))
            return
        most = request.settings.max_pending_requests
        self._is_flood = len(self) >= most or (self._is_flood and len(self) > 1)
        if self._is_flood:
            self._let_newest_pass()
        if len(self) >= most:
            reason = f"{len(self)} requests are waiting already, and at most {most} may"
            on_result(Result(request, failure(Status.ERROR, reason)))
        else:
            self._on_result[request] = on_result
            to_model(request)

    def _let_newest_pass(self) -> None:
        """Cancel the commands that wait; the first request is under way."""
        for older in list(self._on_result)[1:]:
            if older.gives_way:
                self.withdraw(older, "there were too many commands, and a newer one came")

    def answer(self, result: Result) -> None:
        """Give a result to whoever made the request, unless the request was withdrawn."""
        on_result = self._on_result.pop(result.request, None)
        if on_result is not None:
            on_result(result)

    def withdraw(self, request: Request, reason: str) -> None:
        """Cancel a request and answer it with CANCELLED."""
        request.cancel.set()
        self.answer(Result(request, failure(Status.CANCELLED, reason)))

    def withdraw_all(self, reason: str) -> None:
        """Cancel every request and answer it with CANCELLED."""
        for request in list(self._on_result):
            self.withdraw(request, reason)
