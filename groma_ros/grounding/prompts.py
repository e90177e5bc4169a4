"""Write the prompts that Groma was trained on; the user's words are data in them.

Source of the wording: groma/eval/run_groma.py and groma/data of the official code.
"""

from __future__ import annotations

import re

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "
)
REGION = "<roi><refer_box></roi><refer_feat>"
_SPECIAL = re.compile(
    r"<(?=(?:/?s|unk|pad|sep|/?img|/?roi|/?p|image|region|refer_box|ground_box|refer_feat"
    r"|r\d+|0x[0-9a-f]{2})>)|\[(?=(?:grounding|PAD)\])",
    re.IGNORECASE,
)
_POINTING_WORD = re.compile(
    r"\b(?:this|that|it)\b(?: (?:one|thing|object|region|box)\b)?", re.IGNORECASE
)
_ARTICLE = re.compile(r"^(?:the|my|your|our|these|those) (?=\S)", re.IGNORECASE)


def opening() -> str:
    """Return the part of a prompt that doesn't depend on the question: picture and regions."""
    return (
        f"{SYSTEM}USER: Here is an image with region crops from it. Image: <image>. "
        "Regions: <region>. "
        "ASSISTANT: Thank you for the image! How can I assist you with it?</s>"
    )


def turn(query: str) -> str:
    """Return the part of a prompt that asks `query`; it follows `opening()` without a space."""
    return f"USER: {query} ASSISTANT:"


def locate(phrase: str) -> str:
    """Return the query for the one thing that `phrase` names; answered `<roi><r5></roi>`."""
    return f"Locate <p>{neutralise(phrase)}</p> in the image."


def locate_all(phrase: str) -> str:
    """Return the query for everything that `phrase` names; answered `<roi><r1><r7></roi>`.

    The article of "the cups" is left out: the form was trained on bare names.
    """
    return f"Locate all <p>{_ARTICLE.sub('', neutralise(phrase))}</p> in this image."


def chat(question: str) -> str:
    """Return the query for an answer in sentences whose phrases point at regions."""
    return f"[grounding]{neutralise(question)}"


def refer(question: str) -> str:
    """Return the query about one box that is pointed at.

    The first "this", "that" or "it" of the question stands for the box; a question without one
    has it put before its last mark ("what colour?" asks "what colour <box>?").
    """
    safe = neutralise(question) or "What is this?"
    asked, found = _POINTING_WORD.subn(REGION, safe, count=1)
    if found:
        return asked
    body = safe.rstrip("?!. ")
    return f"{body} {REGION}{safe[len(body):].strip() or '?'}"


def neutralise(text: str) -> str:
    """Return `text` with single spaces, and a space inside anything spelt like a special token.

    "<r3>" becomes "< r3>": the model still reads it, and it no longer points.
    """
    return _SPECIAL.sub(lambda mark: mark.group() + " ", " ".join(text.split()))
