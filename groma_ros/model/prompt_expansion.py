"""Room in a prompt for a picture: `<image>` and `<region>` become the places of visual tokens.

Source: groma/model/groma.py of the official code, which edits its `input_ids` in place; nothing is
edited here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from groma_ros.encoding.special_tokens import SpecialIds

IGNORE_LABEL = -100


def expand_ids(input_ids: Tensor, ids: SpecialIds, image_tokens: int, regions: int) -> Tensor:
    """Replace `<image>` and `<region>` in (L,) ids by the places their tokens will take.

    `<image>` becomes `image_tokens` times itself; `<region>` becomes `<r_i>` and itself
    for each region. Raises ValueError unless each stands in the prompt once, image first.
    """
    expanded = input_ids.repeat_interleave(_lengths(input_ids, ids, image_tokens, regions))
    places = (expanded == ids.region).nonzero().flatten()
    indices = torch.arange(regions, device=input_ids.device)
    return expanded.index_copy(0, places[::2], ids.first_region + indices)


def expand_labels(
    labels: Tensor, input_ids: Tensor, ids: SpecialIds, image_tokens: int, regions: int
) -> Tensor:
    """Move labels (L,) to where `expand_ids` moves their tokens; visual tokens have none."""
    visual = (input_ids == ids.image) | (input_ids == ids.region)
    lengths = _lengths(input_ids, ids, image_tokens, regions)
    return labels.masked_fill(visual, IGNORE_LABEL).repeat_interleave(lengths)


def _lengths(input_ids: Tensor, ids: SpecialIds, image_tokens: int, regions: int) -> Tensor:
    image = (input_ids == ids.image).nonzero().flatten().tolist()
    region = (input_ids == ids.region).nonzero().flatten().tolist()
    if len(image) != 1 or len(region) != 1 or image[0] > region[0]:
        raise ValueError(
            f"the prompt holds <image> {len(image)} times and <region> {len(region)} times; "
            "it needs one of each, the image first"
        )
    lengths = torch.ones_like(input_ids)
    lengths[image[0]] = image_tokens
    lengths[region[0]] = 2 * regions
    return lengths
