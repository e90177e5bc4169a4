"""Ids that last: the things of each camera's images are followed, and those of its last answer.

The language model says what a command means; where its things are in the next image, their regions
tell by themselves (see `groma_ros.tracking`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from groma_ros.ros.latest_frame import Frame
from groma_ros.tracking import Track, Tracker
from groma_ros.values.answers import Grounding, Phrase

if TYPE_CHECKING:
    from groma_ros.predictor import Perception

IN_DOUBT = 0.7
"""A thing whose region is less similar than that to what it was before is asked for again."""


class CameraTracks:
    """Follow the things of one camera, and remember its last answer."""

    def __init__(self, numbers: Iterator[int]) -> None:
        """Take where ids are from."""
        self._tracker = Tracker(numbers=numbers)
        self._last: tuple[int, Grounding] | None = None
        self._frame: Frame | None = None

    def update(self, perception: Perception, frame: Frame, lifetime_s: float) -> None:
        """Take the regions of the next frame; a frame counts once."""
        if frame is not self._frame:
            self._frame, self._tracker.lifetime_s = frame, lifetime_s
            self._tracker.update(perception.boxes_xyxy, perception.features, frame.stamp_s)

    def identified(self, command_id: int, grounding: Grounding) -> Grounding:
        """Return an answer about the newest frame with the ids of its things, and remember it."""
        phrases = tuple(
            replace(p, ids=tuple(self._tracker.ids_of(p.boxes_xyxy))) for p in grounding.phrases
        )
        grounding = replace(grounding, phrases=phrases)
        if command_id:
            self._last = command_id, grounding
        return grounding

    def followed(self, command_id: int) -> Grounding | None:
        """Return the last answer to a command with the boxes of the newest frame.

        A score is that of the answer times the similarity of the region to what it was. None where
        a thing of the answer is not seen or in doubt, or where the answer had no thing.
        """
        if self._last is None or self._last[0] != command_id:
            return None
        last = self._last[1]
        tracks = [[self._tracker.track(i) for i in p.ids] for p in last.phrases]
        if not any(tracks) or not all(map(_is_sure, itertools.chain(*tracks))):
            return None
        pairs = zip(last.phrases, tracks, strict=True)
        return replace(last, phrases=tuple(_moved(phrase, its) for phrase, its in pairs))


def _is_sure(track: Track | None) -> bool:
    return track is not None and track.similarity >= IN_DOUBT


def _moved(phrase: Phrase, tracks: list[Track]) -> Phrase:
    scores = [s * min(t.similarity, 1.0) for s, t in zip(phrase.scores, tracks, strict=True)]
    return replace(phrase, boxes_xyxy=[t.box_xyxy for t in tracks], scores=scores)
