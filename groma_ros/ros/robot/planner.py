"""A planner that picks and places by what `groma_ros` publishes, and by nothing else.

It asks `~/ground` for a command, takes the places of its answer, and moves the gripper: from
above, the fingers about the thing's narrower side, down, close, up. Then it looks a second time. It
gives up with words: not found, several fit, no depth, out of reach, too wide, slipped twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.task import Future
from std_msgs.msg import String
from vision_msgs.msg import BoundingBox2D, Detection3D

from groma_ros.action import Ground, MoveGripper
from groma_ros.depth import rotation_matrix
from groma_ros.language.nouns import head_noun
from groma_ros.msg import GroundedText
from groma_ros.srv import DescribeRegion

LOOKS, PAUSE_S = 3, 0.5
SURE = 0.75
"""Below this score a thing is asked about by itself before it is touched."""
OPEN_M, CLOSED_M = 0.1, 0.0
WIDEST_M = 0.095
"""Of a thing that the open fingers go about."""
HELD_M = 0.004
"""Fingers that are further apart hold something."""
ABOVE_M, LIFT_M = 0.16, 0.22
DEPTH_OF_GRIP_M, DEEPEST_GRIP_M = 0.035, 0.05
"""How far below its top a thing is gripped: at its middle, where the palm leaves room for that."""
LOWEST_M = 0.027
"""Of the grip above the support: fingertips that touch the table do not close."""
REACH_M = ((1.05, 1.55), (0.42, 1.08))
"""Where the gripper comes from above, along x and y of the world."""
DROP_M = 0.005
"""Of a thing above the place where it is let go."""
HOME = (1.0, 0.30, 0.80)
MOVED_M = 0.03
WORLD = "world"


@dataclass
class Outcome:
    """Say what came of a command.

    done   whether the planner thinks that it did what was asked
    text   what it says to a person
    asked  whether it asked back
    story  what happened, step by step
    """

    done: bool = False
    text: str = ""
    asked: bool = False
    story: list[str] = field(default_factory=list)


class GaveUp(Exception):
    """Tell in words why a command was not carried out."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Hold where a thing is in the world: middle (3,), heading (rad), sides (3,), all metres.

    name, score, bbox are those of its detection
    """

    name: str
    score: float
    bbox: BoundingBox2D
    middle: np.ndarray
    heading: float
    size: np.ndarray

    @property
    def top(self) -> float:
        """Return the height of its top."""
        return float(self.middle[2] + self.size[2] / 2)


class Planner(Node):
    """Carry out commands; `carry_out` is a generator that yields what it waits for.

    answer  what perception answered to the last command
    """

    def __init__(self, on_stage: Callable[[str], None] = lambda stage: None) -> None:
        """Connect to `groma` and to the simulator; `on_stage` is told "chosen", "grasped", ..."""
        super().__init__("planner")
        self._on_stage = on_stage
        self._ground = ActionClient(self, Ground, "groma/ground")
        self._gripper = ActionClient(self, MoveGripper, "move_gripper")
        self._describe = self.create_client(DescribeRegion, "groma/describe_region")
        self._text = self.create_publisher(String, "~/text", 10)
        self._camera: TransformStamped | None = None
        self._yaw, self._hanging_m = 0.0, 0.0
        self.answer = Ground.Result()
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(TransformStamped, "camera_pose", self._on_camera, latched)

    def _on_camera(self, message: TransformStamped) -> None:
        self._camera = message

    @property
    def is_connected(self) -> bool:
        """Say whether both action servers and the camera's place are known."""
        servers = self._ground.server_is_ready() and self._gripper.server_is_ready()
        return servers and self._camera is not None

    def carry_out(self, command: str) -> Generator[Any, Any, Outcome]:
        """Carry out a command; yields futures, takes their results, returns the outcome."""
        outcome = Outcome()
        try:
            outcome.text = yield from self._try(command, outcome)
            outcome.done = True
        except GaveUp as reason:
            outcome.text = str(reason)
        outcome.asked = outcome.text.endswith("?")
        self._text.publish(String(data=outcome.text))
        return outcome

    def _try(self, command: str, outcome: Outcome) -> Generator[Any, Any, str]:
        say = outcome.story.append
        for _ in range(LOOKS):  # the depth of a picture may come late, or be lost
            self.answer = answer = yield from self._look(command)
            seen = self._places(answer)
            if len(seen) == len(answer.detections.detections):
                break
            yield self._pause()
        target, destination = self._chosen(answer, seen)
        if target.score < SURE:
            yield from self._confirm(target)
        say(f"sees {target.name} at {np.round(target.middle, 3).tolist()}")
        self._on_stage("chosen")
        yield from self._grasp(target, say)
        self._on_stage("grasped")
        yield from self._move(target.middle[:2], max(target.top, target.middle[2]) + LIFT_M)
        self._on_stage("lifted")
        if destination is None:
            yield from self._look_again(command, target)
            return f"I hold {target.name}."
        yield from self._put(destination)
        say(f"lets go above {destination.name}")
        self._on_stage("placed")
        return f"{target.name} is at {destination.name}."

    def _pause(self) -> Future:
        """Return a future that is done a moment later."""
        done: Future = Future()
        timer = self.create_timer(PAUSE_S, lambda: (timer.cancel(), done.set_result(None)))
        return done

    # Seeing

    def _look(self, command: str) -> Generator[Any, Any, Ground.Result]:
        handle = yield self._ground.send_goal_async(Ground.Goal(command=command))
        if not handle.accepted:
            raise GaveUp("perception did not take the command")
        reply = yield handle.get_result_async()
        return reply.result

    def _confirm(self, target: Seen) -> Generator[Any, Any, None]:
        """Ask what the thing is by itself; raise GaveUp, as a question, for another noun."""
        reply = yield self._describe.call_async(DescribeRegion.Request(bbox=target.bbox))
        called = reply.answer.text.strip(" .")
        if reply.success and head_noun(called) != head_noun(target.name):
            raise GaveUp(f"That looks like {called} - do you mean it?")

    def _chosen(self, result: Ground.Result, seen: dict[str, Seen]) -> tuple[Seen, Seen | None]:
        """Return the target and the destination of an answer; raise GaveUp where none is sure."""
        answer = result.answer
        if answer.status == GroundedText.STATUS_AMBIGUOUS:
            raise GaveUp(f"{answer.text.rstrip('.')} - which one?")
        if answer.status != GroundedText.STATUS_GROUNDED:
            raise GaveUp(answer.reason or answer.text)
        ids = {"target": [], "destination": []}
        names = dict.fromkeys(ids, "")
        for phrase in answer.phrases:
            if phrase.role in ids:
                ids[phrase.role] += phrase.detection_ids
                names[phrase.role] = phrase.text
        if len(ids["target"]) != 1:
            raise GaveUp(f"{len(ids['target'])} things fit {names['target']} - which one?")
        if not seen or ids["target"][0] not in seen:
            raise GaveUp(f"I see {names['target']} but its depth does not say where it is")
        target = seen[ids["target"][0]]
        if not names["destination"]:
            return target, None
        if len(ids["destination"]) != 1 or ids["destination"][0] not in seen:
            raise GaveUp(f"I do not know where {names['destination']} is")
        return target, seen[ids["destination"][0]]

    def _places(self, result: Ground.Result) -> dict[str, Seen]:
        """Return where the things of an answer are in the world, by the ids of their detections."""
        boxes = {d.id: d.bbox for d in result.detections.detections}
        return {d.id: self._in_world(d, boxes[d.id]) for d in result.detections_3d.detections}

    def _in_world(self, detection: Detection3D, bbox: BoundingBox2D) -> Seen:
        shift, turn = self._camera.transform.translation, self._camera.transform.rotation
        rotation = rotation_matrix(turn.x, turn.y, turn.z, turn.w)
        place, own = detection.bbox.center.position, detection.bbox.center.orientation
        middle = rotation @ [place.x, place.y, place.z] + [shift.x, shift.y, shift.z]
        axes = rotation @ rotation_matrix(own.x, own.y, own.z, own.w)
        size = detection.bbox.size
        best = detection.results[0].hypothesis
        return Seen(
            best.class_id,
            best.score,
            bbox,
            middle,
            float(np.arctan2(axes[1, 0], axes[0, 0])),
            np.array([size.x, size.y, size.z]),
        )

    def _look_again(self, command: str, target: Seen) -> Generator[Any, Any, None]:
        """Look a second time; raise GaveUp where the thing still lies where it was."""
        result = yield from self._look(command)
        for seen in self._places(result).values():
            if np.linalg.norm(seen.middle - target.middle) < MOVED_M:
                raise GaveUp(f"{target.name} still lies where it was")

    # Moving

    def _grasp(self, target: Seen, say: Callable[[str], None]) -> Generator[Any, Any, None]:
        """Take a thing from above; try the other way round once where it slips."""
        narrow = int(target.size[0] > target.size[1])  # 0: along its heading, 1: across it
        if target.size[narrow] > WIDEST_M:
            raise GaveUp(
                f"{target.name} is {100 * target.size[narrow]:.0f} cm wide, and my fingers open "
                f"{100 * WIDEST_M:.0f} cm"
            )
        inside = [
            low <= v <= high for v, (low, high) in zip(target.middle[:2], REACH_M, strict=True)
        ]
        if not all(inside):
            raise GaveUp(f"{target.name} is out of my reach")
        # Yaw 0 has the fingers apart along y: they close along the narrower side.
        yaw = target.heading - (np.pi / 2 if narrow == 0 else 0.0)
        bottom = target.middle[2] - target.size[2] / 2
        depth = float(np.clip(target.size[2] / 2, DEPTH_OF_GRIP_M, DEEPEST_GRIP_M))
        height = max(target.top - depth, bottom + LOWEST_M)
        self._hanging_m = height - bottom
        for attempt in range(2):
            turn = _half_turn(yaw + attempt * np.pi / 2)
            yield from self._move(target.middle[:2], target.top + ABOVE_M, turn, OPEN_M)
            yield from self._move(target.middle[:2], height, turn)
            yield from self._fingers(CLOSED_M)
            reached = yield from self._move(target.middle[:2], height + 0.05, turn)
            if HELD_M < reached.opening_m < OPEN_M - HELD_M:
                say(f"closed on {1000 * reached.opening_m:.0f} mm, turned by {turn:.2f} rad")
                return
            say(f"attempt {attempt + 1} slipped")
        raise GaveUp(f"{target.name} slipped out of my fingers twice")

    def _put(self, destination: Seen) -> Generator[Any, Any, None]:
        """Let a held thing go above a place."""
        height = destination.top + DROP_M + self._hanging_m
        yield from self._move(destination.middle[:2], destination.top + LIFT_M)
        yield from self._move(destination.middle[:2], height)
        yield from self._fingers(OPEN_M)
        yield from self._move(destination.middle[:2], destination.top + LIFT_M)
        yield from self.go_home()

    def go_home(self) -> Generator[Any, Any, None]:
        """Take the arm out of the camera's view, open."""
        yield from self._move(HOME[:2], HOME[2], 0.0, OPEN_M)

    def _move(
        self, xy: Any, height: float, yaw: float | None = None, opening_m: float = -1.0
    ) -> Generator[Any, Any, MoveGripper.Result]:
        pose = PoseStamped()
        pose.header.frame_id = WORLD
        pose.pose.position.x, pose.pose.position.y = float(xy[0]), float(xy[1])
        pose.pose.position.z = float(height)
        self._yaw = self._yaw if yaw is None else yaw
        pose.pose.orientation.z = float(np.sin(self._yaw / 2))
        pose.pose.orientation.w = float(np.cos(self._yaw / 2))
        return (yield from self._send(MoveGripper.Goal(grip=pose, opening_m=float(opening_m))))

    def _fingers(self, opening_m: float) -> Generator[Any, Any, MoveGripper.Result]:
        return (yield from self._send(MoveGripper.Goal(opening_m=float(opening_m))))

    def _send(self, goal: MoveGripper.Goal) -> Generator[Any, Any, MoveGripper.Result]:
        handle = yield self._gripper.send_goal_async(goal)
        if not handle.accepted:
            raise GaveUp("the gripper did not take a goal")
        reply = yield handle.get_result_async()
        return reply.result


def _half_turn(angle: float) -> float:
    """Return an angle of the fingers, which are alike, between -90 and 90 degrees."""
    return float((angle + np.pi / 2) % np.pi - np.pi / 2)
