"""Commands, goals and questions about regions, as requests to the model's thread: one a camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vision_msgs.msg import BoundingBox2D

from groma_ros.action import Ground
from groma_ros.ros import messages
from groma_ros.ros.continuous_mode import Command
from groma_ros.ros.pending_requests import new_request
from groma_ros.ros.requests import Event, Request
from groma_ros.ros.settings import Settings
from groma_ros.ros.subscriptions import Subscriptions

Inputs = Mapping[str, Subscriptions]
"""The inputs of each camera by its name."""


def cameras_asked(inputs: Inputs, camera: str) -> list[str]:
    """Return the names of the cameras that are asked: all where none is named.

    Raises ValueError where the node has no camera of that name.
    """
    if camera and camera not in inputs:
        known = ", ".join(filter(None, inputs)) or "one without a name"
        raise ValueError(f"there is no camera {camera!r}, but {known}")
    return [camera] if camera else list(inputs)


def command_requests(
    inputs: Inputs, settings: Settings, command: Command, **more: Any
) -> dict[str, Request]:
    """Return the request of each camera that a command goes to; `more` are fields of `Request`."""
    frames = {name: inputs[name].frames for name in cameras_asked(inputs, command.camera)}
    return {
        name: new_request(
            command.text,
            mine,
            settings,
            command_id=command.number,
            gives_way=True,
            companions=tuple(other for other in frames.values() if other is not mine),
            **more,
        )
        for name, mine in frames.items()
    }


def goal_requests(
    inputs: Inputs,
    settings: Settings,
    goal: Ground.Goal,
    command_id: int,
    dialogue_id: int | None,
    on_event: Callable[[Event], None],
) -> list[Request]:
    """Return the requests of a goal of `~/ground`; one where it brings its image.

    Raises ValueError where no camera can be asked, the image is malformed, or regions are given
    and it is open of which image.
    """
    asked = cameras_asked(inputs, goal.camera)
    sources = [inputs[name].frames for name in asked]
    among_xyxy = tuple(messages.box_xyxy(bbox) for bbox in goal.regions)
    if among_xyxy and len(asked) > 1 and not goal.image.data:
        raise ValueError(f"regions belong to one camera; name one of {', '.join(asked)}")
    if among_xyxy:
        dialogue_id = None
    if goal.image.data:
        sources, dialogue_id = [inputs[asked[0]].frames_of(goal.image)], None
    return [
        new_request(
            goal.command,
            frames,
            settings,
            command_id=command_id,
            dialogue_id=dialogue_id,
            mode=goal.mode,
            among_xyxy=among_xyxy,
            companions=tuple(other for other in sources if other is not frames),
            on_event=on_event,
        )
        for frames in sources
    ]


def region_request(
    inputs: Inputs, settings: Settings, question: str, camera: str, bbox: BoundingBox2D
) -> Request:
    """Return the request of a question about a region.

    Raises ValueError where no camera can be asked, or the region is none.
    """
    frames = inputs[cameras_asked(inputs, camera)[0]].frames
    return new_request(question, frames, settings, region_xyxy=messages.box_xyxy(bbox))
