"""What the node says of its health and its cameras, in `~/status` and on `/diagnostics`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus

from groma_ros.ros import messages
from groma_ros.ros.subscriptions import Subscriptions

ENOUGH_OF_RATE = 0.8
"""Continuous mode keeps up where it gives so much of `rate_hz`."""
LEAST_MEMORY_SHARE = 0.05


def camera_values(camera: str, inputs: Subscriptions | None) -> dict[str, int]:
    """Return what came from a camera; zeros while the node is not active."""
    start = f"{camera}." if camera else ""
    frames = inputs and inputs.frames
    return {
        f"{start}frames_received": frames.received if frames else 0,
        f"{start}frames_dropped": frames.dropped if frames else 0,
        f"{start}images_refused": frames.refused if frames else 0,
        f"{start}images_lost": inputs.images_lost if inputs else 0,
        f"{start}depth_received": inputs.depth.received if inputs else 0,
    }


def image_age_text(inputs: Subscriptions | None) -> str:
    """Return the age of a camera's newest image in seconds, empty where there is none."""
    last = inputs.frames.last if inputs is not None else None
    return f"{last.age_s():.2f}" if last else ""


def rate_problem(answers_per_s: float | None, wanted_hz: float) -> str:
    """Say that continuous mode is too slow; None where nobody knows yet."""
    if answers_per_s is None or answers_per_s >= ENOUGH_OF_RATE * wanted_hz:
        return ""
    return f"{answers_per_s:.1f} answers a second, where rate_hz is {wanted_hz:g}"


def memory_problem(available_share: float | None) -> str:
    """Say that the machine's memory is nearly full."""
    if available_share is None or available_share >= LEAST_MEMORY_SHARE:
        return ""
    return f"only {100 * available_share:.0f} % of the machine's memory is available"


def available_memory_share(file: Path = Path("/proc/meminfo")) -> float | None:
    """Return the share of the machine's memory that is available, None where it is not told."""
    try:
        rows = dict(line.split(":") for line in file.read_text().splitlines())
        available, total = (int(rows[key].split()[0]) for key in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError):
        return None
    return available / total


def image_problems(inputs: Mapping[str, Subscriptions], timeout_s: float) -> dict[str, str]:
    """Return what is wrong with the images of each camera, empty where nothing is."""
    return {name: each.image_problem(timeout_s) for name, each in inputs.items()}


def camera_statuses(
    cameras: Sequence[str], inputs: Mapping[str, Subscriptions], problems: Mapping[str, str]
) -> list[DiagnosticStatus]:
    """Return a status of each of several cameras; none where there is one, which is the node's."""
    statuses = []
    for name in filter(None, cameras):
        mine, problem = inputs.get(name), problems.get(name, "")
        values = {key.split(".")[1]: v for key, v in camera_values(name, mine).items()}
        values["image_age_s"] = image_age_text(mine)
        level = DiagnosticStatus.WARN if problem else DiagnosticStatus.OK
        text = problem or ("images come" if mine else "not active")
        status = messages.status(level, text, name, values)
        status.name = f"groma: {name}"
        statuses.append(status)
    return statuses
