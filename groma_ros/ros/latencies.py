"""How long answers took lately, and how many there were, for `/diagnostics`."""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np

from groma_ros.ros.requests import Result

KEPT = 200
STAGES = ("perceive", "ground")
"""Stages of `Grounding.timings_ms` that are told; the first is none where a picture was known."""


class Latencies:
    """Keep the times of the last answers, in milliseconds by stage."""

    def __init__(self) -> None:
        self._times_ms: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))

    def add(self, result: Result) -> None:
        """Remember the times of an answer that the model worked on."""
        if result.frame is None:
            return
        self._times_ms["answer"].append(result.latency_ms)
        for stage in STAGES:
            if result.grounding.timings_ms.get(stage):
                self._times_ms[stage].append(result.grounding.timings_ms[stage])

    def values(self) -> dict[str, str]:
        """Return median and 95th percentile of each stage, as values of a DiagnosticStatus."""
        told = {}
        for stage, times_ms in self._times_ms.items():
            for name, share in (("p50", 50), ("p95", 95)):
                told[f"{stage}_{name}_ms"] = f"{np.percentile(times_ms, share):.1f}"
        return told


class AnswerRate:
    """Count answers over the last seconds of ROS time."""

    def __init__(self, window_s: float = 5.0) -> None:
        """Count over `window_s`."""
        self._window_s = window_s
        self._times_s: deque[float] = deque(maxlen=1000)
        self._since_s: float | None = None

    def restart(self, now_s: float | None) -> None:
        """Count from now on; None: do not count."""
        self._times_s.clear()
        self._since_s = now_s

    def add(self, now_s: float) -> None:
        """Count an answer."""
        self._times_s.append(now_s)

    def per_second(self, now_s: float) -> float | None:
        """Return the answers a second, None until there was a whole window of them."""
        if self._since_s is None or not self._times_s or now_s - self._since_s < self._window_s:
            return None
        return sum(now_s - self._window_s < t <= now_s for t in self._times_s) / self._window_s
