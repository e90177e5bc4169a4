"""Read the JSON files of a model folder: objects whose values are what they are expected to be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

LARGEST = 2**31 - 1
"""Of a whole number in a configuration."""


def read_object(path: str | Path) -> dict[str, Any]:
    """Return the object in a JSON file; raise ValueError, in one line, where it holds none."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file: {error}; fetch it again") from error
    if not isinstance(data, dict):
        raise ValueError(  # noqa: TRY004
            f"{path} holds {type(data).__name__} and no JSON object; fetch it again"
        )
    return data


def section(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the object at a key, empty where it is absent or null; raise ValueError for others."""
    value = data.get(key)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{key} is {shown(value)}; it has to be an object")
    return value or {}


def typed(name: str, value: Any, wanted: Any) -> Any:
    """Return a value in the type of its field; JSON's 4.0 and 4 are both 4 and 4.0.

    Raises ValueError for another type, a number that is not finite, or a size that can't be.
    """
    if isinstance(wanted, UnionType):
        if value is None:
            return None
        wanted = next(one for one in get_args(wanted) if one is not type(None))
    wanted = get_origin(wanted) or wanted
    if wanted is float and type(value) is int and abs(value) <= LARGEST:
        return float(value)
    if wanted is int and type(value) is float and value.is_integer() and abs(value) <= LARGEST:
        return int(value)
    if wanted is tuple and type(value) is list:
        return tuple(value)
    if not isinstance(value, wanted) or (type(value) is bool and wanted is not bool):
        hint = "only whole numbers are supported" if wanted is int else f"give {wanted.__name__}"
        raise ValueError(f"{name} is {shown(value)}; {hint}")
    if wanted is float and not math.isfinite(value):
        raise ValueError(f"{name} is {value}; it has to be finite")
    if wanted is int and abs(value) > LARGEST:
        raise ValueError(f"{name} is {shown(value)}; that is too much")
    return value


def shown(value: Any) -> str:
    """Return a value as a message shows it, in one short line."""
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "..."
