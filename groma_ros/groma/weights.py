"""Read and write a Groma folder: ``config.json``, weights and ``tokenizer.model``.

Names are those of the released checkpoint. It holds 68 tensors twice, once below
``ddetr_transformer.decoder``; one or both are accepted, and older files' rotary ``inv_freq`` is
ignored.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .config import GromaConfig
from .golden_rule import canonical_name
from .model import Groma
from .tokenizer import GromaTokenizer
from .tokens import NEW_TOKENS

_EMBEDDINGS, _HEAD = "llm.model.embed_tokens.weight", "llm.lm_head.weight"
_LISTED = 10


def load_groma(
    folder: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    attention: str = "sdpa",
) -> tuple[Groma, GromaTokenizer]:
    """Load model and tokenizer from a folder, ready for inference.

    Weights come from ``model*.safetensors`` or else ``pytorch_model*.bin`` and are converted to
    ``dtype`` one by one. Raises FileNotFoundError for a missing file, ValueError (naming the
    tensors) for weights that do not fit the configuration.
    """
    folder = Path(folder)
    config = GromaConfig.from_file(_present(folder / "config.json"))
    _present(folder / "tokenizer.model")
    tokenizer = GromaTokenizer.from_folder(folder)
    _check_vocabulary(config, tokenizer)
    with torch.device("meta"):
        model = Groma(config, attention)
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    state = _read_state(weight_files(folder), expected, torch.device(device), dtype, config)
    model.load_state_dict(state, assign=True)
    if config.language.tie_word_embeddings:
        model.llm.tie_weights()
    model.reset_rotary(torch.device(device))
    return model.eval().requires_grad_(False), tokenizer


def save_groma(
    model: Groma,
    tokenizer_path: str | Path,
    folder: str | Path,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a folder that ``load_groma`` reads, with each tied tensor once.

    ``tokenizer_path`` is a ``tokenizer.model`` or the folder that holds it.
    """
    folder, source = Path(folder), Path(tokenizer_path)
    folder.mkdir(parents=True, exist_ok=True)
    source = source / "tokenizer.model" if source.is_dir() else source
    target = folder / "tokenizer.model"
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    tensors = {}
    for name, tensor in model.state_dict().items():
        if canonical_name(name) != name:
            continue
        if name == _HEAD and model.config.language.tie_word_embeddings:
            continue
        kept = tensor.to(dtype) if tensor.is_floating_point() else tensor
        tensors[name] = kept.cpu().contiguous().clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    text = json.dumps(model.config.to_dict(), indent=2) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def weight_files(folder: Path) -> list[Path]:
    """Return a folder's weight files; raise FileNotFoundError for none or a missing shard."""
    for pattern in ("model*.safetensors", "pytorch_model*.bin"):
        files = sorted(folder.glob(pattern))
        for index in folder.glob(f"{pattern}.index.json"):
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            absent = sorted(shards - {path.name for path in files})
            if absent:
                raise FileNotFoundError(f"{folder} lacks {_some(absent)} of {index.name}")
            files = sorted(folder / shard for shard in shards)
        if files:
            return files
    raise FileNotFoundError(f"{folder} holds no model*.safetensors and no pytorch_model*.bin")


def _present(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}")
    return path


def _check_vocabulary(config: GromaConfig, tokenizer: GromaTokenizer) -> None:
    if tokenizer.vocab_size != config.language.vocab_size:
        raise ValueError(
            f"tokenizer.model has {tokenizer.vocab_size} pieces, but config.json says "
            f"vocab_size {config.language.vocab_size}; take both from the same folder"
        )
    if config.num_new_token != len(NEW_TOKENS):
        raise ValueError(f"num_new_token is {config.num_new_token}, not {len(NEW_TOKENS)}")


def _tensors(path: Path, device: torch.device) -> Iterator[tuple[str, Tensor]]:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt", device=str(device)) as archive:
            for name in archive.keys():  # noqa: SIM118
                yield name, archive.get_tensor(name)
    else:
        yield from torch.load(path, map_location="cpu", weights_only=True, mmap=True).items()


def _read_state(
    files: list[Path],
    expected: dict[str, torch.Size],
    device: torch.device,
    dtype: torch.dtype,
    config: GromaConfig,
) -> dict[str, Tensor]:
    """Read all files into a state dict with the expected names, tied names sharing a tensor."""
    read: dict[str, Tensor] = {}
    unexpected, misshapen, unequal = [], [], []
    for path in files:
        for name, tensor in _tensors(path, device):
            if name.endswith("rotary_emb.inv_freq"):
                continue
            if name not in expected:
                unexpected.append(name)
            elif tensor.shape != expected[name]:
                shapes = f"{tuple(tensor.shape)} instead of {tuple(expected[name])}"
                misshapen.append(f"{name} {shapes}")
            else:
                wanted = dtype if tensor.is_floating_point() else tensor.dtype
                tensor = tensor.to(device, wanted)
                first = read.setdefault(canonical_name(name), tensor)
                if first is not tensor and not torch.equal(first, tensor):
                    unequal.append(name)
    if config.language.tie_word_embeddings and _EMBEDDINGS in read:
        read.setdefault(_HEAD, read[_EMBEDDINGS])
    missing = sorted({canonical_name(name) for name in expected} - read.keys())
    missing = [name for name in missing if not any(m.startswith(name + " ") for m in misshapen)]
    problems = (
        ("missing", missing),
        ("unexpected", unexpected),
        ("misshapen", misshapen),
        ("different from their tied copy", unequal),
    )
    found = [f"{len(names)} {kind}: {_some(names)}" for kind, names in problems if names]
    if found:
        raise ValueError("the weights do not fit config.json; " + "; ".join(found))
    return {name: read[canonical_name(name)] for name in expected}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(sorted(names)[:_LISTED]) + more
