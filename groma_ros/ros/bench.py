"""`groma bench --ros`: what the ROS side of the node costs, beside an echo that does nothing.

This process is the camera and the planner: it publishes an image and waits for the detections of
its stamp. The node, with a model that costs nothing, and a bare echo are processes of their own, as
on a robot. They get frames in turns, so that whatever else the machine does slows both alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from vision_msgs.msg import Detection2DArray

from groma_ros.ros import messages
from groma_ros.ros.bench_peers import PHRASE
from groma_ros.ros.demo import start, stop

GOAL = 1.25  # the most that the chain may take, as a multiple of the echo's
SIZES_WH = ((640, 480), (1280, 720))
KINDS = {"echo": "bare rclpy echo", "node": "groma_ros, free model"}
PAUSE_S = 0.04  # before each frame: more than a period of the node, so that it never is too early
WARM_UP = 20  # frames of each size that are not counted
PROFILE = "FASTDDS_DEFAULT_PROFILES_FILE"
READY_TIMEOUT_S = 60.0
FRAME_TIMEOUT_S = 2.0
MOST_LOST = 50


@dataclass
class Ends:
    """Hold this process's ends of one chain.

    image       publishes frames
    last_stamp  stamp of the last answer, as (seconds, nanoseconds)
    arrived_s   `time.perf_counter()` when it arrived
    """

    image: rclpy.publisher.Publisher
    last_stamp: tuple[int, int] = (0, 0)
    arrived_s: float = 0.0

    def on_detections(self, message: Detection2DArray) -> None:
        """Note an answer and when it came."""
        self.arrived_s = time.perf_counter()
        self.last_stamp = message.header.stamp.sec, message.header.stamp.nanosec


class Meter(Node):
    """Publish frames to both chains and take the time until their detections are here."""

    def __init__(self) -> None:
        super().__init__("meter")
        reliable = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        self._command = self.create_publisher(String, f"{namespace('node')}/command", reliable)
        self._ends = {}
        for kind in KINDS:
            image = self.create_publisher(Image, f"{namespace(kind)}/image", 1)
            self._ends[kind] = ends = Ends(image)
            topic = f"{namespace(kind)}/groma/detections"
            self.create_subscription(Detection2DArray, topic, ends.on_detections, reliable)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        self.lost = 0

    def wait_for_answers(self, check: Callable[[], None]) -> None:
        """Return when both chains answer; `check` raises where one of them can't any more.

        Raises RuntimeError after READY_TIMEOUT_S.
        """
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        frame = frame_of((64, 48))
        waiting = set(KINDS)
        while waiting:
            check()
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"no answer from {', '.join(sorted(waiting))}")
            if "node" in waiting and self._command.get_subscription_count():
                self._command.publish(String(data=PHRASE))
            for kind in tuple(waiting):
                is_there = self._ends[kind].image.get_subscription_count() > 0
                if is_there and self.time_of(kind, frame, FRAME_TIMEOUT_S) is not None:
                    waiting.discard(kind)
            self._executor.spin_once(0.05)

    def measure(self, size_wh: tuple[int, int], frames: int) -> dict[str, list[float]]:
        """Return the milliseconds of each chain for `frames` frames each, in turns.

        Raises RuntimeError where more than MOST_LOST frames found no answer.
        """
        frame, ms = frame_of(size_wh), {kind: [] for kind in KINDS}
        lost = 0
        while len(ms["node"]) < WARM_UP + frames:
            pair = {}
            order = tuple(KINDS) if len(ms["node"]) % 2 else tuple(KINDS)[::-1]
            for kind in order:
                time.sleep(PAUSE_S)
                pair[kind] = self.time_of(kind, frame, FRAME_TIMEOUT_S)
            if None in pair.values():
                lost += 1
                if lost > MOST_LOST:
                    raise RuntimeError(f"{lost} frames of {size_wh[0]}x{size_wh[1]} were lost")
                continue
            for kind, value in pair.items():
                ms[kind].append(value)
        self.lost += lost
        return {kind: values[WARM_UP:] for kind, values in ms.items()}

    def time_of(self, kind: str, frame: Image, timeout_s: float) -> float | None:
        """Publish a frame and return the milliseconds until its answer, None where none came."""
        ends = self._ends[kind]
        frame.header.stamp = self.get_clock().now().to_msg()
        wanted = frame.header.stamp.sec, frame.header.stamp.nanosec
        start_s = time.perf_counter()
        ends.image.publish(frame)
        while ends.last_stamp != wanted:
            left_s = start_s + timeout_s - time.perf_counter()
            if left_s <= 0:
                return None
            self._executor.spin_once(left_s)
        return 1e3 * (ends.arrived_s - start_s)


def namespace(kind: str) -> str:
    """Return the namespace of one of the two chains."""
    return f"/groma_bench/{kind}"


def peer_arguments(kind: str) -> list[str]:
    """Return the ROS arguments of one of the two processes.

    Images are taken reliably: a busy machine loses every large one that is sent by best effort.
    """
    override = f"qos_overrides.{namespace(kind)}/image.subscription.reliability:=reliable"
    return ["-r", f"__ns:={namespace(kind)}", "-p", override]


def frame_of(size_wh: tuple[int, int]) -> Image:
    """Return an rgb8 image of noise."""
    width, height = size_wh
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return messages.image(rgb, Header(frame_id="camera"))


def summary(ms: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return the median and 95th percentile of each chain, in ms, and the node's to the echo's."""
    rows = {
        kind: {"median": float(np.median(values)), "p95": float(np.percentile(values, 95))}
        for kind, values in ms.items()
    }
    rows["ratio"] = {name: rows["node"][name] / rows["echo"][name] for name in ("median", "p95")}
    return {kind: {k: round(v, 3) for k, v in row.items()} for kind, row in rows.items()}


def table(size_wh: tuple[int, int], frames: int, rows: dict[str, dict[str, float]]) -> str:
    """Return the summary of one size as text."""
    title = f"{size_wh[0]}x{size_wh[1]} rgb8, {frames} frames each, in turns"
    lines = [f"  {title:<46}{'median':>9}{'p95':>9}"]
    for kind, label in KINDS.items():
        lines.append(f"  {label:<46}{rows[kind]['median']:>9.2f}{rows[kind]['p95']:>9.2f} ms")
    ratio = rows["ratio"]
    label = f"ratio (goal: at most {GOAL})"
    lines.append(f"  {label:<46}{ratio['median']:>9.2f}{ratio['p95']:>9.2f}")
    return "\n".join(lines)


def run(args: argparse.Namespace) -> int:
    """Measure every size and print a table for each; return 0, or 1 where a chain does not answer.

    args.frames  how many frames of each size are counted for each chain
    args.json    whether the last line is the whole report
    """
    profile = use_profile()
    # Nobody else's robot is to see these frames.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    peers = {
        kind: start("bench_peers", kind, "--ros-args", *peer_arguments(kind)) for kind in KINDS
    }
    rclpy.init()
    meter = Meter()
    print(f"{rclpy.get_rmw_implementation_identifier()}, {profile}", flush=True)
    problems, report = [], {}
    try:
        report = measure_all(meter, peers, args.frames)
    except RuntimeError as error:
        problems.append(str(error))
    finally:
        problems += [stop(name, process) for name, process in peers.items()]
        meter.destroy_node()
        rclpy.try_shutdown()
    problems = list(filter(None, problems))
    for problem in problems:
        print(f"groma bench: {problem}", file=sys.stderr)
    if args.json:
        report = {"frames": args.frames, "lost": meter.lost, "dds": profile, "ms": report}
        print(json.dumps(report))
    return int(bool(problems))


def measure_all(meter: Meter, peers: dict[str, subprocess.Popen], frames: int) -> dict[str, dict]:
    """Return the summary of each size and print it as soon as it is there."""
    report = {}
    meter.wait_for_answers(lambda: check_running(peers))
    for size_wh in SIZES_WH:
        rows = summary(meter.measure(size_wh, frames))
        report["{}x{}".format(*size_wh)] = rows
        print(table(size_wh, frames, rows), flush=True)
    if meter.lost:
        print(f"  {meter.lost} frames got lost and were left out")
    return report


def use_profile() -> str:
    """Give DDS room for whole images, unless the environment says how it is set up; say which.

    Without that the measurement is one of parts of images that got lost and were sent again.
    """
    if PROFILE in os.environ:
        return f"{PROFILE}={os.environ[PROFILE]}"
    path = Path(get_package_share_directory("groma_ros")) / "config" / "fastdds.xml"
    os.environ[PROFILE] = str(path)
    return "config/fastdds.xml"


def check_running(peers: dict[str, subprocess.Popen]) -> None:
    """Raise RuntimeError where one of the processes has ended."""
    for name, process in peers.items():
        if process.poll() is not None:
            raise RuntimeError(f"the {name} ended early with exit status {process.returncode}")
