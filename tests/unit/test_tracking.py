"""Things keep their ids: by where they go and what they look like, without a language model."""

import itertools

import numpy as np
import pytest

from groma_ros.tracking import Tracker

RED, BLUE = [1.0, 0.0], [0.0, 1.0]


def box(x, y, side=20):
    return [x, y, x + side, y + side]


def follow(tracker, frames, first=0.0, period=0.1):
    """Show frames, lists of (box, feature), one after the other."""
    for number, frame in enumerate(frames):
        boxes = [b for b, _ in frame]
        tracker.update(
            boxes, np.array([f for _, f in frame]).reshape(-1, 2), first + number * period
        )


def test_a_thing_that_moves_keeps_its_id():
    tracker = Tracker()
    follow(tracker, [[(box(100, 100), RED)]])
    (track_id,) = tracker.ids_of([box(100, 100)])
    follow(tracker, [[(box(100 + 6 * n, 100), RED)] for n in range(1, 20)], first=0.1)
    assert tracker.ids_of([box(214, 100)]) == [track_id]
    assert tracker.track(track_id).box_xyxy.tolist() == box(214, 100)


def test_two_that_look_alike_keep_their_ids_where_they_pass_each_other():
    tracker = Tracker()
    ways = [[(box(100 + 8 * n, 100), RED), (box(340 - 8 * n, 118), RED)] for n in range(31)]
    follow(tracker, ways[:1])
    left, right = tracker.ids_of([box(100, 100), box(340, 118)])
    follow(tracker, ways[1:], first=0.1)
    assert tracker.ids_of([box(340, 100), box(100, 118)]) == [left, right]


def test_a_thing_that_was_hidden_is_the_same_again():
    tracker = Tracker()
    follow(tracker, [[(box(100 + 4 * n, 100), RED)] for n in range(10)])
    (track_id,) = tracker.ids_of([box(136, 100)])
    follow(tracker, [[]] * 8, first=1.0)
    assert not tracker.track(track_id).is_seen
    follow(tracker, [[(box(172, 100), RED)]], first=1.8)
    assert tracker.ids_of([box(172, 100)]) == [track_id]


def test_what_stands_in_its_place_but_looks_different_is_another_thing():
    tracker = Tracker()
    follow(tracker, [[(box(100, 100), RED)]] * 3)
    (track_id,) = tracker.ids_of([box(100, 100)])
    follow(tracker, [[(box(100, 100), BLUE)]], first=0.3)
    assert tracker.ids_of([box(100, 100)]) != [track_id]


def test_an_id_ends_with_its_lifetime_and_is_not_used_again():
    tracker = Tracker(lifetime_s=0.5)
    follow(tracker, [[(box(100, 100), RED)]])
    (track_id,) = tracker.ids_of([box(100, 100)])
    follow(tracker, [[]] * 8, first=0.1)
    assert tracker.track(track_id) is None
    follow(tracker, [[(box(100, 100), RED)]], first=1.0)
    assert tracker.ids_of([box(100, 100)]) == [track_id + 1]


def test_a_bag_that_starts_again_has_new_things():
    tracker = Tracker()
    follow(tracker, [[(box(100, 100), RED)]], first=50.0)
    (track_id,) = tracker.ids_of([box(100, 100)])
    follow(tracker, [[(box(100, 100), RED)]], first=1.0)
    assert tracker.ids_of([box(100, 100)]) != [track_id]


def test_trackers_of_several_cameras_share_their_numbers():
    numbers = itertools.count(1)
    front, wrist = Tracker(numbers=numbers), Tracker(numbers=numbers)
    for tracker in (front, wrist):
        follow(tracker, [[(box(100, 100), RED)]])
    assert front.ids_of([box(100, 100)]) + wrist.ids_of([box(100, 100)]) == [1, 2]


def test_only_things_that_somebody_spoke_of_use_up_numbers():
    tracker = Tracker()
    follow(tracker, [[(box(30 * n, 100), RED) for n in range(10)]])
    assert tracker.ids_of([box(120, 100)]) == [1]


@pytest.mark.parametrize("count", [0, 1])
def test_pictures_without_a_region_are_pictures_too(count):
    tracker = Tracker()
    follow(tracker, [[(box(1, 1), RED)][:count], [], [(box(1, 1), RED)][:count]])
    assert tracker.ids_of(np.zeros((0, 4))) == []
