"""The mailbox keeps the newest item, counts what it dropped, and is over when it is closed."""

import threading
import time

from groma_ros.ros.latest_frame import Mailbox


def test_an_empty_mailbox_gives_nothing_at_its_deadline():
    assert Mailbox().newest(time.monotonic()) is None


def test_the_newest_item_wins():
    """A queue of one that drops the new frame would answer about an old one."""
    box = Mailbox()
    for frame in "abc":
        box.put(frame)
    assert box.newest(0.0) == "c"
    assert (box.received, box.dropped) == (3, 2)


def test_an_item_stays_until_a_newer_one_comes_and_is_dropped_only_unseen():
    box = Mailbox()
    box.put("a")
    assert box.unseen
    assert [box.newest(0.0), box.newest(0.0)] == ["a", "a"]
    assert not box.unseen
    box.put("b")
    assert box.newest(0.0) == "b"
    assert (box.received, box.dropped) == (2, 0)


def test_a_reader_waits_for_the_first_item():
    box, got = Mailbox(), []
    reader = threading.Thread(target=lambda: got.append(box.newest(time.monotonic() + 60)))
    reader.start()
    box.put("a")
    reader.join(60)
    assert got == ["a"]


def test_closing_wakes_the_reader_and_ends_all():
    box, got = Mailbox(), []
    reader = threading.Thread(target=lambda: got.append(box.newest(time.monotonic() + 60)))
    reader.start()
    box.close()
    reader.join(60)
    box.put("late")
    assert got == [None]
    assert box.newest(time.monotonic()) is None
    assert (box.received, box.unseen) == (0, False)
