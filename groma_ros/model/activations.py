"""The activation functions that a configuration may name, by the names of transformers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def _clipped_gelu(x: Tensor) -> Tensor:
    return F.gelu(x).clamp(-10, 10)


def _relu_squared(x: Tensor) -> Tensor:
    return F.relu(x).square()


def _laplace(x: Tensor) -> Tensor:
    return 0.5 * (1.0 + torch.erf((x - 0.707107) / (0.282095 * math.sqrt(2.0))))


def _identity(x: Tensor) -> Tensor:
    return x


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_10": _clipped_gelu,
    "gelu_accurate": _gelu_tanh,
    "gelu_fast": _gelu_tanh,
    "gelu_new": _gelu_tanh,
    "gelu_python": F.gelu,
    "gelu_python_tanh": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "hardswish": F.hardswish,
    "laplace": _laplace,
    "leaky_relu": partial(F.leaky_relu, negative_slope=0.01),
    "linear": _identity,
    "mish": F.mish,
    "quick_gelu": _quick_gelu,
    "relu": F.relu,
    "relu2": _relu_squared,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": torch.tanh,
}


def check_activation(key: str, name: str) -> None:
    """Raise ValueError unless `name`, which the configuration gives as `key`, is known."""
    if name not in FUNCTIONS:
        raise ValueError(f"{key} is {name!r}; choose one of {', '.join(FUNCTIONS)}")


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return the function, which maps each element of a tensor of any shape."""
    return FUNCTIONS[name]
