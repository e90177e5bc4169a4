"""Decide which folder a model comes from, and on what and in which precision it runs."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from groma_ros.groma.config import GromaConfig

NANO = "nano"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
# From this width of the language model on, its weights' bandwidth is what a token costs.
_WIDE_LANGUAGE_MODEL = 2048


def model_folder(model: str | Path) -> Path:
    """Return the folder that holds a model's config.json, tokenizer.model and weights.

    `model` is "nano" (shipped with the package), a folder, or a Hugging Face hub id such as
    "FoundationVision/groma-7b-finetune". Only a hub id may use the network. Raises ValueError
    that says what is missing and how to get it.
    """
    if str(model) == NANO:
        folder = Path(__file__).parent / NANO
        if not (folder / "config.json").is_file():
            raise ValueError(
                f"the weights of groma-nano are not in {folder}; install the package from a "
                "complete checkout, or name another model folder"
            )
        return folder
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ValueError(f"{folder} has no config.json; name the folder of a Groma checkpoint")
        return folder
    if _HUB_ID.fullmatch(str(model)) and not folder.parent.is_dir():
        return _from_hub(str(model))
    raise ValueError(
        f'there is no model folder {model}; give "nano", an existing folder or a hub id such as '
        "FoundationVision/groma-7b-finetune"
    )


def _from_hub(hub_id: str) -> Path:
    fetch = f"hf download {hub_id} --local-dir {hub_id.split('/')[1]}"
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ValueError(
            f"reading {hub_id} from the hub needs huggingface_hub: pip install huggingface_hub"
        ) from None
    try:
        return Path(
            snapshot_download(
                hub_id, allow_patterns=["*.json", "*.model", "*.bin", "*.safetensors"]
            )
        )
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{hub_id} could not be read from the hub ({type(error).__name__}); where there is a "
            f"network run `{fetch}` and give that folder as the model"
        ) from error


def choose_device(device: str) -> torch.device:
    """Return the device for "auto" (the GPU where there is one), "cpu", "cuda" or "cuda:N".

    Raises ValueError for another name, or where there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise ValueError(f'device {device!r} is none of "auto", "cpu", "cuda" and "cuda:N"')
    count = torch.cuda.device_count() if chosen.type == "cuda" else 1
    if (chosen.index or 0) >= count:
        raise ValueError(f'there is no device {device!r}: torch sees {count} GPUs; try "cpu"')
    return chosen


def choose_dtype(dtype: str, device: torch.device, folder: Path) -> torch.dtype:
    """Return the precision for "auto" (see `default_dtype`), "float32", "bfloat16" or "float16"."""
    if dtype == "auto":
        return default_dtype(device, GromaConfig.from_file(folder / "config.json"))
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is none of auto, {', '.join(DTYPES)}")
    return DTYPES[dtype]


def default_dtype(device: torch.device, config: GromaConfig) -> torch.dtype:
    """Return the precision to run a model in unless one is asked for.

    That is bfloat16 on a GPU that computes in it, and on a CPU that does where the language model
    is wide enough to gain from it (groma-7b, not groma-nano); else float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    wide = config.language.hidden_size >= _WIDE_LANGUAGE_MODEL
    return torch.bfloat16 if wide and _cpu_has_bfloat16() else torch.float32


def choose_quantization(name: str) -> str | None:
    """Return what `Predictor.from_pretrained` takes for "none", "int8" or "int4"."""
    return None if name == "none" else name


def _cpu_has_bfloat16() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
