"""Draw an answer into its picture: boxes, labels and a caption bar, at any size."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from groma_ros.values.answers import Grounding, Phrase, Status
from groma_ros.values.box_labels import box_label
from groma_ros.values.id_colours import id_rgb
from groma_ros.values.role_colours import ROLE_RGB

STATUS_RGB = {
    Status.GROUNDED: (120, 230, 130),
    Status.AMBIGUOUS: (255, 200, 80),
    Status.NOT_FOUND: (255, 130, 120),
    Status.NO_IMAGE: (255, 130, 120),
    Status.CANCELLED: (190, 190, 190),
    Status.ERROR: (255, 130, 120),
}
BAR_RGBA = (20, 20, 20, 200)
EDGE_RGBA = (0, 0, 0, 160)
LEAST_ROWS = 8  # a picture of fewer rows of text has a caption of one
_INK_RGB = (15, 15, 15)

Rectangle = tuple[int, int, int, int]
Size = tuple[int, int]  # (width, height)


def draw(rgb: np.ndarray, grounding: Grounding, command: str = "") -> np.ndarray:
    """Return a copy of a picture (H, W, 3) uint8 RGB with an answer drawn in, of the same size.

    A thing keeps the colour of its id (`id_rgb`) as long as it keeps the id; else a box has the
    colour of its phrase's role (`ROLE_RGB`); the target's lines are twice as wide. The label says
    id, phrase, score and, of a destination or relation, the role; several boxes of one phrase are
    numbered, best first, where they have no ids. A dark edge sets them off from things of
    the same colour. A bar at the bottom shows status, command and sentence, in two rows where one
    is too short. Lines and letters grow with the picture. supervision's annotators would do most
    of this, but need OpenCV.
    """
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    font = font_for(picture.size)
    line = max(2, round(min(picture.size) / 240))
    rows = _caption_rows(grounding, command, font, line, picture.size)
    bar_top = picture.height - len(rows) * _line_height(font) - 2 * line
    canvas = ImageDraw.Draw(picture, "RGBA")
    taken: list[Rectangle] = []
    # The target is drawn last, on top of what it shares pixels with.
    for phrase in sorted(grounding.phrases, key=lambda p: p.role == "target"):
        width = line if phrase.role == "target" else max(1, line // 2)
        for number in reversed(range(len(phrase.boxes_xyxy))):
            corners = _corners(phrase.boxes_xyxy[number])
            _outline(canvas, corners, _rgb(phrase, number), width)
    for phrase in sorted(grounding.phrases, key=lambda p: p.role != "target"):
        for number, box in enumerate(phrase.boxes_xyxy):
            label = _label(phrase, number)
            size = (round(font.getlength(label)) + 2 * line, _line_height(font) + line)
            spot = _free_spot(box, size, (picture.width, bar_top), taken)
            taken.append(spot)
            canvas.rectangle(spot, fill=_rgb(phrase, number))
            canvas.text((spot[0] + line, spot[1] + line // 2), label, _INK_RGB, font)
    _caption(canvas, grounding, rows, font, line, bar_top, picture.size)
    return np.array(picture)


def _outline(
    canvas: ImageDraw.ImageDraw, corners: Rectangle, rgb: tuple[int, int, int], line: int
) -> None:
    """Draw a box with lines that lie inside it, between dark edges."""
    edge = max(1, line // 3)
    x1, y1, x2, y2 = corners
    around = (x1 - edge, y1 - edge, x2 + edge, y2 + edge)
    canvas.rectangle(around, outline=EDGE_RGBA, width=line + 2 * edge)
    canvas.rectangle(corners, outline=rgb, width=line)


def _rgb(phrase: Phrase, number: int) -> tuple[int, int, int]:
    """Return the colour of one box of a phrase."""
    return id_rgb(str(phrase.ids[number])) if phrase.ids else ROLE_RGB[phrase.role]


def _label(phrase: Phrase, number: int) -> str:
    """Return what is written beside one box of a phrase."""
    score, role = phrase.scores[number], phrase.role
    if phrase.ids:
        return box_label(phrase.text, score, role, str(phrase.ids[number]))
    several = len(phrase.scores) > 1
    return box_label(f"{number + 1}. {phrase.text}" if several else phrase.text, score, role)


def _corners(box_xyxy: np.ndarray) -> Rectangle:
    """Return the outermost pixels of a box (4,), at least one pixel wide and high."""
    x1, y1, x2, y2 = (round(float(v)) for v in box_xyxy)
    return x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)


def _free_spot(
    box_xyxy: np.ndarray, size: tuple[int, int], limit: tuple[int, int], taken: list[Rectangle]
) -> Rectangle:
    """Return a place for a label of `size` (width, height) that touches no other label.

    The places above, below and inside the box are tried in this order. Where all are taken the
    label covers another one, in the first place that lies within `limit` (width, height).
    """
    x1, y1, x2, y2 = _corners(box_xyxy)
    width, height = size
    spots = []
    for x, y in ((x1, y1 - height), (x1, y2 + 1), (x1, y1), (x2 - width, y2 - height)):
        x = max(0, min(x, limit[0] - width))
        spot = (x, y, x + width, y + height)
        if 0 <= y and y + height <= limit[1]:
            if not any(_overlap(spot, other) for other in taken):
                return spot
            spots.append(spot)
    return spots[0] if spots else (max(0, min(x1, limit[0] - width)), 0, x1 + width, height)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _caption_rows(
    grounding: Grounding, command: str, font: ImageFont.FreeTypeFont, line: int, size: Size
) -> list[str]:
    """Return the words behind the status, in one row or, where they are too long, in two.

    The second row is for the answer: its sentence, or the reason where there is none. A picture
    that two rows would cover has one.
    """
    asked, answer = (
        " ".join(text.split()) for text in (command, grounding.text or grounding.reason)
    )
    both = f"{asked} -> {answer}" if asked and answer else asked or answer
    room = size[0] - _caption_start(grounding, font, line) - line
    is_high = size[1] >= LEAST_ROWS * _line_height(font)
    if asked and answer and is_high and font.getlength(both) > room:
        return [_shortened(asked, font, room), _shortened(answer, font, size[0] - 3 * line)]
    return [_shortened(both, font, room)]


def _caption_start(grounding: Grounding, font: ImageFont.FreeTypeFont, line: int) -> int:
    """Return where the words behind the status begin, in pixels from the left."""
    return 2 * line + round(font.getlength(f"{grounding.status}  "))


def _caption(
    canvas: ImageDraw.ImageDraw,
    grounding: Grounding,
    rows: list[str],
    font: ImageFont.FreeTypeFont,
    line: int,
    top: int,
    size: Size,
) -> None:
    """Write the status and the rows of the caption into the bottom bar.

    `line` is the width of a margin, `top` the upper edge of the bar and `size` (width, height) of
    the picture, all in pixels.
    """
    canvas.rectangle((0, top, *size), fill=BAR_RGBA)
    y = top + line
    canvas.text((2 * line, y), str(grounding.status), STATUS_RGB[grounding.status], font)
    x = _caption_start(grounding, font, line)
    for row in rows:
        canvas.text((x, y), row, (255, 255, 255), font)
        x, y = 2 * line, y + _line_height(font)


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return as much of `text` as fits in `width` pixels, with dots where it was cut."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..." if text else ""


def font_for(size: tuple[int, int]) -> ImageFont.FreeTypeFont:
    """Return the font for a picture of `size` (width, height): letters grow with it."""
    return _font(max(11, round(min(size) / 30)))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font at a size in pixels."""
    return ImageFont.load_default(size)


def _line_height(font: ImageFont.FreeTypeFont) -> int:
    """Return the height of a line of text in pixels."""
    return sum(font.getmetrics())
