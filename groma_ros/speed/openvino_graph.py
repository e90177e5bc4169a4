"""Run a module as one OpenVINO graph: on a CPU its layers are fused there and take less time.

The extra `openvino` installs it. The plain module stays the reference: the graph is compared with
it when it is made.
"""

from __future__ import annotations

import logging
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)
_PRECISIONS = {"openvino": "f32", "openvino_bf16": "bf16"}
"""Backends, and in what the graph computes; bfloat16 is fast on processors with AMX."""
_LARGEST_ERROR = {"openvino": 1e-3, "openvino_bf16": 0.5}
"""Of the graph's outputs: the mean error as a share of the mean value. Of two proposals that are as
good the other one may be chosen, so that the largest error says little."""


class OpenVinoFunction:
    """Compute what a module makes of one tensor, a tuple of tensors, by an OpenVINO graph.

    A batch is computed one picture after the other.
    """

    def __init__(self, module: nn.Module, example: Tensor, backend: str) -> None:
        """Trace `module` with an example (1, ...) and compile it for as many threads as torch has.

        Raises ValueError where OpenVINO is not installed, can't take the module, or computes
        something else.
        """
        try:
            import openvino
        except ModuleNotFoundError:
            raise ValueError(
                f"backend {backend} needs openvino, which is not installed; from a checkout: "
                "pip install '.[openvino]'"
            ) from None
        with torch.no_grad(), warnings.catch_warnings():
            # OpenVINO traces; the tracer warns of every number that it takes from a shape, and
            # shapes stay as they are.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            plain = module(example)
            graph = self._converted(openvino, module, example, backend)
        graph.reshape(list(example.shape))
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[backend],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._request = openvino.compile_model(graph, "CPU", settings).create_infer_request()
        for computed, wanted in zip(self(example), plain, strict=True):
            error = float((computed - wanted).abs().mean() / wanted.abs().mean().clamp(min=1e-6))
            if not error <= _LARGEST_ERROR[backend]:
                raise ValueError(f"backend {backend} is off by {error:.2g} of the mean value")
        log.info("compiled an OpenVINO graph for pictures %s", tuple(example.shape))

    @staticmethod
    def _converted(openvino: ModuleType, module: nn.Module, example: Tensor, backend: str) -> Any:
        try:
            return openvino.convert_model(module, example_input=example)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"backend {backend} can't take this model: {reason}") from error

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Return the tuple of tensors that the module returns for (B, ...), float32."""
        each = [self._one(picture) for picture in batch.float().split(1)]
        return tuple(map(torch.cat, zip(*each, strict=True)))

    def _one(self, picture: Tensor) -> list[Tensor]:
        results = self._request.infer([picture.contiguous().numpy()])
        return [torch.from_numpy(np.array(result)) for result in results.values()]
