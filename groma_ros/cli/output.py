"""Print an answer as text or JSON, and write the picture with the answer drawn in."""

from __future__ import annotations

import argparse
import json

import numpy as np
from PIL import Image

from groma_ros.drawing import draw
from groma_ros.values.answers import Grounding


def show(args: argparse.Namespace, rgb: np.ndarray, answer: Grounding, command: str) -> None:
    """Print an answer and write the annotated picture, as the options `json` and `save` say.

    `rgb` is the picture (H, W, 3) uint8. Raises ValueError where the picture can't be written.
    """
    if args.save is not None:
        try:
            Image.fromarray(draw(rgb, answer, command)).save(args.save)
        except OSError as error:
            raise ValueError(f"{args.save} can't be written: {error}") from None
    if args.json:
        print(json.dumps(answer.to_dict()))
        return
    print("\n".join(answer_lines(answer)))
    if args.save is not None:
        print(f"wrote {args.save}")


def answer_lines(answer: Grounding) -> list[str]:
    """Return an answer as lines of text: status, each box in whole pixels, reason, times."""
    action = f" ({answer.action})" if answer.action else ""
    found = [f"{answer.status}{action}: {answer.text or answer.reason}"]
    for phrase in answer.phrases:
        for box, score in zip(phrase.boxes_xyxy, phrase.scores, strict=True):
            x1, y1, x2, y2 = (round(float(v)) for v in box)
            found.append(
                f"  {phrase.role:<11} {phrase.text}: x {x1} to {x2}, y {y1} to {y2}, "
                f"score {score:.2f}"
            )
    if answer.text and answer.reason:
        found.append(f"  reason: {answer.reason}")
    times = answer.timings_ms
    found.append(f"  perceive {times['perceive']:.0f} ms, ground {times['ground']:.0f} ms")
    return found
