"""How long answers took lately, for `/diagnostics`."""

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
