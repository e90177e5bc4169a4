"""What `groma doctor` finds: one line a subject, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, SLOW, MISSING = "ok", "note", "slow", "missing"
"""States: as it should be, good to know, works and takes long, and keeps something from working."""


@dataclass(frozen=True)
class Finding:
    """Say in which `state` a subject is, what was found, and what to do where that is not OK."""

    subject: str
    state: str
    what: str
    advice: str = ""
