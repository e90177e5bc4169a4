"""Define the answer of the predictor: status, phrases with boxes, events of a growing answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

PHRASE_ROLES = ("target", "destination", "relation", "mention")


class Status(StrEnum):
    """Name how a command ended; each value equals its name.

    GROUNDED   the target has a box (for a plural target: one box or more)
    AMBIGUOUS  a singular target fits several things; all of them are given, best first
    NOT_FOUND  the target is not in the picture; there is no box
    NO_IMAGE   there was no picture to look at
    CANCELLED  the caller withdrew the command
    ERROR      the command could not be answered; the reason says why
    """

    GROUNDED = "GROUNDED"
    AMBIGUOUS = "AMBIGUOUS"
    NOT_FOUND = "NOT_FOUND"
    NO_IMAGE = "NO_IMAGE"
    CANCELLED = "CANCELLED"
    ERROR = "ERROR"


@dataclass(frozen=True, eq=False)
class Phrase:
    """Hold a noun phrase of an answer and its boxes in the picture.

    text       the phrase as the user or the model wrote it
    span       (start, end) character offsets of `text` in `Grounding.text`
    boxes_xyxy (n, 4) float32 corners, pixels of the source image, best first; n may be 0
    scores     (n,) float32 in [0, 1]: probability of the region x objectness (see `Predictor`)
    role       "target", "destination", "relation" (the anchor of a relation) or "mention"
               (a phrase that the model wrote)
    ids        (n,) numbers of the things that last from picture to picture (see `tracking`);
               empty where nobody follows them
    """

    text: str
    span: tuple[int, int]
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    role: str = "target"
    ids: tuple[int, ...] = ()

    def __post_init__(self):
        boxes = frozen_array(self.boxes_xyxy, (-1, 4))
        scores = frozen_array(self.scores, (-1,))
        if len(boxes) != len(scores):
            raise ValueError(
                f"phrase {self.text!r} has {len(boxes)} boxes and {len(scores)} scores; "
                "give one score for each box"
            )
        if self.ids and len(self.ids) != len(boxes):
            raise ValueError(f"phrase {self.text!r} has {len(boxes)} boxes and {len(self.ids)} ids")
        if self.role not in PHRASE_ROLES:
            raise ValueError(f"role {self.role!r} is none of {', '.join(PHRASE_ROLES)}")
        object.__setattr__(self, "boxes_xyxy", boxes)
        object.__setattr__(self, "scores", scores)

    def to_dict(self) -> dict:
        """Return the phrase in plain JSON types; boxes in source pixels, rounded to 0.01."""
        return {
            "text": self.text,
            "span": list(self.span),
            "boxes_xyxy": [[round(float(v), 2) for v in box] for box in self.boxes_xyxy],
            "scores": [round(float(s), 4) for s in self.scores],
            "role": self.role,
        }


@dataclass(frozen=True, eq=False)
class Grounding:
    """Hold the answer to one command on one picture.

    status     how the command ended
    text       a sentence for people; every phrase's span indexes it
    phrases    the target first, then destination, relation anchors and mentions
    action     what the command wants done: "pick", "place", "find", "go", "ask", ...
    timings_ms milliseconds by stage; "perceive" and "ground" are the two sums
    reason     why, for NOT_FOUND, CANCELLED and ERROR; else empty
    """

    status: Status
    text: str
    phrases: tuple[Phrase, ...] = ()
    action: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self):
        for phrase in self.phrases:
            start, end = phrase.span
            if not 0 <= start <= end <= len(self.text):
                raise ValueError(
                    f"span {phrase.span} of {phrase.text!r} lies outside the text "
                    f"of {len(self.text)} characters"
                )

    @property
    def target(self) -> Phrase | None:
        """Return the first phrase that is a target, or None."""
        return next((p for p in self.phrases if p.role == "target"), None)

    def to_dict(self) -> dict:
        """Return the answer in plain JSON types, as `groma ground --json` prints it."""
        return {
            "status": self.status.value,
            "action": self.action,
            "text": self.text,
            "phrases": [p.to_dict() for p in self.phrases],
            "timings_ms": {k: round(float(v), 2) for k, v in self.timings_ms.items()},
            "reason": self.reason,
        }


@dataclass(frozen=True)
class TextPiece:
    """Hold the next piece of an answer's text; all pieces together are `Grounding.text`."""

    text: str


@dataclass(frozen=True)
class PhraseOpened:
    """Announce the next phrase of an answer.

    index number of the phrase in the answer
    text  its words if they are known (those of a command), else empty: the model writes them next
    role  role of the phrase, as in `Phrase`
    """

    index: int
    text: str = ""
    role: str = "mention"


@dataclass(frozen=True, eq=False)
class BoxFound:
    """Hold one box of a phrase, as soon as its region's token was decoded.

    index    number of the phrase in the answer
    box_xyxy (4,) float32 corners, pixels of the source image
    score    in [0, 1], preliminary: probability of the token x objectness
    """

    index: int
    box_xyxy: np.ndarray
    score: float


AnswerEvent = TextPiece | PhraseOpened | BoxFound | Grounding
"""An event of `Predictor.stream`; the last one is a Grounding, the whole answer."""


def frozen_array(values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return a read-only float32 copy of `values` in `shape`.

    Raises ValueError if the number of values does not fit `shape`.
    """
    array = np.array(values, dtype=np.float32)
    try:
        array = array.reshape(shape if array.size else tuple(max(n, 0) for n in shape))
    except ValueError:
        raise ValueError(f"array of shape {array.shape} can't be read as {shape}") from None
    array.setflags(write=False)
    return array
