"""Name the tensors of the released checkpoint that are copies of each other."""

from __future__ import annotations

import re

EMBEDDINGS, HEAD = "llm.model.embed_tokens.weight", "llm.lm_head.weight"
_TIED = re.compile(r"ddetr_transformer\.decoder\.(bbox_embed|class_embed_(?:enc|coco|sa1b))\.")


def canonical_name(name: str) -> str:
    """Return the name of a parameter, that of the first of two tied copies for both.

    The official code ties each head of `ddetr_transformer` to one below `decoder.`.
    """
    return _TIED.sub(r"ddetr_transformer.\1.", name)
