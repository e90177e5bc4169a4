"""Colours that stay with an id, so that the eye follows a thing from one picture to the next."""

from __future__ import annotations

import colorsys
import zlib

TURN = 0.618034  # of the circle of hues, from one number to the next: neighbours differ most
FIRST = 0.35  # 0 is green, as the target's role is


def id_rgb(identity: str) -> tuple[int, int, int]:
    """Return the colour of an id (red, green, blue), 0 to 255: bright and the same at all times."""
    number = int(identity) if identity.isdecimal() else zlib.crc32(identity.encode())
    hue = (FIRST + number * TURN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
