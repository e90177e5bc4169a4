"""The newest frame is kept, dropped ones are counted, and it is over when it is closed."""

import threading
import time

from groma_ros.ros.latest_frame import LatestFrame


def test_without_a_frame_nothing_comes_at_the_deadline():
    assert LatestFrame().newest(time.monotonic()) is None


def test_the_newest_frame_wins():
    """A queue of one that drops the new frame would answer about an old one."""
    frames = LatestFrame()
    for frame in "abc":
        frames.put(frame)
    assert frames.newest(0.0) == "c"
    assert (frames.received, frames.dropped) == (3, 2)


def test_a_frame_stays_until_a_newer_one_comes_and_is_dropped_only_unseen():
    frames = LatestFrame()
    frames.put("a")
    assert frames.unseen
    assert [frames.newest(0.0), frames.newest(0.0)] == ["a", "a"]
    assert not frames.unseen
    frames.put("b")
    assert frames.newest(0.0) == "b"
    assert (frames.received, frames.dropped) == (2, 0)


def test_a_reader_waits_for_the_first_frame():
    frames, got = LatestFrame(), []
    reader = threading.Thread(target=lambda: got.append(frames.newest(time.monotonic() + 60)))
    reader.start()
    frames.put("a")
    reader.join(60)
    assert got == ["a"]


def test_closing_wakes_the_reader_and_ends_all():
    frames, got = LatestFrame(), []
    reader = threading.Thread(target=lambda: got.append(frames.newest(time.monotonic() + 60)))
    reader.start()
    frames.close()
    reader.join(60)
    frames.put("late")
    assert got == [None]
    assert frames.newest(time.monotonic()) is None
    assert (frames.received, frames.unseen) == (0, False)
