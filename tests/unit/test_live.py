"""`groma live`: every frame is answered with what was typed last, and every ending is clean."""

from __future__ import annotations

import io
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from groma_ros import cli
from groma_ros.cli import live, live_outputs, live_sources
from groma_ros.values.answers import Grounding, Phrase, Status

SIZE_HW = (48, 64)


class Fake:
    """Find the brightness of a frame, and remember what was looked at, asked, and by whom."""

    def __init__(self):
        self.seen, self.asked, self.threads = [], [], {threading.get_ident()}

    def perceive(self, rgb):
        self.threads.add(threading.get_ident())
        self.seen.append(int(rgb[0, 0, 0]))
        return self.seen[-1]

    def ground(self, perception, command):
        self.asked.append((perception, command))
        if command == "bad":
            raise ValueError("that is no command")
        phrase = Phrase("cup", (0, 3), [[4, 14, 20, 30]], [0.5])
        return Grounding(Status.GROUNDED, "Found it.", (phrase,))


class Frames(list):
    """Frames in memory; `before` is called with the number of each before it is given."""

    rate_hz, length = 10.0, 0
    before = staticmethod(lambda number: None)

    def __iter__(self):
        for number, frame in enumerate(super().__iter__()):
            self.before(number)
            yield frame

    def close(self):
        """Do nothing."""


class Kept:
    """Keep what is shown; the window is closed after `last` frames."""

    def __init__(self, last=99):
        self.shown, self.last = [], last

    def show(self, rgb):
        self.shown.append(rgb)
        return len(self.shown) < self.last

    def close(self):
        """Do nothing."""


class Terminal(io.StringIO):
    """Typed lines that end as by Ctrl-D."""

    def isatty(self):
        return True


def frames(count):
    return Frames(np.full((*SIZE_HW, 3), 10 * n, np.uint8) for n in range(count))


def typed(text="", command="", may_end=False, stream=io.StringIO):
    reader = live.Typed(stream(text), command, may_end)
    reader.join()
    return reader


def silent(line):
    """Say nothing."""


def ticks(step_s):
    """Return a clock that goes on by `step_s` each time it is looked at."""
    times = iter(range(10**6))
    return lambda: next(times) * step_s


def interrupt_at(frame, signal_number=signal.SIGINT):
    def before(number):
        if number == frame:
            os.kill(os.getpid(), signal_number)

    return before


def test_every_frame_is_answered_and_drawn():
    fake, kept, said = Fake(), Kept(), []
    count, _ = live.show(frames(3), fake, typed(command="find it"), [kept], said.append)
    assert fake.asked == [(0, "find it"), (10, "find it"), (20, "find it")]
    assert (count, len(kept.shown)) == (3, 3)
    assert said == ["GROUNDED: Found it."]  # once, as it does not change
    assert kept.shown[0].shape == (*SIZE_HW, 3)
    assert (kept.shown[2][20:28, 4] != 20).any(), "the left edge of the box"


def test_what_is_typed_counts_from_the_next_frame_and_an_empty_line_clears_it():
    fake, reader, seen, kept, said = Fake(), typed(), frames(5), Kept(), []

    def type_before(number):
        reader.command = ["", "first", "second", "", "second"][number]

    seen.before = type_before
    live.show(seen, fake, reader, [kept], said.append)
    assert fake.asked == [(10, "first"), (20, "second"), (40, "second")]
    assert said == ["GROUNDED: Found it."] * 3, "each new command is told its answer"
    assert (kept.shown[3][20:28, 4] == 30).all(), "no box is left where no command is"


def test_a_frame_without_a_command_is_looked_at_all_the_same():
    """Otherwise a video would be over before anybody could type."""
    fake = Fake()
    live.show(frames(2), fake, typed(), [Kept()], silent)
    assert fake.seen == [0, 10] and fake.asked == []


def test_lines_are_commands_and_quit_ends_them():
    reader = typed("pick up the cup\n  find the cans \nquit\nnot read\n")
    assert (reader.command, reader.quit) == ("find the cans", True)
    assert typed("find the cans\n\n").command == ""


@pytest.mark.parametrize("word", ["quit", " QUIT ", "exit"])
def test_quit_ends_it_before_another_frame(word):
    assert live.show(frames(3), Fake(), typed(word + "\n"), [], silent)[0] == 0


@pytest.mark.parametrize(
    ("text", "stream", "may_end", "count"),
    [
        ("", Terminal, True, 1),  # Ctrl-D ends a camera
        ("a cup\n", io.StringIO, True, 1),  # so does the end of a pipe, when it was answered
        ("", io.StringIO, True, 3),  # but not a service's input, which is empty
        ("", Terminal, False, 3),  # and nothing of that ends a video
        ("a cup\n", io.StringIO, False, 3),
    ],
)
def test_the_end_of_the_input_ends_a_camera_but_no_video(text, stream, may_end, count):
    fake = Fake()
    reader = typed(text, "the first", may_end, stream)
    assert live.show(frames(3), fake, reader, [], silent)[0] == count
    assert fake.asked[0] == (0, text.strip() or "the first")


def test_a_closed_window_ends_it():
    assert live.show(frames(5), Fake(), typed(), [Kept(last=2), Kept()], silent)[0] == 2


def test_ctrl_c_ends_it_with_what_was_shown():
    seen, kept = frames(5), Kept()
    seen.before = interrupt_at(2)
    assert live.show(seen, Fake(), typed(), [kept], silent)[0] == len(kept.shown) == 2


def test_ctrl_c_before_the_first_frame_is_an_interrupt():
    seen = frames(5)
    seen.before = interrupt_at(0)
    with pytest.raises(KeyboardInterrupt):
        live.show(seen, Fake(), typed(), [], silent)


def test_a_command_that_cannot_be_read_is_said_and_the_show_goes_on():
    said = []
    assert live.show(frames(2), Fake(), typed(command="bad"), [], said.append)[0] == 2
    assert said == ["ERROR: that is no command"]


def test_the_rate_and_the_progress_follow_the_clock(capsys, monkeypatch):
    """A clock of two seconds a frame: half a frame a second, and a line each third frame."""
    rates, seen = [], frames(7)
    seen.length = 7
    monkeypatch.setattr(live, "annotate", lambda rgb, answer, command, hz: rates.append(hz) or rgb)
    count, seconds = live.show(seen, Fake(), typed(), [], silent, ticks(2.0))
    assert rates == [0.5] * 7
    assert (count, seconds) == (7, 16.0)
    assert capsys.readouterr().err.splitlines() == ["frame 3 of 7", "frame 6 of 7"]


@pytest.mark.parametrize("width", [320, 640, 1920])
def test_the_annotation_is_written_into_the_corners_at_any_size(width):
    plain = np.full((width * 3 // 4, width, 3), 90, np.uint8)
    shown = live.annotate(plain, None, "", 12.3)
    changed = (shown != plain).any(axis=2)
    rows, columns = changed.shape[0] // 4, changed.shape[1] // 2
    assert changed[:rows, columns:].any() and changed[-rows:, :columns].any()
    assert not changed[:rows, :columns].any() and not changed[rows:-rows].any()
    assert shown.max() == 255 and (plain == 90).all()


class FakeCapture:
    """A camera whose frames are put into a queue; None is its end. `reads` counts who asks."""

    def __init__(self):
        self.frames, self.reads, self.released = queue.Queue(), threading.Semaphore(0), False

    def isOpened(self):
        return True

    def read(self):
        self.reads.release()
        frame = self.frames.get(timeout=60)
        return frame is not None, frame

    def release(self):
        self.released = True


@pytest.fixture
def capture():
    return FakeCapture()


@pytest.fixture
def camera(capture):
    fake_cv2 = SimpleNamespace(
        VideoCapture=lambda number: capture,
        cvtColor=cv2.cvtColor,
        COLOR_BGR2RGB=cv2.COLOR_BGR2RGB,
        error=cv2.error,
    )
    camera = live_sources.Camera(fake_cv2, 0)
    yield camera
    capture.frames.put(None)
    camera.close()
    assert capture.released


def test_only_the_newest_frame_of_a_camera_is_used(camera, capture, capsys):
    """Three frames come while the model is busy: the last is taken, and then one that is new."""
    seen = iter(camera)
    for shade in (1, 2, 3):
        capture.frames.put(np.full((*SIZE_HW, 3), shade, np.uint8))
    for _ in range(4):  # who asks for a fourth frame has kept the third
        assert capture.reads.acquire(timeout=60)
    assert next(seen)[0, 0, 0] == 3
    capture.frames.put(np.full((*SIZE_HW, 3), 4, np.uint8))
    assert next(seen)[0, 0, 0] == 4
    capture.frames.put(None)
    assert list(seen) == []
    assert capsys.readouterr().err == "camera 0 gives no more pictures\n"


def test_a_camera_without_a_picture_is_told(camera, capture):
    capture.frames.put(None)
    with pytest.raises(ValueError, match="camera 0 gives no pictures"):
        next(iter(camera))


def test_a_camera_that_fails_in_the_driver_ends(camera, capture, monkeypatch):
    def fail():
        raise cv2.error("select() failed")

    monkeypatch.setattr(capture, "read", fail)
    capture.frames.put(np.zeros((*SIZE_HW, 3), np.uint8))
    assert len(list(camera)) == 1


@pytest.mark.parametrize("rate_hz", [0.0, float("nan"), float("inf"), 90000.0, -1.0])
def test_a_rate_that_no_video_has_is_replaced(rate_hz):
    assert live_sources._usable_rate(rate_hz) == live_sources.UNKNOWN_RATE_HZ
    assert live_sources._usable_rate(30000 / 1001) == 29.97


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
    assert count_frames(out) == len(fake.asked) == 5
    first, answer, last = capsys.readouterr().out.splitlines()
    assert first == f"no window can be opened here: frames go to {out}"
    assert answer == "GROUNDED: Found it."
    assert last.startswith("5 frames, ") and last.endswith(f" a second, wrote {out}")
    assert fake.threads == {threading.get_ident()}, "the model runs where it was loaded"


def test_without_a_window_and_a_name_the_file_is_in_out(video, fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["live", "--video", "in.mp4"]) == 0
    assert count_frames(tmp_path / "out" / "live.mp4") == 5


def test_a_file_is_written_besides_the_window(video, fake, tmp_path, monkeypatch, capsys):
    class Shown(Kept):
        def __init__(self, cv2):
            super().__init__()
            windows.append(self)

    windows, out = [], tmp_path / "out.mp4"
    monkeypatch.setattr(live, "has_display", lambda cv2: True)
    monkeypatch.setattr(live, "Window", Shown)
    assert cli.main(["live", "--video", str(video), "--out", str(out)]) == 0
    assert len(windows[0].shown) == count_frames(out) == 5
    assert f"frames go to a window and to {out}" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_video_can_be_played(video, fake, tmp_path, monkeypatch, capsys, number):
    seen, out = frames(5), tmp_path / "out.mp4"
    seen.before = interrupt_at(3, number)
    monkeypatch.setattr(live, "VideoFile", lambda cv2, path: seen)
    assert cli.main(["live", "--video", str(video), "--out", str(out)]) == 0
    assert count_frames(out) == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("3 frames, ")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "as it was before"


def test_an_interrupt_while_the_model_loads_is_status_130(video, fake, tmp_path, monkeypatch):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(live, "load", interrupted)
    out = tmp_path / "out.mp4"
    assert cli.main(["live", "--video", str(video), "--out", str(out)]) == 130
    assert not out.exists()


def test_the_video_of_a_camera_lasts_as_long_as_what_it_shows(tmp_path):
    """One frame in 0.3 s at 10 pictures a second: each is there three times."""
    clock = ticks(0.3)
    sink = live_outputs.Video(cv2, tmp_path / "out.mp4", 10.0, clock)
    clock()
    for frame in frames(4):
        sink.show(frame)
    sink.close()
    assert count_frames(tmp_path / "out.mp4") == 13


def test_the_newest_picture_alone_is_replaced_whole(video, fake, tmp_path):
    out = tmp_path / "newest.png"
    assert cli.main(["live", "--video", str(video), "--command", "cup", "--out", str(out)]) == 0
    assert Image.open(out).size == SIZE_HW[::-1]
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "newest.png"}


def test_a_picture_that_cannot_be_replaced_stays_and_leaves_nothing_behind(tmp_path, monkeypatch):
    out = tmp_path / "newest.png"
    sink = live_outputs.NewestPicture(out)
    sink.show(frames(1)[0])
    whole = out.read_bytes()

    def fill_disk(picture, path):
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Image.Image, "save", fill_disk)
    with pytest.raises(ValueError, match="can't be written: no space left"):
        sink.show(frames(2)[1])
    sink.close()
    assert out.read_bytes() == whole and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("built", "display", "status", "shown"),
    [
        ("NONE", ":0", 0, False),  # opencv-python-headless
        ("QT5", None, 0, False),
        ("QT5", ":0", -6, False),  # Qt ends the process that can't reach its display
        ("QT5", ":0", 0, True),
    ],
)
def test_a_window_is_tried_where_it_can_do_no_harm(monkeypatch, built, display, status, shown):
    fake_cv2 = SimpleNamespace(getBuildInformation=lambda: f"  GUI:             {built}\n")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    tried = subprocess.CompletedProcess([], status)
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: tried)
    monkeypatch.setattr(sys, "platform", "linux")
    assert live_outputs.has_display(fake_cv2) is shown


def window_cv2(key=-1, visible=1.0):
    """Return an OpenCV whose window gives a key and says whether it is there; None: an error."""
    fake_cv2 = SimpleNamespace(calls=[], waitKey=lambda ms: key, cvtColor=cv2.cvtColor)
    for name in ("namedWindow", "resizeWindow", "imshow", "destroyAllWindows"):
        setattr(fake_cv2, name, lambda *args, name=name: fake_cv2.calls.append((name, args)))

    def visibility(window, which):
        if visible is None:
            raise cv2.error("NULL guiReceiver (please create a window)")
        return visible

    fake_cv2.getWindowProperty, fake_cv2.error = visibility, cv2.error
    for name in ("WINDOW_NORMAL", "WINDOW_GUI_NORMAL", "WND_PROP_VISIBLE", "COLOR_RGB2BGR"):
        setattr(fake_cv2, name, getattr(cv2, name))
    return fake_cv2


@pytest.mark.parametrize(
    ("key", "visible", "going_on"),
    [
        (-1, 1.0, True),
        (ord("x"), 1.0, True),
        (ord("q"), 1.0, False),
        (27, 1.0, False),
        (-1, 0.0, False),
        (-1, None, False),  # Qt, whose last window was closed
    ],
)
def test_a_window_ends_by_key_or_by_being_closed(key, visible, going_on):
    window = live_outputs.Window(window_cv2(key, visible))
    assert window.show(frames(1)[0]) is going_on


def test_a_window_fits_the_screen_and_is_opened_once():
    fake_cv2 = window_cv2()
    window = live_outputs.Window(fake_cv2)
    for _ in range(2):
        window.show(np.zeros((1080, 1920, 3), np.uint8))
    window.close()
    names = [name for name, _ in fake_cv2.calls]
    assert names == ["namedWindow", "resizeWindow", "imshow", "imshow", "destroyAllWindows"]
    assert fake_cv2.calls[1][1][1:] == (1280, 720)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--video", "/no/such.mp4"], "there is no video /no/such.mp4"),
        (["--video", __file__], "is no video that OpenCV can read; give an .mp4"),
        (["--camera", "97"], "camera 97 can't be opened: is it there, and free? --camera N"),
        (["--video", "VIDEO", "--out", "x.gif"], "end the name in .mp4, .jpg or .png"),
        (["--video", "VIDEO", "--out", "/no/such/x.mp4"], "there is no folder /no/such"),
        (["--video", "VIDEO", "--out", "VIDEO"], "is the video that is read"),
        (["--video", "VIDEO", "--out", "FOLDER"], "can't be written"),
        (["--video", "VIDEO", "--command", "?"], "has no word in it"),
        (["--video", "VIDEO", "--threads", "-1"], "--threads is -1"),
    ],
)
def test_what_cannot_be_shown_is_one_line(video, fake, tmp_path, capfd, arguments, reason):
    (tmp_path / "folder.mp4").mkdir()
    known = {"VIDEO": str(video), "FOLDER": str(tmp_path / "folder.mp4")}
    assert cli.main(["live", *(known.get(word, word) for word in arguments)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("groma live: ") and reason in line


def test_without_opencv_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert cli.main(["live"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install opencv-python" in line


def test_the_text_about_it_names_its_options(capsys):
    with pytest.raises(SystemExit):
        cli.main(["live", "--help"])
    shown = capsys.readouterr().out
    text = (Path(__file__).resolve().parents[2] / "docs" / "LIVE.md").read_text()
    for option in ("--camera", "--video", "--command", "--out", "--model"):
        assert option in shown and option in text
