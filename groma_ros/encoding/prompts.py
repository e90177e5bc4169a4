"""Write the prompts that Groma was trained on; the words of the user are quoted in them.

Inference and training take every form from here. Source of the wording: groma/eval/run_groma.py
and groma/data of the official code.
"""

from __future__ import annotations

import re

from groma_ros.encoding.special_tokens import quote

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "
)
REGION = "<roi><refer_box></roi><refer_feat>"
WHAT_IS_THIS = "What is this?"
"""What is asked about a box when nobody says what to ask."""
_POINTING_WORD = re.compile(
    r"\b(?:this|that|it)\b(?: (?:one|thing|object|region|box)\b)?", re.IGNORECASE
)
_ARTICLE = re.compile(r"^(?:the|my|your|our|these|those) (?=\S)", re.IGNORECASE)


def opening() -> str:
    """Return the part of a prompt before the question, with the places of picture and regions."""
    return (
        f"{SYSTEM}USER: Here is an image with region crops from it. Image: <image>. "
        "Regions: <region>. "
        "ASSISTANT: Thank you for the image! How can I assist you with it?</s>"
    )


def turn(query: str) -> str:
    """Return the part of a prompt that asks `query`; it follows `opening()` without a space."""
    return f"USER: {query} ASSISTANT:"


def locate(phrase: str) -> str:
    """Return the query for the one thing that `phrase` names; the answer is `<roi><r5></roi>`."""
    return f"Locate <p>{neutralise(phrase)}</p> in the image."


def locate_all(phrase: str) -> str:
    """Return the query for everything that `phrase` names; the answer is `<roi><r1><r7></roi>`.

    The article of "the cups" is left out, because the form was trained on bare names.
    """
    return f"Locate all <p>{_ARTICLE.sub('', neutralise(phrase))}</p> in this image."


def chat(question: str) -> str:
    """Return the query for an answer in sentences whose phrases point at regions."""
    return f"[grounding]{neutralise(question)}"


def refer(question: str) -> str:
    """Return the query about one box.

    "<region>" in the question stands for the box, else its first "this", "that" or "it" does. A
    question without any of them gets the box before its last mark: "what colour?" becomes
    "what colour <box>?". An empty question becomes `WHAT_IS_THIS`.
    """
    before, named, after = question.partition("<region>")
    if named:
        return " ".join(f"{neutralise(before)} {REGION}{neutralise(after)}".split(" ")).strip()
    safe = neutralise(question) or WHAT_IS_THIS
    asked, found = _POINTING_WORD.subn(REGION, safe, count=1)
    if found:
        return asked
    body = safe.rstrip("?!. ")
    return f"{body} {REGION}{safe[len(body) :].strip() or '?'}"


def in_case(text: str, lowercase: bool) -> str:
    """Return the user's words in the case that a model knows: lower case where `lowercase`.

    `GromaConfig.lowercase` says which models were trained on lower case alone. Only words of the
    user go through here; the forms of the prompts keep their capitals.
    """
    return text.lower() if lowercase else text


def neutralise(text: str) -> str:
    """Return `text` with single spaces and with special tokens quoted.

    The tokenizer reads a quoted "<r3>" as four characters, so that it does not point.
    """
    return quote(" ".join(text.split()))
