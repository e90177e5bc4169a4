"""Read and write a Groma folder: `config.json`, weights and `tokenizer.model`.

Names are those of the released checkpoint. It holds 68 tensors twice, once below
`ddetr_transformer.decoder`; one or both are accepted, and older files' rotary `inv_freq` is
ignored.
"""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from groma_ros.groma.config import GromaConfig
from groma_ros.groma.golden_rule import canonical_name
from groma_ros.groma.model import Groma
from groma_ros.groma.preprocess import PixelRule
from groma_ros.groma.quantization import QuantizedLinear, quantizer, swap_linears
from groma_ros.groma.shards import some, tensors, weight_files
from groma_ros.groma.tokenizer import GromaTokenizer
from groma_ros.groma.tokens import NEW_TOKENS

_EMBEDDINGS, _HEAD = "llm.model.embed_tokens.weight", "llm.lm_head.weight"


def load_groma(
    folder: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    attention: str = "sdpa",
    quantization: str | None = None,
) -> tuple[Groma, GromaTokenizer]:
    """Load model and tokenizer from a folder, ready for inference.

    Weights come from `model*.safetensors` or else `pytorch_model*.bin`; each goes by itself
    to `device` in `dtype`, and the language model's linear layers to 8 or 4 bits where
    `quantization` is "int8" or "int4". Raises FileNotFoundError for a missing file, ValueError
    (naming the tensors) for weights that do not fit the configuration.
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
        state.setdefault(_HEAD, state[_EMBEDDINGS])
    model.load_state_dict({name: state[canonical_name(name)] for name in expected}, assign=True)
    if config.language.tie_word_embeddings:
        model.llm.tie_weights()
    model.reset_rotary(device)
    return model.eval().requires_grad_(False), tokenizer


def save_groma(
    model: Groma,
    tokenizer_path: str | Path,
    folder: str | Path,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a folder that `load_groma` reads, with each tied tensor once.

    `tokenizer_path` is a `tokenizer.model` or the folder that holds it. Raises ValueError for
    a quantized model: what it was made from is the thing to keep.
    """
    if any(isinstance(module, QuantizedLinear) for module in model.modules()):
        raise ValueError("a quantized model can't be saved; keep the folder it was loaded from")
    folder, source = Path(folder), Path(tokenizer_path)
    folder.mkdir(parents=True, exist_ok=True)
    source = source / "tokenizer.model" if source.is_dir() else source
    target = folder / "tokenizer.model"
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    kept = {}
    for name, tensor in model.state_dict().items():
        if canonical_name(name) != name:
            continue
        if name == _HEAD and model.config.language.tie_word_embeddings:
            continue
        tensor = tensor.to(dtype) if tensor.is_floating_point() else tensor
        kept[name] = tensor.cpu().contiguous().clone()
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", model.config.to_dict())
    if model.config.pixels != PixelRule():
        side = model.config.image_size
        _write_json(folder / "preprocessor_config.json", model.config.pixels.to_dict(side))


def empty_groma(config: GromaConfig, attention: str = "sdpa") -> Groma:
    """Return a model on the meta device: names and shapes without values."""
    with torch.device("meta"):
        return Groma(config, attention).requires_grad_(False)


def expected_shapes(model: Groma) -> dict[str, torch.Size]:
    """Return the shape of every name that a checkpoint may hold, tied names included."""
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def is_stale(name: str) -> bool:
    """Tell whether a name is of the rotary frequencies that older files carry."""
    return name.endswith("rotary_emb.inv_freq")


def check_names(files: list[Path], expected: dict[str, torch.Size], config: GromaConfig) -> None:
    """Raise ValueError that names what does not fit in weight files: before a value is loaded.

    That is what is missing, unexpected, misshapen, or not equal to what it is tied to.
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
    if config.language.tie_word_embeddings and _EMBEDDINGS in seen:
        seen.add(_HEAD)
    missing = sorted({canonical_name(name) for name in expected} - seen)
    _refuse(
        ("missing", missing),
        ("unexpected", unexpected),
        ("misshapen", misshapen),
        ("different from their tied copy", unequal),
    )


def _refuse(*problems: tuple[str, list[str]]) -> None:
    found = [f"{len(names)} {kind}: {some(names)}" for kind, names in problems if names]
    if found:
        raise ValueError("the weights do not fit config.json; " + "; ".join(found))


def _write_json(path: Path, data: dict) -> None:
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def _check_vocabulary(config: GromaConfig, tokenizer: GromaTokenizer) -> None:
    if tokenizer.vocab_size != config.language.vocab_size:
        raise ValueError(
            f"tokenizer.model has {tokenizer.vocab_size} pieces, but config.json says "
            f"vocab_size {config.language.vocab_size}; take both from the same folder"
        )
    if config.num_new_token != len(NEW_TOKENS):
        raise ValueError(f"num_new_token is {config.num_new_token}, not {len(NEW_TOKENS)}")


def _place(
    device: torch.device,
    dtype: torch.dtype,
    quantize: Callable[[str, Tensor], Tensor] | None,
    name: str,
    tensor: Tensor,
) -> Tensor:
    """Copy a tensor mapped from a file to where the model is to have it."""
    wanted = dtype if tensor.is_floating_point() else tensor.dtype
    placed = tensor.to(device, wanted, copy=True)
    return placed if quantize is None else quantize(name, placed)


def _read_state(files: list[Path], place: Callable[[str, Tensor], Tensor]) -> dict[str, Tensor]:
    """Read all files into a state dict by canonical name, each tied pair once."""
    read: dict[str, Tensor] = {}
    for path in files:
        for name, tensor in tensors(path):
            canonical = canonical_name(name)
            if canonical not in read and not is_stale(name):
                read[canonical] = place(name, tensor)
    return read
