"""`groma live`: every frame is answered with what was typed last, and every ending is clean."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from groma_ros import cli
from groma_ros.cli import live
from groma_ros.values.answers import Grounding, Phrase, Status

SIZE_HW = (48, 64)


class Fake:
    """Find the brightness of a frame, and remember the commands."""

    def __init__(self):
        self.asked = []

    def perceive(self, rgb):
        return int(rgb[0, 0, 0])

    def ground(self, perception, command):
        self.asked.append((perception, command))
        if command == "bad":
            raise ValueError("that is no command")
        phrase = Phrase("cup", (0, 3), [[4, 4, 20, 20]], [0.5])
        return Grounding(Status.GROUNDED, f"cup, {command}", (phrase,))


class Frames(list):
    """Frames in memory; `before` is called with the number of each before it is given."""

    rate_hz, length = 10.0, 0
    before = staticmethod(lambda number: None)

    def __iter__(self):
        for number, frame in enumerate(super().__iter__()):
            self.before(number)
            yield frame


class Kept:
    """Keep what is shown; the window is closed after `last` frames."""

    def __init__(self, last=99):
        self.shown, self.last = [], last

    def show(self, rgb):
        self.shown.append(rgb)
        return len(self.shown) < self.last


def frames(count):
    return Frames(np.full((*SIZE_HW, 3), 10 * n, np.uint8) for n in range(count))


def typed(text="", command="", ends=False):
    reader = live.Typed(io.StringIO(text), command, ends)
    reader.join()
    return reader


def test_every_frame_is_answered_and_drawn():
    fake, kept, said = Fake(), Kept(), []
    count, _ = live.show(frames(3), fake, typed(command="find it"), [kept], said.append)
    assert fake.asked == [(0, "find it"), (10, "find it"), (20, "find it")]
    assert (count, len(kept.shown)) == (3, 3)
    assert said == ["GROUNDED: cup, find it"]  # once, as it does not change
    assert kept.shown[0].shape == (*SIZE_HW, 3)
    assert (kept.shown[0] != 0).any()


def test_what_is_typed_counts_from_the_next_frame_and_an_empty_line_clears_it():
    fake, reader, seen = Fake(), typed(), frames(4)

    def type_before(number):
        reader.command = ["", "first", "second", ""][number]

    seen.before = type_before
    live.show(seen, fake, reader, [Kept()], lambda line: None)
    assert fake.asked == [(10, "first"), (20, "second")]


@pytest.mark.parametrize("word", ["quit", " QUIT ", "exit"])
def test_quit_ends_it(word):
    fake = Fake()
    assert live.show(frames(3), fake, typed(word + "\n"), [], print)[0] == 0


def test_the_end_of_input_that_is_no_terminal_ends_nothing():
    fake = Fake()
    reader = typed("a cup\n", ends=True)
    assert live.show(frames(3), fake, reader, [], lambda line: None)[0] == 3
    assert fake.asked[-1] == (20, "a cup")


def test_a_closed_window_ends_it():
    kept = Kept(last=2)
    assert live.show(frames(5), Fake(), typed(), [kept], print)[0] == 2


def test_ctrl_c_ends_it_with_what_was_shown():
    seen = frames(5)

    def interrupt(number):
        if number == 2:
            raise KeyboardInterrupt

    seen.before = interrupt
    assert live.show(seen, Fake(), typed(), [Kept()], print)[0] == 2


def test_a_command_that_cannot_be_read_is_said_and_the_show_goes_on():
    said = []
    live.show(frames(2), Fake(), typed(command="bad"), [], said.append)
    assert said == ["ERROR: that is no command"]


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "in.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, SIZE_HW[::-1])
    for frame in frames(5):
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture
def fake(monkeypatch):
    fake = Fake()
    monkeypatch.setattr(live, "load", lambda args: fake)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    monkeypatch.setattr(live, "has_display", lambda cv2: False)
    return fake


def count_frames(path):
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    return count


def test_a_video_becomes_an_annotated_video(video, fake, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    assert cli.main(["live", "--video", str(video), "--command", "cup", "--out", str(out)]) == 0
    assert count_frames(out) == 5
    assert f"wrote {out}" in capsys.readouterr().out.splitlines()[-1]


def test_the_newest_picture_alone_is_replaced_whole(video, fake, tmp_path):
    out = tmp_path / "newest.png"
    assert cli.main(["live", "--video", str(video), "--command", "cup", "--out", str(out)]) == 0
    assert Image.open(out).size == SIZE_HW[::-1]
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["--video", "/no/such.mp4"], "/no/such.mp4 is no video that can be read"),
        (["--camera", "97"], "camera 97 can't be opened"),
        (["--video", "VIDEO", "--out", "x.gif"], "end the name in .mp4, .jpg or .png"),
        (["--video", "VIDEO", "--out", "/no/such/x.mp4"], "there is no folder /no/such"),
        (["--video", "VIDEO", "--command", "?"], "has no word in it"),
    ],
)
def test_what_cannot_be_shown_is_one_line(video, fake, capfd, arguments, reason):
    arguments = [str(video) if word == "VIDEO" else word for word in arguments]
    assert cli.main(["live", *arguments]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("groma live: ")
    assert reason in line
