"""Bring the model into memory for the node, and let it go again."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from groma_ros.ros.settings import Settings

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor


def load_predictor(settings: Settings) -> Predictor:
    """Load the weights that the settings name, and run them once.

    The thread that calls this is to run the model.
    """
    import torch

    from groma_ros.predictor import Predictor

    if settings.threads:
        torch.set_num_threads(settings.threads)
    return Predictor.from_pretrained(
        settings.model,
        settings.device,
        settings.dtype,
        settings.quantization,
        settings.cuda_graphs,
        settings.compile_decoding,
        backend=settings.backend,
    )


def release_memory() -> None:
    """Give the memory of a predictor that nobody holds any more back, on the GPU too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
