"""What is written beside a box, in annotated pictures, in RViz and in Foxglove."""

from __future__ import annotations

SAID_ROLES = ("destination", "relation")
"""Roles that a label names; a target or a mention is what a box is expected to be."""


def box_label(text: str, score: float, role: str, identity: str = "") -> str:
    """Return "#3 the bowl 0.82 (destination)": the id where there is one, phrase, score, role."""
    words = [f"#{identity}"] if identity else []
    words += [text] if text else []
    words.append(f"{score:.2f}")
    words += [f"({role})"] if role in SAID_ROLES else []
    return " ".join(words)
