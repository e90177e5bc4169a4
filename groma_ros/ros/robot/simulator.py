"""The simulator's node: cameras, depth, the clock, and a gripper that takes goals.

It speaks only ROS. Simulated time goes on by itself, so that stamps age as they do on a robot;
physics goes on only while a goal is carried out, so that a slow machine changes nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.action import ActionServer
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from groma_ros.action import MoveGripper
from groma_ros.ros import messages
from groma_ros.ros.arguments import ArgumentParser
from groma_ros.ros.camera import camera_info
from groma_ros.ros.process import ros_context, spin
from groma_ros.sim.robot.cases import CASES, Case, case_for, things_of
from groma_ros.sim.robot.fetch import FetchTable, RobotUnavailable

PERIOD_S = 0.2
"""Of frames, in simulated and in real time."""
FILM_FPS, FILM_PERIOD_S = 10, 0.1
FRAME, WORLD = "camera_optical_frame", "world"


class Simulator(Node):
    """Publish `image`, `depth`, `camera_info`, `camera_pose`, `joint_states` and `/clock`.

    Offers the action `move_gripper`, and for the judge alone the services `truth` (JSON: where each
    thing was, where it is, whether both fingers hold it) and `lay_table` (the next case).
    """

    def __init__(self, first: Case, film: str = "") -> None:
        """Lay the table of a case; `film` is a file for a video, empty for none."""
        super().__init__("simulator")
        self._film_path, self._frames, self._filmed_s = film, [], 0.0
        self._idle_s = 0.0
        self._image = self.create_publisher(Image, "image", 1)
        self._depth = self.create_publisher(Image, "depth", 1)
        self._info = self.create_publisher(CameraInfo, "camera_info", 1)
        self._joints = self.create_publisher(JointState, "joint_states", 1)
        self._clock_publisher = self.create_publisher(Clock, "/clock", 1)
        latched = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._pose = self.create_publisher(TransformStamped, "camera_pose", latched)
        self._lay(first)
        self.create_service(Trigger, "truth", self.on_truth)
        self.declare_parameter("case", first.number)
        self.create_service(Trigger, "lay_table", self.on_lay_table)
        self._server = ActionServer(self, MoveGripper, "move_gripper", self.on_move)
        self.create_timer(PERIOD_S, self._on_timer)

    def _lay(self, case: Case) -> None:
        self._passed_s = getattr(self, "_passed_s", 0.0) + (
            self._world.time_s if hasattr(self, "_world") else 0.0
        )
        if hasattr(self, "_world"):
            self._world.close()
        self._world = FetchTable(things_of(case), case.number)
        self._start = [self._world.position_of(n) for n in range(len(self._world.things))]
        self._film()
        self._pose.publish(self._camera_pose())

    def _now(self) -> Header:
        seconds = self._passed_s + self._world.time_s + self._idle_s
        header = Header(frame_id=FRAME)
        header.stamp.sec, header.stamp.nanosec = int(seconds), int(seconds % 1 * 1e9)
        return header

    def _on_timer(self) -> None:
        self._idle_s += PERIOD_S
        self._publish()

    def _publish(self) -> None:
        header = self._now()
        self._clock_publisher.publish(Clock(clock=header.stamp))
        rgb, depth_m = self._world.draw()
        self._info.publish(camera_info(header, rgb.shape[:2], self._world.camera.pinhole))
        depth_mm = np.where(depth_m < 5.0, 1000 * depth_m, 0).astype(np.uint16)
        self._depth.publish(messages.image_16uc1(depth_mm, header))
        self._image.publish(messages.image(rgb, header))
        names, positions = self._world.joints()
        self._joints.publish(JointState(header=header, name=names, position=positions))

    def _camera_pose(self) -> TransformStamped:
        """Return where the camera's optical frame is in the world."""
        message = TransformStamped(header=Header(frame_id=WORLD), child_frame_id=FRAME)
        position, (x, y, z, w) = self._world.camera_pose()
        for name, value in zip("xyz", position, strict=True):
            setattr(message.transform.translation, name, float(value))
        rotation = message.transform.rotation
        rotation.x, rotation.y, rotation.z, rotation.w = float(x), float(y), float(z), float(w)
        return message

    def on_move(self, handle: ServerGoalHandle) -> MoveGripper.Result:
        """Carry out a goal; physics runs meanwhile."""
        goal = handle.request
        if goal.grip.header.frame_id:
            if goal.grip.header.frame_id != WORLD:
                handle.abort()
                return self._reached()
            point, turn = goal.grip.pose.position, goal.grip.pose.orientation
            yaw = 2 * np.arctan2(turn.z, turn.w)
            self._world.move(np.array([point.x, point.y, point.z]), float(yaw), self._on_step)
        if goal.opening_m >= 0:
            self._world.open_to(goal.opening_m, self._on_step)
        self._publish()
        handle.succeed()
        return self._reached()

    def _reached(self) -> MoveGripper.Result:
        pose = PoseStamped(header=Header(stamp=self._now().stamp, frame_id=WORLD))
        grip = self._world.grip
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = map(float, grip)
        return MoveGripper.Result(grip=pose, opening_m=self._world.opening_m)

    def _on_step(self) -> None:
        if self._film_path and self._world.time_s - self._filmed_s >= FILM_PERIOD_S:
            self._film()

    def _film(self) -> None:
        if self._film_path:
            self._filmed_s = self._world.time_s
            self._frames.append(self._world.draw("watching")[0])

    def on_truth(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Tell the judge what physics says."""
        response.success = True
        response.message = json.dumps(
            [
                {
                    "name": thing.name,
                    "start_m": self._start[n].tolist(),
                    "position_m": self._world.position_of(n).tolist(),
                    "radius_m": thing.radius_m,
                    "held": self._world.is_touched_by_both_fingers(n),
                }
                for n, thing in enumerate(self._world.things)
            ]
        )
        return response

    def on_lay_table(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Lay the table of the case that the parameter `case` names."""
        number = self.get_parameter("case").value
        try:
            self._lay(CASES[number])
        except (IndexError, ValueError) as error:
            response.message = str(error)
            return response
        self._publish()
        response.success = True
        return response

    def save_film(self) -> None:
        """Write the video."""
        if not self._frames:
            return
        Path(self._film_path).parent.mkdir(parents=True, exist_ok=True)
        height, width = self._frames[0].shape[:2]
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(self._film_path, codec, FILM_FPS, (width, height))
        for frame in self._frames:
            writer.write(frame[..., ::-1])
        writer.release()


def main(args: list[str] | None = None) -> int:
    """Run the simulator until it is interrupted; return the exit status."""
    parser = ArgumentParser("simulator", __doc__.split("\n", 1)[0])
    parser.add_argument("--command", default="", help="a table for this command, not for case 0")
    parser.add_argument("--seed", type=int, default=0, help="which table for the command (0)")
    parser.add_argument("--film", default="", help="write a video to this file at the end")
    options = parser.parse(args)
    with ros_context(args, parser) as stopping:
        try:
            command = options.command
            first = case_for(command, options.seed) if command else CASES[0]
            node = Simulator(first, options.film)
        except (RobotUnavailable, ValueError) as error:
            parser.error(str(error))
        try:
            spin(node, stopping)
        finally:
            node.save_film()
            node.destroy_node()
    return 0


if __name__ == "__main__":
    sys.exit(main())
