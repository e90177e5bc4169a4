"""`groma live`: a camera or a video with boxes, while commands are typed."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import numpy as np
from PIL import Image

from groma_ros.cli.options import add_model_arguments, add_model_name, load
from groma_ros.drawing import draw
from groma_ros.language.command_parser import check_text
from groma_ros.values.answers import Grounding, Status

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor

EXAMPLES = """examples:
  groma live                                    camera 0; type commands, quit ends
  groma live --video table.mp4 --command "find the cups" --out found.mp4
  groma live --camera 1 --out newest.jpg        the newest picture alone, replaced again and again
"""
WINDOW = "groma live"
PROGRESS_S = 5.0
QUIT = ("quit", "exit")
NO_COMMAND = Grounding(Status.NOT_FOUND, "type a command")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma live`."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--camera", type=int, default=0, metavar="N", help="number of a camera (0)")
    source.add_argument("--video", type=Path, metavar="FILE", help="a video instead, every frame")
    parser.add_argument("--command", default="", help="the first command")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write a video (.mp4), or the newest picture alone (.jpg, .png); where there is no "
        "display: live.mp4",
    )
    add_model_name(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show a camera or a video with the answers to what is typed, until it ends; return 0.

    Ctrl-C ends it as the end of the video does. Raises ValueError for a source, an output or a
    command that can't be used, ModuleNotFoundError without OpenCV.
    """
    import cv2

    if args.command:
        check_text(args.command)
    source = VideoFile(cv2, args.video) if args.video else NewestFrame(cv2, args.camera)
    typed = Typed(sys.stdin, args.command, ends=args.video is None)
    screen = Window(cv2) if has_display(cv2) else None
    out = args.out or (None if screen else Path("live.mp4"))
    file = output_to(cv2, out, source.rate_hz) if out else None
    sinks = [sink for sink in (screen, file) if sink]
    print(f"shown {'in a window' if screen else 'in a file'}" + (f": {out}" if out else ""))
    try:
        count, seconds = show(source, load(args), typed, sinks, print)
    finally:
        source.close()
        for sink in sinks:
            sink.close()
    written = f", wrote {out}" if out and count else ""
    print(f"{count} frames, {count / max(seconds, 1e-9):.1f} a second{written}")
    return 0


class Source(Protocol):
    """Give frames (H, W, 3) uint8 RGB; `length` is how many there are, 0 where nobody knows."""

    rate_hz: float
    length: int

    def __iter__(self) -> Iterator[np.ndarray]: ...

    def close(self) -> None: ...


class Sink(Protocol):
    """Take annotated frames (H, W, 3) uint8 RGB; `show` says whether to go on."""

    def show(self, rgb: np.ndarray) -> bool: ...

    def close(self) -> None: ...


def show(
    source: Source,
    predictor: Predictor,
    typed: Typed,
    sinks: list[Sink],
    say: Callable[[str], None],
) -> tuple[int, float]:
    """Answer the command that was typed last on every frame; return (frames, seconds).

    `say` is told the answer in a line where it changes. Runs in the thread that loaded the
    predictor, until the frames, the commands or a sink end, or the user interrupts.
    """
    count, said, rate_hz = 0, "", 0.0
    started = told = last = time.monotonic()
    try:
        for rgb in source:
            command = typed.command
            if typed.ended:
                break
            answer = answer_of(predictor, rgb, command)
            line = f"{answer.status}: {answer.text or answer.reason}" if command else ""
            if line and line != said:
                say(line)
            said = line
            now = time.monotonic()
            rate_hz = 0.8 * rate_hz + 0.2 / max(now - last, 1e-3) if count else 0.0
            last, count = now, count + 1
            annotated = draw(rgb, answer, f"{command} ({rate_hz:.1f}/s)" if command else "")
            going_on = [sink.show(annotated) for sink in sinks]
            if not all(going_on):
                break
            if source.length and now - told > PROGRESS_S:
                told = now
                print(f"frame {count} of {source.length}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return count, time.monotonic() - started


def answer_of(predictor: Predictor, rgb: np.ndarray, command: str) -> Grounding:
    """Return the answer about a frame; a command that can't be read is one with its reason."""
    if not command:
        return NO_COMMAND
    try:
        return predictor.ground(predictor.perceive(rgb), command)
    except ValueError as error:
        return Grounding(Status.ERROR, "", reason=str(error))


class Typed:
    """Read commands, a line each, in a thread: `command` is the last one, empty for none.

    `ended` is set by "quit", and, where `ends` says so, by the end of a terminal's input.
    """

    def __init__(self, lines: TextIO, command: str, ends: bool) -> None:
        self.command, self.ended = command, False
        self._lines = lines
        self._ends = ends and lines.isatty()
        self._thread = threading.Thread(target=self._read, name="groma-typed", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._lines:
            if line.strip().lower() in QUIT:
                self.ended = True
                return
            self.command = line.strip()
        self.ended = self.ended or self._ends

    def join(self) -> None:
        """Wait until everything was read."""
        self._thread.join()


class VideoFile:
    """Every frame of a video file, once."""

    def __init__(self, cv2: Any, path: Path) -> None:
        """Open the file; raise ValueError where it can't be read."""
        self._cv2 = cv2
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise ValueError(f"{path} is no video that can be read")
        self.rate_hz = self._capture.get(cv2.CAP_PROP_FPS) or 10.0
        self.length = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            good, bgr = self._capture.read()
            if not good:
                return
            yield self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class NewestFrame:
    """The newest frame of a camera; a thread takes the others out of the driver's queue."""

    rate_hz, length = 10.0, 0

    def __init__(self, cv2: Any, number: int) -> None:
        """Open the camera; raise ValueError where there is none."""
        self._cv2 = cv2
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise ValueError(
                f"camera {number} can't be opened: is it there, and is no other program using it? "
                "--video FILE takes a file"
            )
        self._changed = threading.Condition()
        self._frame: np.ndarray | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="groma-camera", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._ended:
            good, bgr = self._capture.read()
            with self._changed:
                self._frame, self._ended = bgr if good else None, self._ended or not good
                self._changed.notify()

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._frame is not None or self._ended)
                bgr, self._frame = self._frame, None
            if bgr is None:
                return
            yield self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Let the camera go."""
        with self._changed:
            self._ended = True
        self._thread.join(5.0)
        self._capture.release()


def has_display(cv2: Any) -> bool:
    """Say whether OpenCV can open a window here; the headless build can't."""
    try:
        cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL)
    except cv2.error:
        return False
    return True


class Window:
    """A window that shows the newest frame; q, Escape or closing it ends the show."""

    def __init__(self, cv2: Any) -> None:
        self._cv2 = cv2

    def show(self, rgb: np.ndarray) -> bool:
        """Show a frame; return whether to go on."""
        self._cv2.imshow(WINDOW, self._cv2.cvtColor(rgb, self._cv2.COLOR_RGB2BGR))
        return self._cv2.waitKey(1) not in (27, ord("q"))

    def close(self) -> None:
        """Close the window."""
        self._cv2.destroyAllWindows()


def output_to(cv2: Any, path: Path, rate_hz: float) -> Sink:
    """Return what writes a file; raise ValueError for a name of no known kind or no folder."""
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: there is no folder {path.parent}")
    if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        return NewestPicture(path)
    if path.suffix.lower() == ".mp4":
        return Video(cv2, path, rate_hz)
    raise ValueError(f"--out {path}: end the name in .mp4, .jpg or .png")


class NewestPicture:
    """Keep the newest frame alone in a file, which is whole at any moment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def show(self, rgb: np.ndarray) -> bool:
        """Replace the file."""
        partial = self._path.with_name(f".partial-{self._path.name}")
        Image.fromarray(rgb).save(partial)
        partial.replace(self._path)
        return True

    def close(self) -> None:
        """Do nothing: the file is whole."""


class Video:
    """Write frames as a video of the first one's size."""

    def __init__(self, cv2: Any, path: Path, rate_hz: float) -> None:
        self._cv2, self._path, self._rate_hz = cv2, path, rate_hz
        self._writer: Any = None
        self._size: tuple[int, int] = (0, 0)

    def show(self, rgb: np.ndarray) -> bool:
        """Add a frame; raise ValueError where the file can't be written."""
        cv2 = self._cv2
        if self._writer is None:
            self._size = rgb.shape[1], rgb.shape[0]
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), codec, self._rate_hz, self._size)
            if not self._writer.isOpened():
                raise ValueError(f"{self._path} can't be written")
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        if (rgb.shape[1], rgb.shape[0]) != self._size:
            bgr = cv2.resize(bgr, self._size)
        self._writer.write(bgr)
        return True

    def close(self) -> None:
        """End the file, so that it can be played."""
        if self._writer is not None:
            self._writer.release()
