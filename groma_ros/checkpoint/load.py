"""Load a model folder: config.json, tokenizer.model, and weights checked by name and shape.

Tensors have the names of the released checkpoint. It holds 68 of them twice, once below
`ddetr_transformer.decoder`; either or both are accepted. The rotary `inv_freq` of older files is
ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from groma_ros.checkpoint.read import first_names, tensors, weight_files
from groma_ros.checkpoint.tensor_names import EMBEDDINGS, HEAD, canonical_name
from groma_ros.encoding.special_tokens import NEW_TOKENS
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.speed.quantized_linear import quantizer, swap_linears


def load_groma(
    folder: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    attention: str = "sdpa",
    quantization: str | None = None,
) -> tuple[Groma, GromaTokenizer]:
    """Load model and tokenizer from a folder, ready for inference.

    Weights come from `model*.safetensors`, else from `pytorch_model*.bin`. Each tensor goes by
    itself to `device` in `dtype`; `quantization` "int8" or "int4" keeps the linear layers of the
    language model in 8 or 4 bits. Raises FileNotFoundError for a missing file, and ValueError that
    names the tensors where the weights do not fit the configuration.
    """
    folder, device = Path(folder), torch.device(device)
    quantize = quantizer(quantization, device, dtype)
    config = GromaConfig.from_folder(folder)
    tokenizer = GromaTokenizer.from_folder(folder)
    _check_vocabulary(config, tokenizer)
    model = empty_groma(config, attention)
    files = weight_files(folder)
    expected = expected_shapes(model)
    check_names(files, expected, config)
    if quantize is not None:
        swap_linears(model.llm.model)
    state = _read_state(files, partial(_place, device, dtype, quantize))
    if config.language.tie_word_embeddings:
        state.setdefault(HEAD, state[EMBEDDINGS])
    model.load_state_dict({name: state[canonical_name(name)] for name in expected}, assign=True)
    if config.language.tie_word_embeddings:
        model.llm.tie_weights()
    return model.eval().requires_grad_(False), tokenizer


def empty_groma(config: GromaConfig, attention: str = "sdpa") -> Groma:
    """Return a model on the meta device: names and shapes without values."""
    return Groma.empty(config, attention)


def expected_shapes(model: Groma) -> dict[str, torch.Size]:
    """Return the shape of every name that a checkpoint may hold, tied names included."""
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def is_stale(name: str) -> bool:
    """Tell whether a name belongs to the rotary frequencies that older files hold."""
    return name.endswith("rotary_emb.inv_freq")


def check_names(files: list[Path], expected: dict[str, torch.Size], config: GromaConfig) -> None:
    """Check names and shapes in weight files before any value is loaded.

    Raises ValueError that names each tensor that is missing, unexpected, misshapen, or different
    from the copy that it is tied to.
    """
    twins = {canonical_name(name) for name in expected if canonical_name(name) != name}
    first: dict[str, Tensor] = {}
    seen, unexpected, misshapen, unequal = set(), [], [], []
    for path in files:
        for name, tensor in tensors(path):
            if is_stale(name):
                continue
            canonical = canonical_name(name)
            seen.add(canonical)
            if name not in expected:
                unexpected.append(name)
            elif tensor.shape != expected[name]:
                shapes = f"{tuple(tensor.shape)} instead of {tuple(expected[name])}"
                misshapen.append(f"{name} {shapes}")
            elif canonical in twins:
                value = tensor.to(torch.float32, copy=True)
                if not torch.equal(first.setdefault(canonical, value), value):
                    unequal.append(name)
    if config.language.tie_word_embeddings and EMBEDDINGS in seen:
        seen.add(HEAD)
    missing = sorted({canonical_name(name) for name in expected} - seen)
    _refuse(
        ("missing", missing),
        ("unexpected", unexpected),
        ("misshapen", misshapen),
        ("different from their tied copy", unequal),
    )


def _refuse(*problems: tuple[str, list[str]]) -> None:
    """Raise ValueError where any kind of problem has names."""
    found = [f"{len(names)} {kind}: {first_names(names)}" for kind, names in problems if names]
    if found:
        raise ValueError("the weights do not fit config.json; " + "; ".join(found))


def _check_vocabulary(config: GromaConfig, tokenizer: GromaTokenizer) -> None:
    """Raise ValueError unless configuration and tokenizer agree on the number of tokens."""
    if tokenizer.vocab_size != config.language.vocab_size:
        raise ValueError(
            f"tokenizer.model has {tokenizer.vocab_size} pieces, but config.json says "
            f"vocab_size {config.language.vocab_size}; take both from the same folder"
        )
    if config.num_new_token != len(NEW_TOKENS):
        raise ValueError(
            f"config.json says num_new_token {config.num_new_token}, but Groma adds "
            f"{len(NEW_TOKENS)} tokens"
        )


def _place(
    device: torch.device,
    dtype: torch.dtype,
    quantize: Callable[[str, Tensor], Tensor] | None,
    name: str,
    tensor: Tensor,
) -> Tensor:
    """Return a tensor that is mapped from a file in the place and form that the model uses."""
    wanted = dtype if tensor.is_floating_point() else tensor.dtype
    placed = tensor.to(device, wanted, copy=True)
    return placed if quantize is None else quantize(name, placed)


def _read_state(files: list[Path], place: Callable[[str, Tensor], Tensor]) -> dict[str, Tensor]:
    """Read all files into a state dict by canonical name, with each tied pair once."""
    read: dict[str, Tensor] = {}
    for path in files:
        for name, tensor in tensors(path):
            canonical = canonical_name(name)
            if canonical not in read and not is_stale(name):
                read[canonical] = place(name, tensor)
    return read
