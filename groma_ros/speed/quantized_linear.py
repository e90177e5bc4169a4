"""Keep the language model's linear layers in 8 or 4 bits, through torchao.

Only the weights of the attention and feed-forward layers are quantized: nine tenths of groma-7b.
Embeddings, both heads, the bridge, vision encoder, proposer and region encoder stay as they are.
"int8" has one scale a row; "int4" has one scale and zero for 64 (or 32) weights of a row.
"""

import logging
import re
from collections.abc import Callable
from importlib import import_module

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.values.precision import NO_QUANTIZATION, QUANTIZATIONS

GROUP_SIZES = (64, 32)
_LAYERS = re.compile(r"llm\.model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight")
# Up to this many rows torch's kernel for int8 weights is faster than a product of whole matrices;
# it is written for half precision, in float32 only a single row gains.
_KERNEL_ROWS = {torch.bfloat16: 64, torch.float16: 64, torch.float32: 1}


# torchao tells at its import of kernels for GPUs that it can't load; none of them is used here.
_IRRELEVANT_WARNINGS = {"torchao": "Failed to load", "torch.utils._pytree": "is an Enum subclass"}


class _Without(logging.Filter):
    """Leave out the log records that hold some words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be logged."""
        return self.words not in str(record.msg)


class QuantizedLinear(nn.Linear):
    """A linear layer without bias whose weight is one of torchao's quantized tensors."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out) in the precision of `x`."""
        weight = self.weight
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= _kernel_rows(weight, x):
            scale = weight.scale.flatten().to(x.dtype)
            product = torch._weight_int8pack_mm(rows, weight.qdata, scale)
            return product.view(*x.shape[:-1], -1)
        return F.linear(x.to(weight.dtype), weight).to(x.dtype)


def _kernel_rows(weight: Tensor, x: Tensor) -> int:
    on_cpu = x.device.type == "cpu" and hasattr(torch, "_weight_int8pack_mm")
    int8 = getattr(getattr(weight, "qdata", None), "dtype", None) == torch.int8
    return _KERNEL_ROWS.get(x.dtype, 0) if on_cpu and int8 else 0


def swap_linears(decoder: nn.Module) -> None:
    """Put a `QuantizedLinear` of the same shape, on the meta device, for each linear layer."""
    for parent in list(decoder.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Linear:
                if child.bias is not None:
                    raise ValueError(f"{name} has a bias; only layers without one are quantized")
                layer = QuantizedLinear(
                    child.in_features, child.out_features, bias=False, device="meta"
                )
                setattr(parent, name, layer.requires_grad_(False))


def quantizer(
    kind: str | None, device: torch.device, dtype: torch.dtype
) -> Callable[[str, Tensor], Tensor] | None:
    """Return what turns a named weight of the checkpoint into the one to keep.

    `kind` is one of `QUANTIZATIONS`; "none", or None, gives None: weights stay as they are. Raises
    ValueError for an unknown kind, without torchao, or where it has no kernel.
    """
    if kind is None or kind == NO_QUANTIZATION:
        return None
    if kind not in QUANTIZATIONS:
        raise ValueError(f"quantization {kind!r} is none of {', '.join(QUANTIZATIONS)}")
    configure = _int8_config() if kind == "int8" else _int4_config(device, dtype)
    # torch's 4-bit kernel for processors is fast in half precision only.
    stored = torch.bfloat16 if kind == "int4" and dtype == torch.float32 else dtype

    def quantize(name: str, weight: Tensor) -> Tensor:
        if not _LAYERS.fullmatch(name):
            return weight
        return _quantized(weight.to(stored), configure(name, weight))

    return quantize


def _quantized(weight: Tensor, config) -> Tensor:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    _torchao("torchao.quantization").quantize_(layer, config)
    return layer.weight


def _int8_config() -> Callable:
    """Return the maker of a weight's int8 configuration, the same for all."""
    config = _torchao("torchao.quantization").Int8WeightOnlyConfig(set_inductor_config=False)
    return lambda name, weight: config


def _int4_config(device: torch.device, dtype: torch.dtype) -> Callable:
    """Return the maker of a weight's int4 configuration for a device."""
    if device.type == "cuda" and dtype != torch.bfloat16:
        raise ValueError(f"int4 on a GPU needs dtype bfloat16, not {str(dtype)[6:]}")
    if device.type == "cuda":
        make = _torchao("torchao.quantization").Int4WeightOnlyConfig
        options = {"int4_packing_format": "tile_packed_to_4d"}
    else:
        make = _torchao("torchao.prototype.quantization.int4").PrototypeInt4WeightOnlyConfig
        options = {}

    def configure(name: str, weight: Tensor):
        groups = [size for size in GROUP_SIZES if weight.shape[1] % size == 0]
        if not groups:
            raise ValueError(
                f"{name} has {weight.shape[1]} inputs; int4 needs a multiple of {GROUP_SIZES[-1]}, "
                'take "int8" or none'
            )
        return make(group_size=groups[0], set_inductor_config=False, **options)

    return configure


def _torchao(module: str):
    """Import a part of torchao; raise ValueError that says how to get it."""
    for name, words in _IRRELEVANT_WARNINGS.items():
        logger = logging.getLogger(name)
        if not any(isinstance(known, _Without) for known in logger.filters):
            logger.addFilter(_Without(words))
    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(
            f"quantization needs torchao 0.18 ({error}); from a checkout: "
            "pip install '.[quantized]'"
        ) from error
