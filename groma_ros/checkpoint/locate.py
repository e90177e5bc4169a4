"""Find the folder that a model comes from: the shipped nano, a folder, or a hub id."""

from __future__ import annotations

import re
from pathlib import Path

SHIPPED = {"nano": "nano", "nano-photos": "nano_photos"}
"""Folders in the package, by the names of the models."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def model_folder(model: str | Path) -> Path:
    """Return the folder that holds config.json, tokenizer.model and weights of a model.

    `model` is "nano" or "nano-photos" (shipped with the package), a folder, or a Hugging Face hub
    id such as "FoundationVision/groma-7b-finetune". Only a hub id may use the network. Raises
    ValueError that says what is missing and how to get it.
    """
    return local_folder(model) or _from_hub(str(model))


def local_folder(model: str | Path) -> Path | None:
    """Return the folder of a model that is on this disk, None where `model` is a hub id.

    Raises ValueError as `model_folder` does. Uses neither torch nor the network.
    """
    if str(model) in SHIPPED:
        folder = Path(__file__).parents[1] / SHIPPED[str(model)]
        if not (folder / "config.json").is_file():
            raise ValueError(
                f"the weights of groma-{model} are not in {folder}; install the package from a "
                "complete checkout, or name another model folder"
            )
        return folder
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ValueError(f"{folder} has no config.json; name the folder of a Groma checkpoint")
        return folder
    if _HUB_ID.fullmatch(str(model)) and not folder.parent.is_dir():
        return None
    raise ValueError(
        f'there is no model folder {model}; give "nano", "nano-photos", an existing folder or a '
        "hub id such as FoundationVision/groma-7b-finetune"
    )


def _from_hub(hub_id: str) -> Path:
    """Return the folder of a hub id, downloaded or from the hub's cache."""
    fetch = f"hf download {hub_id} --local-dir {hub_id.split('/')[1]}"
    from huggingface_hub import snapshot_download  # takes a tenth of a second, for a hub id only

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
