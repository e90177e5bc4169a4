"""The names of the released checkpoint's tensors: which ones are copies of each other."""

from __future__ import annotations

import re

EMBEDDINGS, HEAD = "llm.model.embed_tokens.weight", "llm.lm_head.weight"
_TIED = re.compile(r"ddetr_transformer\.decoder\.(bbox_embed|class_embed_(?:enc|coco|sa1b))\.")


def canonical_name(name: str) -> str:
    """Return the name of a parameter without the `decoder.` of the tied copies."""
    return _TIED.sub(r"ddetr_transformer.\1.", name)
