"""What a followed frame costs beside one that is grounded anew, at the released sizes.

    python -m groma_ros.verify.benchmark.following

Following looks at a picture without the language model; grounding reads it and one question as
well. The model has the released architecture with drawn weights; its language model is measured
with two and with four of its 32 layers, which are all alike, and the rest is added.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from groma_ros.checkpoint.released_config import RELEASED
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma

MEASURED_LAYERS = (2, 4)
PROMPT, QUESTION = 450, 30
"""Tokens of a prompt with 256 image tokens and up to 100 regions, and of a question."""


def drawn(config: GromaConfig, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Groma:
    """Return a model with small weights, drawn on the device."""
    model = Groma.empty(config)
    state = {
        name: 0.02 * torch.randn(value.shape, device=device, dtype=dtype)
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def median_s(work: Callable[[], object], reps: int) -> float:
    """Return the median time of some work in seconds; the first call is left out."""
    times = []
    for _ in range(reps + 1):
        started_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_s)
    return float(np.median(times[1:]))


@torch.inference_mode()
def measure(reps: int) -> tuple[float, float]:
    """Return the seconds of looking at a picture, and of reading it with a question."""
    released, look_s, read_s = GromaConfig.from_dict(RELEASED), 0.0, []
    for layers in MEASURED_LAYERS:
        language = replace(released.language, num_hidden_layers=layers)
        model = drawn(replace(released, language=language))
        if not look_s:
            pixels = torch.randn(1, 3, released.image_size, released.image_size)
            look_s = median_s(lambda: model.perceive(pixels), reps)  # noqa: B023
        embeds = 0.02 * torch.randn(1, PROMPT + QUESTION, language.hidden_size)
        read_s.append(median_s(lambda: model.llm.model(embeds), reps))  # noqa: B023
    per_layer_s = (read_s[1] - read_s[0]) / (MEASURED_LAYERS[1] - MEASURED_LAYERS[0])
    return look_s, read_s[0] + per_layer_s * (
        released.language.num_hidden_layers - MEASURED_LAYERS[0]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--reps", type=int, default=3, help="repetitions of each part (3)")
    look_s, read_s = measure(parser.parse_args().reps)
    print(f"a followed frame (vision encoder, proposer, region encoder) {look_s:.2f} s")
    print(
        f"a grounded one (and {PROMPT + QUESTION} tokens of the language model) "
        f"{look_s + read_s:.2f} s: {(look_s + read_s) / look_s:.1f} times as much"
    )


if __name__ == "__main__":
    main()
