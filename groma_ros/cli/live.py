"""`groma live`: a camera or a video with boxes, while commands are typed."""

from __future__ import annotations

import argparse
import io
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from groma_ros.cli.live_outputs import Sink, Window, has_display, output_to
from groma_ros.cli.live_sources import Camera, Source, VideoFile, opencv
from groma_ros.cli.options import add_model_arguments, add_model_name, check_threads, load
from groma_ros.drawing import BAR_RGBA, draw, font_for
from groma_ros.language.command_parser import check_text
from groma_ros.values.answers import Grounding, Status

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor

EXAMPLES = """examples:
  groma live                                    camera 0; type commands, quit ends
  groma live --video table.mp4 --command "find the cups" --out found.mp4
  groma live --camera 1 --out newest.jpg        the newest picture alone, replaced again and again

A line that is typed is the command from then on, an empty line is none. Ctrl-C ends it with exit
status 0 and whole files, or with 130 before the first frame.
"""
DEFAULT_OUT = Path("out/live.mp4")
PROGRESS_S = 5.0
RATE_FRAMES = 10
QUIT = ("quit", "exit")
NO_COMMAND = "no command: type one"


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
        help="write a video (.mp4), or the newest picture alone (.jpg, .png); where no window can "
        f"be opened: {DEFAULT_OUT}",
    )
    add_model_name(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show a camera or a video with the answers to what is typed, until it ends; return 0.

    Ctrl-C and SIGTERM end it as the end of the video does. Raises ValueError for a source, an
    output or an option that can't be used and without OpenCV, KeyboardInterrupt where the user
    interrupts before the first frame.
    """
    check_options(args)
    cv2 = opencv()
    source = VideoFile(cv2, args.video) if args.video else Camera(cv2, args.camera)
    sinks: list[Sink] = []
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sinks, out = open_sinks(args, cv2, source)
        predictor = load(args)
        say(shown_where(sinks, out))
        typed = Typed(sys.stdin or io.StringIO(), args.command, may_end=args.video is None)
        count, seconds = show(source, predictor, typed, sinks, say)
    finally:
        for opened in (*sinks, source):
            opened.close()
        signal.signal(signal.SIGTERM, before)
    written = f", wrote {out}" if out and count else ""
    say(f"{count} frames, {count / max(seconds, 1e-9):.1f} a second{written}")
    return 0


def check_options(args: argparse.Namespace) -> None:
    """Raise ValueError for an option that can't be used, before anything is opened."""
    check_threads(args)
    if args.command:
        check_text(args.command)
    if args.video and args.out and args.video.resolve() == args.out.resolve():
        raise ValueError(f"--out {args.out} is the video that is read; give another name")


def open_sinks(
    args: argparse.Namespace, cv2: Any, source: Source
) -> tuple[list[Sink], Path | None]:
    """Return where frames go, a window, a file or both, and the name of the file."""
    sinks: list[Sink] = [Window(cv2)] if has_display(cv2) else []
    out = args.out or (None if sinks else DEFAULT_OUT)
    if out == DEFAULT_OUT:
        out.parent.mkdir(exist_ok=True)
    if out:
        sinks.append(output_to(cv2, out, source.rate_hz, None if args.video else time.monotonic))
    return sinks, out


def shown_where(sinks: list[Sink], out: Path | None) -> str:
    """Say in a line where the frames can be seen."""
    if not isinstance(sinks[0], Window):
        return f"no window can be opened here: frames go to {out}"
    return f"frames go to a window and to {out}" if out else "frames go to a window"


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def show(
    source: Source,
    predictor: Predictor,
    typed: Typed,
    sinks: list[Sink],
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[int, float]:
    """Answer the command that was typed last on every frame; return (frames, seconds).

    `say` is told the answer in a line where it changes; `clock` gives seconds. Runs in the thread
    that loaded the predictor, until the frames, the commands or a sink end, or the user interrupts;
    raises KeyboardInterrupt where that is before the first frame.
    """
    count, said = 0, ("", "")
    started = told = clock()
    times = deque([started], maxlen=RATE_FRAMES + 1)
    try:
        for rgb in source:
            over, command = typed.over, typed.command  # in this order: the last one is answered too
            if typed.quit:
                break
            answer = answer_of(predictor, rgb, command)
            line = (command, f"{answer.status}: {answer.text or answer.reason}" if answer else "")
            if answer and line != said:
                say(line[1])
            said = line
            times.append(clock())
            rate_hz = (len(times) - 1) / max(times[-1] - times[0], 1e-9)
            annotated = annotate(rgb, answer, command, rate_hz)
            going_on = [sink.show(annotated) for sink in sinks]
            count += 1
            if over or not all(going_on):
                break
            if source.length and times[-1] - told >= PROGRESS_S:
                told = times[-1]
                print(f"frame {count} of {source.length}", file=sys.stderr)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # what follows is not to stand behind the terminal's ^C
        if not count:
            raise
    return count, clock() - started


def answer_of(predictor: Predictor, rgb: np.ndarray, command: str) -> Grounding | None:
    """Return the answer about a frame (H, W, 3) uint8 RGB, None without a command.

    A command that can't be read is answered with the reason. A frame is looked at in any case, so
    that a video goes at the same pace until something is typed.
    """
    perception = predictor.perceive(rgb)
    try:
        return predictor.ground(perception, command) if command else None
    except ValueError as error:
        return Grounding(Status.ERROR, "", reason=str(error))


def annotate(rgb: np.ndarray, answer: Grounding | None, command: str, rate_hz: float) -> np.ndarray:
    """Return a copy of a frame (H, W, 3) uint8 RGB with boxes, the command and frames a second."""
    drawn = draw(rgb, answer, command) if answer else rgb
    picture = Image.fromarray(np.ascontiguousarray(drawn))
    canvas = ImageDraw.Draw(picture, "RGBA")
    font = font_for(picture.size)
    _corner_text(canvas, (picture.width, 0), "ra", f"{rate_hz:.1f} frames/s", font)
    if not answer:
        _corner_text(canvas, (0, picture.height), "ld", NO_COMMAND, font)
    return np.array(picture)


def _corner_text(
    canvas: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    anchor: str,
    text: str,
    font: ImageFont.FreeTypeFont,
) -> None:
    """Write white on black into a corner of a picture; `anchor` names the corner as Pillow does."""
    margin = font.size // 4
    x = corner[0] + (-margin if anchor[0] == "r" else margin)
    left, top, right, bottom = canvas.textbbox((x, corner[1]), text, font, anchor)
    canvas.rectangle((left - margin, top - margin, right + margin, bottom + margin), BAR_RGBA)
    canvas.text((x, corner[1]), text, (255, 255, 255), font, anchor)


class Typed:
    """Read commands, a line each, in a thread: `command` is the last one, empty for none.

    `quit` is set by that word. `over` is set by the end of the input where `may_end` says so, but
    not by input that is no terminal and empty, as of a service.
    """

    def __init__(self, lines: TextIO, command: str, may_end: bool) -> None:
        self.command, self.quit, self.over = command, False, False
        self._lines, self._may_end = lines, may_end
        self._thread = threading.Thread(target=self._read, name="groma-typed", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        anything = self._lines.isatty()
        for line in self._lines:
            anything = True
            if line.strip().lower() in QUIT:
                self.quit = True
                return
            self.command = line.strip()
        self.over = self._may_end and anything

    def join(self) -> None:
        """Wait until everything was read."""
        self._thread.join()
