"""`groma ground`, and what it shares with `groma describe`: options, pictures, output."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from groma_ros.grounding.commands import check_text
from groma_ros.grounding.drawing import draw
from groma_ros.grounding.values import Grounding

EXAMPLES = """examples:
  groma ground photo.jpg "pick up the red cup"
  groma ground photo.jpg "put the apple into the white bowl" --save out.png
  groma ground photo.jpg "find all the cans" --json
  groma ground photo.jpg "what is on the table?" --model ./groma-7b-finetune --device cuda
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma ground`."""
    parser.add_argument("image", help="picture file: PNG, JPEG, WebP, BMP, TIFF")
    parser.add_argument("command", help="what to do, or a question, in English")
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Answer a command about a picture and print the answer; return 0."""
    check_text(args.command)
    rgb = prepare(args)
    predictor = load(args)
    show(args, rgb, predictor.ground(predictor.perceive(rgb), args.command), args.command)
    return 0


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that every subcommand with a model and a picture has."""
    parser.add_argument("--model", default="nano", help="nano, a folder or a hub id (nano)")
    parser.add_argument("--json", action="store_true", help="print the answer as one line of JSON")
    parser.add_argument("--save", type=Path, metavar="OUT.png", help="write the annotated picture")
    add_model_arguments(parser)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say on what and in which precision a model runs."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (auto)")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16 (auto)")
    parser.add_argument(
        "--quantization",
        default="none",
        help="none, int8 or int4: the language model's linear layers in fewer bits (none)",
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (torch's choice)")


def prepare(args: argparse.Namespace) -> np.ndarray:
    """Check the options that can be checked early; return the picture (H, W, 3) uint8 RGB."""
    if args.threads < 0:
        raise ValueError(f"--threads is {args.threads}; give 1 or more")
    if args.save is not None:
        Image.init()
        if args.save.suffix.lower() not in Image.registered_extensions():
            raise ValueError(f"--save {args.save}: unknown kind of picture; end in .png or .jpg")
        if not args.save.parent.is_dir():
            raise ValueError(f"--save {args.save}: there is no folder {args.save.parent}")
    return read_picture(args.image)


def read_picture(path: str) -> np.ndarray:
    """Read a picture upright, as its camera meant it; raise ValueError where it can't be."""
    try:
        with Image.open(path) as picture:
            return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except FileNotFoundError:
        raise ValueError(f"there is no picture {path}") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path} is no picture that can be read") from None
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} can't be read: {error}") from None


def load(args: argparse.Namespace):
    """Return the Predictor that the options ask for."""
    import torch

    from groma_ros.loading import choose_quantization
    from groma_ros.predictor import Predictor

    if args.threads:
        torch.set_num_threads(args.threads)
    return Predictor.from_pretrained(
        args.model, args.device, args.dtype, choose_quantization(args.quantization)
    )


def show(args: argparse.Namespace, rgb: np.ndarray, answer: Grounding, command: str) -> None:
    """Write the annotated picture and print an answer, as the options say.

    Raises ValueError where the picture can't be written.
    """
    if args.save is not None:
        try:
            Image.fromarray(draw(rgb, answer, command)).save(args.save)
        except OSError as error:
            raise ValueError(f"{args.save} can't be written: {error}") from None
    if args.json:
        print(json.dumps(answer.to_dict()))
        return
    print("\n".join(lines(answer)))
    if args.save is not None:
        print(f"wrote {args.save}")


def lines(answer: Grounding) -> list[str]:
    """Return an answer as lines for people."""
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
