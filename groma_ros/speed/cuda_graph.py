"""Launch a function as one CUDA graph instead of kernel by kernel.

Vision encoder and proposer are about 1,000 small kernels for one picture of the released model, and
so is the language model for one token. A GPU is through with them sooner than a processor has
launched them; recorded once, all start with one call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)
_WARM_UP = 3


@dataclass(frozen=True)
class Recording:
    """A recorded call: `replay` computes `result` from what is in `argument`."""

    argument: Tensor
    result: Any
    replay: Callable[[], None]


class RecordedFunction:
    """Record a function of one tensor at its first call for each shape, and replay it after that.

    What a call returns is overwritten by the next one of that shape. The first replay is compared
    with the plain function; where they differ, or nothing can be recorded, the log says so and the
    plain function goes on. All calls come from one thread, and weights stay where they are.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Any],
        tensors: Callable[[Any], list[Tensor]],
        record: Callable[[Callable[[Tensor], Any], Tensor], Recording] | None = None,
        subject: str = "pictures",
    ) -> None:
        """Take a function, what of its result is compared, and a stand-in for a GPU's recorder.

        The log calls its arguments `subject`.
        """
        self._function, self._tensors, self._record = function, tensors, record or record_on_gpu
        self._subject = subject
        self._recordings: dict[tuple, Recording | None] = {}

    def has_recorded(self, argument: Tensor) -> bool:
        """Tell whether calls with arguments of this kind are replayed."""
        return self._recordings.get(_kind(argument)) is not None

    @torch.no_grad()
    def __call__(self, argument: Tensor) -> Any:
        """Return what the function returns."""
        kind = _kind(argument)
        if kind not in self._recordings:
            self._recordings[kind] = self._try(argument)
        recording = self._recordings[kind]
        if recording is None:
            return self._function(argument)
        recording.argument.copy_(argument)
        recording.replay()
        return recording.result

    def _try(self, argument: Tensor) -> Recording | None:
        try:
            recording = self._record(self._function, argument)
            recording.argument.copy_(argument)
            recording.replay()
            pairs = zip(
                self._tensors(recording.result),
                self._tensors(self._function(argument)),
                strict=True,
            )
            for replayed, plain in pairs:
                torch.testing.assert_close(replayed, plain)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0]
            shape = tuple(argument.shape)
            log.warning("%s %s run without a CUDA graph: %s", self._subject, shape, reason)
            return None
        log.info("recorded a CUDA graph for %s %s", self._subject, tuple(argument.shape))
        return recording


def _kind(argument: Tensor) -> tuple[tuple[int, ...], torch.dtype, torch.device]:
    return tuple(argument.shape), argument.dtype, argument.device


def record_on_gpu(function: Callable[[Tensor], Any], argument: Tensor) -> Recording:
    """Record `function` as a CUDA graph; RuntimeError where that is not possible."""
    if argument.device.type != "cuda":
        raise RuntimeError(f"the model is on device {argument.device}")
    with torch.inference_mode(False):  # so that it may be written to in any mode later on
        held = argument.clone()
    current = torch.cuda.current_stream(held.device)
    side_stream = torch.cuda.Stream(held.device)
    side_stream.wait_stream(current)
    with torch.cuda.stream(side_stream):
        for _ in range(_WARM_UP):
            function(held)
    current.wait_stream(side_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = function(held)
    return Recording(held, result, graph.replay)
