"""Name the tokens that Groma adds to the vocabulary of its language model, as text and as ids.

Source: groma/constants.py of the official code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_REGIONS = 100
REGION_TOKENS = tuple(f"<r{i}>" for i in range(MAX_REGIONS))
# The order in which the official tokenizer was extended; ids count on from the vocabulary's size.
NEW_TOKENS = (
    "[PAD]",
    "<sep>",
    "<img>",
    "</img>",
    "<roi>",
    "</roi>",
    "<p>",
    "</p>",
    "<image>",
    "<region>",
    "<refer_box>",
    "<ground_box>",
    "<refer_feat>",
    "[grounding]",
    *REGION_TOKENS,
)
BOS, EOS, UNK = "<s>", "</s>", "<unk>"

SPECIAL_PATTERN = re.compile(
    "|".join(re.escape(t) for t in sorted((*NEW_TOKENS, BOS, EOS, UNK), key=len, reverse=True))
)
# A private-use character that `quote` puts into a special token and the tokenizer takes out.
QUOTE_MARK = "\ue0f0"


def quote(text: str) -> str:
    """Return user text in which the tokenizer reads special tokens as plain characters.

    A mark inside each of them keeps `<r3>` or `</s>` from being recognised; the tokenizer removes
    the mark again before it cuts the text into pieces.
    """
    plain = text.replace(QUOTE_MARK, "")
    return SPECIAL_PATTERN.sub(lambda match: match[0][0] + QUOTE_MARK + match[0][1:], plain)


@dataclass(frozen=True)
class SpecialIds:
    """Hold the ids of the added tokens that the model itself treats specially."""

    pad: int
    image: int
    region: int
    refer_box: int
    ground_box: int
    refer_feat: int
    first_region: int

    @classmethod
    def after(cls, vocab_size: int) -> SpecialIds:
        """Return the ids for a vocabulary of `vocab_size` pieces before the added tokens."""
        position = {token: vocab_size + i for i, token in enumerate(NEW_TOKENS)}
        return cls(
            pad=position["[PAD]"],
            image=position["<image>"],
            region=position["<region>"],
            refer_box=position["<refer_box>"],
            ground_box=position["<ground_box>"],
            refer_feat=position["<refer_feat>"],
            first_region=position["<r0>"],
        )
