"""Where the things of an answer are, from the depth image that belongs to its picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from groma_ros.depth import Lens, Located, locate, rotated, scale_between
from groma_ros.language.nouns import head_noun
from groma_ros.ros import messages
from groma_ros.ros.depth_images import to_metres
from groma_ros.ros.requests import Result
from groma_ros.values.answers import Status
from groma_ros.values.pinhole import Pinhole


@dataclass(frozen=True, eq=False)
class Places:
    """Hold where the boxes of an answer are.

    located   each place by the id of its detection, in the frame of `frame_id`
    frame_id  the optical frame of the picture, or the target frame
    depth_hw  size of the depth image, whose pixels the masks are
    problem   why there is no place, or none for some of the boxes; else empty
    """

    located: dict[str, Located] = field(default_factory=dict)
    frame_id: str = ""
    depth_hw: tuple[int, int] = (0, 0)
    problem: str = ""


def places_of(
    result: Result,
    depth_of: Callable[[Any], Any],
    rectified: bool,
    target_frame: str = "",
    transform: Callable[[str, Any], tuple[np.ndarray, np.ndarray]] | None = None,
) -> Places:
    """Locate every box of an answer.

    depth_of      returns the depth image (message) of a picture's header, or raises ValueError
    rectified     whether the picture is without distortion whatever CameraInfo's D says
    target_frame  the frame that places are wanted in; empty: the picture's optical frame
    transform     returns rotation (3, 3) and translation (3,) into that frame from a header's, at
                  its stamp, or raises ValueError

    What can't be located is left out, and `problem` says why; nothing is raised.
    """
    boxes = messages.detected_boxes(result.grounding)
    frame_id = target_frame or (result.header.frame_id if result.header else "")
    if not boxes:
        return Places(frame_id=frame_id)
    try:
        depth_m = to_metres(depth_of(result.header))
        across, down = scale_between(result.rgb.shape[:2], depth_m.shape)
        lens = lens_of(result.rgb.shape[:2], result.frame.camera_info, rectified)
        moved = transform(target_frame, result.header) if target_frame else None
    except ValueError as error:
        return Places(frame_id=frame_id, problem=str(error))
    lens = lens.scaled(across, down)
    located, problems = {}, []
    for box in boxes:
        phrase = box.hypotheses[0].phrase.text
        try:
            scaled = box.box_xyxy * [across, down, across, down]
            place = locate(depth_m, scaled, lens, head_noun(phrase))
        except ValueError as error:
            problems.append(f"{phrase!r}: {error}")
            continue
        located[box.id] = rotated(place, *moved) if moved else place
    return Places(located, frame_id, depth_m.shape, "; ".join(problems))


def lens_of(size_hw: tuple[int, int], camera_info: Any, rectified: bool) -> Lens:
    """Return the lens of a picture of `size_hw` from its CameraInfo.

    Raises ValueError where no CameraInfo of that size is known: a place that is computed with an
    assumed lens would be wrong.
    """
    if camera_info is None:
        raise ValueError("no CameraInfo has come")
    known_hw = camera_info.height, camera_info.width
    if known_hw != tuple(size_hw):
        raise ValueError(
            f"CameraInfo is of {known_hw[1]}x{known_hw[0]} and the image of "
            f"{size_hw[1]}x{size_hw[0]}"
        )
    if rectified or not any(camera_info.d):
        return Lens(messages.pinhole_of(size_hw, camera_info))
    k = camera_info.k
    if not (k[0] > 0 and k[4] > 0):
        raise ValueError("CameraInfo has no focal length")
    pinhole = Pinhole(k[0], k[4], k[2], k[5])
    return Lens(pinhole, tuple(camera_info.d), camera_info.distortion_model)


def target_of(result: Result, places: Places) -> Located | None:
    """Return the place of the target, where it has exactly one: no planner is to act on a guess."""
    if result.grounding.status != Status.GROUNDED:
        return None
    targets = [
        box.id
        for box in messages.detected_boxes(result.grounding)
        if any(h.phrase.role == "target" for h in box.hypotheses)
    ]
    return places.located.get(targets[0]) if len(targets) == 1 else None
