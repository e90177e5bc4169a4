"""Keep the ids of things from picture to picture, by their boxes and what the regions look like.

    tracker = Tracker()
    tracker.update(perception.boxes_xyxy, perception.features, time_s)
    ids = tracker.ids_of(grounding.phrases[0].boxes_xyxy)
    tracker.update(...)  # the next picture
    tracker.track(ids[0]).box_xyxy

Every region of the proposer is followed, whatever was asked for: a thing that looks like another
one keeps its own region, so that the two are not taken for each other. No language model is
needed. The middle of a box moves as a Kalman filter of constant velocity expects (as in SORT,
arXiv 1602.00763). A region fits a track where it is near the expected place and looks the same
(cosine similarity of region tokens); pairs are made best first. A thing that is hidden keeps its
id for a while and is looked for where it would be by then.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from groma_ros.values.boxes import area, boxes_array, cxcywh_to_xyxy, iou, xyxy_to_cxcywh

SAME_PLACE_IOU = 0.5
"""From this overlap on a box of an answer is the box of a track."""
LEAST_SIMILARITY = 0.6
"""Region tokens of a thing in two pictures are at least so similar (cosine)."""
DOUBLE_IOU, DOUBLE_SIMILARITY = 0.15, 0.7
"""A new region that overlaps a thing and is like it by more than that is no other thing."""
GATE_DEVIATIONS, GATE_SIZES = 3.0, 0.25
"""How far from its expected place a thing may be: standard deviations, and parts of its size."""
FARTHEST_SIZES = 3.0
ACCELERATION = 3.0
"""Of things and camera, standard deviation in sizes of the thing a second squared."""
BOX_NOISE, HIDDEN_NOISE = 0.06, 0.25
"""Standard deviation of a box's middle in parts of the thing's size: of a whole box, and of one
that is smaller than HIDDEN_SHARE of the thing's, which is hidden in part."""
HIDDEN_SHARE = 0.8
START_SPEED = 2.0
"""Standard deviation of a new thing's speed, in sizes a second."""
GROWS, SHRINKS = 0.5, 0.1
"""How fast a thing's size follows its box: what is smaller is more often hidden than gone."""
LOOK_CHANGES = 0.1
"""How much of a thing's look comes from the newest picture."""


@dataclass(eq=False)
class Track:
    """Follow one thing.

    id            number of the thing, 0 until somebody asks for it; never used again
    box_xyxy      (4,) pixels of the source image: where it is seen, or would be now
    feature       (D,) of length 1: what it looks like
    seen_s        time at which it was last seen
    middle, speed (2,) of the box, pixels and pixels a second
    size_wh       (2,) of the thing with nothing in front of it, pixels
    covariance    (2, 2) of place and speed along one axis
    similarity    of the newest region to what the thing looked like (cosine), 0 where no region of
                  the newest picture is this thing
    """

    box_xyxy: np.ndarray
    feature: np.ndarray
    seen_s: float
    middle: np.ndarray
    speed: np.ndarray
    size_wh: np.ndarray
    covariance: np.ndarray
    id: int = 0
    similarity: float = 1.0

    @property
    def is_seen(self) -> bool:
        """Return whether a region of the newest picture is this thing."""
        return self.similarity > 0

    @property
    def size(self) -> float:
        """Return the geometric mean of the sides, pixels."""
        return float(np.sqrt(max(self.size_wh.prod(), 1.0)))

    @property
    def expected_xyxy(self) -> np.ndarray:
        """Return the box (4,) of the whole thing at its expected place."""
        return cxcywh_to_xyxy(np.append(self.middle, self.size_wh))[0]

    def predict(self, passed_s: float) -> None:
        """Move on by a time."""
        self.middle = self.middle + self.speed * passed_s
        step = np.array([[1.0, passed_s], [0.0, 1.0]])
        push = np.array([passed_s**2 / 2, passed_s]) * ACCELERATION * self.size
        self.covariance = step @ self.covariance @ step.T + np.outer(push, push)

    def see(self, box_xyxy: np.ndarray, feature: np.ndarray, time_s: float) -> None:
        """Take the region that is this thing."""
        box = xyxy_to_cxcywh(box_xyxy)[0]
        hidden = area(box_xyxy)[0] < HIDDEN_SHARE * self.size_wh.prod()
        noise = (HIDDEN_NOISE if hidden else BOX_NOISE) * self.size
        gain = self.covariance[:, 0] / (self.covariance[0, 0] + noise**2)
        error = box[:2] - self.middle
        self.middle, self.speed = self.middle + gain[0] * error, self.speed + gain[1] * error
        self.covariance = self.covariance - np.outer(gain, self.covariance[0])
        follows = np.where(box[2:] < self.size_wh, SHRINKS, GROWS)
        self.size_wh = self.size_wh + follows * (box[2:] - self.size_wh)
        self.similarity = float(self.feature @ feature)
        self.feature = unit_length(LOOK_CHANGES * feature + (1 - LOOK_CHANGES) * self.feature)
        self.box_xyxy, self.seen_s = box_xyxy, time_s


class Tracker:
    """Give things ids that last.

    tracks  those that are alive, oldest first
    """

    def __init__(self, lifetime_s: float = 2.0, numbers: Iterator[int] | None = None) -> None:
        """Take how long a thing that is not seen is looked for, in seconds, and where ids are from.

        Trackers that share `numbers` never give the same id; without it ids count up from 1.
        """
        self.lifetime_s = lifetime_s
        self.tracks: list[Track] = []
        self._numbers = numbers or itertools.count(1)
        self._time_s: float | None = None

    def update(self, boxes_xyxy: np.ndarray, features: np.ndarray, time_s: float) -> None:
        """Take the regions of the next picture.

        boxes_xyxy (n, 4) pixels, features (n, D) in the same order, time_s when it was taken. A
        time before the last one begins anew: a bag was started again.
        """
        boxes, features = boxes_array(boxes_xyxy), unit_length(features)
        if self._time_s is not None and time_s < self._time_s:
            self.tracks = []
        passed_s = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        for track in self.tracks:
            track.predict(passed_s)
            track.box_xyxy, track.similarity = track.expected_xyxy, 0.0
        fresh = set(range(len(boxes)))
        for track, region in self._pairs(boxes, features):
            track.see(boxes[region], features[region], time_s)
            fresh.remove(region)
        self.tracks = [t for t in self.tracks if time_s - t.seen_s <= self.lifetime_s]
        fresh -= self._doubles(boxes, features)
        self.tracks += [new_track(boxes[n], features[n], time_s) for n in sorted(fresh)]

    def ids_of(self, boxes_xyxy: np.ndarray) -> list[int]:
        """Return the ids of the things at boxes (n, 4) of the newest picture.

        A box where no thing is followed, such as one that a person drew, gets an id of its own and
        is not followed.
        """
        boxes = boxes_array(boxes_xyxy)
        seen = [t for t in self.tracks if t.is_seen]
        ids = []
        for row in iou(boxes, np.array([t.box_xyxy for t in seen])):
            best = int(row.argmax()) if len(row) else -1
            known = best >= 0 and row[best] >= SAME_PLACE_IOU
            ids.append(self._id_of(seen[best]) if known else next(self._numbers))
        return ids

    def track(self, track_id: int) -> Track | None:
        """Return the track of an id, None where it has ended."""
        return next((t for t in self.tracks if t.id == track_id), None)

    def _id_of(self, track: Track) -> int:
        track.id = track.id or next(self._numbers)
        return track.id

    def _doubles(self, boxes: np.ndarray, features: np.ndarray) -> set[int]:
        """Return the regions that are second ones of things that are seen: near them and like them.

        A track of its own would take the thing's region from it in a later picture.
        """
        seen = [t for t in self.tracks if t.is_seen]
        if not seen:
            return set()
        overlap = iou(boxes, np.array([t.box_xyxy for t in seen]))
        alike = features @ np.array([t.feature for t in seen]).T
        double = (overlap >= DOUBLE_IOU) & (alike >= DOUBLE_SIMILARITY)
        return set(np.flatnonzero(double.any(axis=1)).tolist())

    def _pairs(self, boxes: np.ndarray, features: np.ndarray) -> list[tuple[Track, int]]:
        """Return tracks and the regions (n, 4), (n, D) that are the same things.

        Each is in one pair at most; the pair that fits best is made first.
        """
        if not self.tracks or not len(boxes):
            return []
        tracks = self.tracks
        size = np.array([t.size for t in tracks])[:, None]
        variance = np.array([t.covariance[0, 0] for t in tracks])[:, None]
        gate = GATE_DEVIATIONS * np.sqrt(variance + (BOX_NOISE * size) ** 2) + GATE_SIZES * size
        gate = gate.clip(max=FARTHEST_SIZES * size)
        middles = np.array([t.middle for t in tracks])
        away = np.linalg.norm(middles[:, None] - xyxy_to_cxcywh(boxes)[None, :, :2], axis=-1)
        similarity = np.array([t.feature for t in tracks]) @ features.T  # (tracks, regions)
        overlap = iou(np.array([t.expected_xyxy for t in tracks]), boxes)
        fit = similarity + 2 * overlap - away / gate / 4
        fit[(similarity < LEAST_SIMILARITY) | (away > gate)] = -np.inf
        pairs = []
        while np.isfinite(fit.max()):
            track, region = map(int, np.unravel_index(int(fit.argmax()), fit.shape))
            pairs.append((tracks[track], region))
            fit[track], fit[:, region] = -np.inf, -np.inf
        return pairs


def new_track(box_xyxy: np.ndarray, feature: np.ndarray, time_s: float) -> Track:
    """Return a track that begins with a region; nobody knows how fast the thing moves."""
    box = xyxy_to_cxcywh(box_xyxy)[0]
    size = np.sqrt(max(box[2:].prod(), 1.0))
    covariance = np.diag([(BOX_NOISE * size) ** 2, (START_SPEED * size) ** 2])
    return Track(box_xyxy, feature, time_s, box[:2], np.zeros(2), box[2:], covariance)


def unit_length(features: np.ndarray) -> np.ndarray:
    """Return features (..., D) of length 1 each."""
    features = np.asarray(features, dtype=np.float32)
    return features / np.linalg.norm(features, axis=-1, keepdims=True).clip(1e-6)
