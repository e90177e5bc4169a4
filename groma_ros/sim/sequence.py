"""Render the short camera sequence that the demo publishes, with its calibration and truth."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from groma_ros.pictures import DEPTH_FOLDER
from groma_ros.sim.kinds import kind_named
from groma_ros.sim.photo import encode_jpeg
from groma_ros.sim.placing import Wanted, place_objects
from groma_ros.sim.render import Renderer, RenderingUnavailable, assemble
from groma_ros.sim.scene import Scene
from groma_ros.sim.staging import plan_surroundings
from groma_ros.sim.world import Camera, look_at

SPLIT = "test"
SIZE_HW = (480, 640)
CONTENTS = [
    Wanted(kind_named(name), colour)
    for name, colour in (
        *(("cup", "red"), ("plate", "white"), ("bowl", "white"), ("book", "blue")),
        *(("bottle", "green"), ("cup", "blue"), ("apple", "red"), ("can", "orange")),
        *(("can", "green"), ("marker", "black")),
    )
]
JPEG_QUALITY = 85
GAIN = 1.45


def camera_at(share: float, reach_m: float) -> Camera:
    """Return the camera at share 0..1 of a slow arc about a scene of this reach."""
    azimuth = math.radians(-115 + 50 * share)
    elevation = math.radians(40 + 8 * math.sin(2 * math.pi * share))
    away = 2.55 * reach_m
    position = away * np.array(
        [
            math.cos(azimuth) * math.cos(elevation),
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    return look_at(position, (0.0, 0.0, 0.02), 0.0, math.radians(42), SIZE_HW)


@dataclass(frozen=True, eq=False)
class Shot:
    """Hold one frame of the sequence: what is seen, from where, and depth (H, W) in metres."""

    scene: Scene
    camera: Camera
    depth_m: np.ndarray


def render_sequence(renderer: Renderer, seed: int, frames: int) -> list[Shot]:
    """Return the frames of one scene seen from a moving camera; hidden objects keep their names."""
    library = renderer.library
    rng = np.random.default_rng([7, seed])
    objects = place_objects(rng, library, SPLIT, CONTENTS)
    reach = max(float(np.abs(item.points[:, :2]).max()) for item in objects)
    plan = plan_surroundings(rng, library, SPLIT, objects, camera_at(0.5, reach))
    shots = []
    for k in range(frames):
        plan = replace(plan, camera=camera_at(k / max(frames - 1, 1), reach))
        rgb, owner, alone = renderer.draw(plan)
        rgb = np.clip(rgb * GAIN, 0, 255).astype(np.uint8)
        scene = assemble(plan, rgb, owner, alone, SPLIT, seed)
        shots.append(Shot(scene, plan.camera, renderer.draw_depth(plan)))
    return shots


def write_sequence(folder: Path, shots: list[Shot], rate_hz: float = 10.0) -> None:
    """Write 000.jpg, 001.jpg, ..., their depth and sequence.json.

    That holds the camera in pixels, boxes x0 y0 x1 y1, and the middle of each object in metres, in
    the optical frame. depth/000.png, ... are of half the size, 16 bits, in millimetres.
    """
    (folder / DEPTH_FOLDER).mkdir(parents=True, exist_ok=True)
    frames = []
    for k, shot in enumerate(shots):
        scene, name = shot.scene, f"{k:03d}.jpg"
        (folder / name).write_bytes(encode_jpeg(scene.rgb, JPEG_QUALITY))
        depth_mm = np.round(1000 * shot.depth_m[::2, ::2]).astype(np.uint16)
        Image.fromarray(depth_mm).save(folder / DEPTH_FOLDER / f"{k:03d}.png", optimize=True)
        frames.append(
            {
                "file": name,
                "objects": [
                    {
                        "kind": o.kind,
                        "colour": o.colour,
                        "box_xyxy": [round(float(v), 1) for v in o.box_xyxy],
                        "visible_fraction": round(o.visible_fraction, 2),
                        "position_m": shot.camera.to_optical(o.position_m).round(4).tolist(),
                    }
                    for o in scene.objects
                ],
            }
        )
    camera = shots[0].camera.pinhole
    height, width = SIZE_HW
    truth = {
        "rate_hz": rate_hz,
        "camera": {
            "fx": round(camera.fx, 3),
            "fy": round(camera.fy, 3),
            "cx": camera.cx,
            "cy": camera.cy,
            "width": width,
            "height": height,
        },
        "frames": frames,
    }
    lines = json.dumps(truth, indent=None).replace('{"file"', '\n{"file"')
    (folder / "sequence.json").write_text(lines + "\n")


def main() -> int:
    """Run `python -m groma_ros.sim.sequence FOLDER`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=24)
    args = parser.parse_args()
    try:
        renderer = Renderer()
    except RenderingUnavailable as error:
        print(f"sequence: {error}", file=sys.stderr)
        return 2
    write_sequence(args.folder, render_sequence(renderer, args.seed, args.frames))
    return 0


if __name__ == "__main__":
    sys.exit(main())
