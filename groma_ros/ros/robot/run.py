"""`make sim` and `make sim-table`: the simulator, the node and a planner, three processes over DDS.

COMMAND in the environment says what the robot is told. What is right is judged by the simulator's
physics, never by the node's or the planner's word.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from PIL import Image as Picture
from PIL import ImageDraw
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from groma_ros.action import Ground
from groma_ros.ros import image_codec, messages
from groma_ros.ros.bench import use_profile
from groma_ros.ros.demo import RELIABLE, start, stop
from groma_ros.ros.robot.planner import Outcome, Planner
from groma_ros.sim.robot.cases import ASK, CASES, HOLD, PUT, Case, case_for
from groma_ros.values.id_colours import id_rgb

HELD_ABOVE_M = 0.1
MOVED_M = 0.03
CAPTIONS = ("seen", "chosen", "grasped", "lifted")
SETTLED_PICTURES = 4
READY_TIMEOUT_S, STEP_TIMEOUT_S = 120.0, 120.0


class Runner:
    """Run commands, and judge them."""

    def __init__(self, processes: dict[str, subprocess.Popen]) -> None:
        """Connect; the simulator and the node may still be starting."""
        self._processes = processes
        self.pictures: dict[str, np.ndarray] = {}
        self._newest: np.ndarray | None = None
        self.planner = planner = Planner(self._on_stage)
        self._truth = planner.create_client(Trigger, "truth")
        self._lay = planner.create_client(Trigger, "lay_table")
        self._set = planner.create_client(SetParameters, "simulator/set_parameters")
        planner.create_subscription(Image, "image", self._keep, 1)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(planner)

    def _keep(self, message: Image) -> None:
        self._newest = image_codec.to_rgb(message)

    def _on_stage(self, stage: str) -> None:
        if stage == "chosen":
            self.pictures[stage] = with_boxes(self.pictures["seen"], self.planner.answer)
            return
        self.wait_for(lambda: self._newest is not None, f"a picture of what is {stage}")
        self.pictures[stage] = self._newest

    def wait_for(self, condition: Any, what: str, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Serve the planner until a condition holds; raise RuntimeError where it never does."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            ended = [n for n, p in self._processes.items() if p.poll() is not None]
            if ended:
                raise RuntimeError(f"the {ended[0]} ended early")
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{what} did not come in {timeout_s:.0f} s")
            self._executor.spin_once(0.05)

    def result_of(self, future: Future) -> Any:
        """Serve the planner until a future is done; return its result."""
        self.wait_for(future.done, "an answer", STEP_TIMEOUT_S)
        return future.result()

    def drive(self, steps: Generator[Any, Any, Any]) -> Any:
        """Run a generator that yields futures to its end; return what it returns."""
        result = None
        while True:
            try:
                future = steps.send(result)
            except StopIteration as end:
                return end.value
            result = self.result_of(future)

    def ready(self) -> None:
        """Return when the node answers and the simulator sends pictures."""
        self.wait_for(lambda: self.planner.is_connected and self._newest is not None, "the robot")

    def lay_table(self, number: int) -> None:
        """Have the simulator lay the table of a case."""
        value = rclpy.Parameter("case", value=number).to_parameter_msg()
        self.result_of(self._set.call_async(SetParameters.Request(parameters=[value])))
        laid = self.result_of(self._lay.call_async(Trigger.Request()))
        if not laid.success:
            raise RuntimeError(laid.message)
        for _ in range(SETTLED_PICTURES):  # the node has its depth too by then
            self._newest = None
            self.wait_for(lambda: self._newest is not None, "a picture of the table")

    def carry_out(self, case: Case) -> tuple[Outcome, str]:
        """Carry out a case; return the planner's outcome and what was wrong, empty for nothing."""
        self.pictures.clear()
        self._on_stage("seen")
        outcome = self.drive(self.planner.carry_out(case.command))
        truth = json.loads(self.result_of(self._truth.call_async(Trigger.Request())).message)
        return outcome, judge(case, outcome, truth)


def judge(case: Case, outcome: Outcome, truth: list[dict]) -> str:
    """Say what is wrong with how a case ended, by the truth of physics; empty where it is right."""
    start_m = np.array([thing["start_m"] for thing in truth])
    now_m = np.array([thing["position_m"] for thing in truth])
    lifted = [
        n for n, t in enumerate(truth) if t["held"] and (now_m - start_m)[n, 2] > HELD_ABOVE_M
    ]
    target = target_of(case, start_m, truth)
    others = [n for n in range(len(truth)) if n != target]
    moved = [truth[n]["name"] for n in others if np.linalg.norm((now_m - start_m)[n]) > MOVED_M]
    if target >= 0 and case.right == PUT and case.destination in others:
        at = case.destination
        away = np.linalg.norm((now_m[target] - now_m[at])[:2])
        if (
            truth[target]["held"]
            or away > truth[at]["radius_m"]
            or now_m[target, 2] < start_m[at, 2]
        ):
            return f"{truth[target]['name']} is not at {truth[at]['name']}: {outcome.text}"
        moved = [name for name in moved if name != truth[at]["name"]]
    elif target >= 0 and case.right == HOLD and lifted != [target]:
        held = ", ".join(truth[n]["name"] for n in lifted) or "nothing"
        return f"{held} is held: {outcome.text}"
    if target < 0 and (lifted or outcome.done):
        return f"{', '.join(truth[n]['name'] for n in lifted) or 'something'} was taken"
    if case.right == ASK and not outcome.asked:
        return f"it did not ask: {outcome.text}"
    return f"moved: {', '.join(moved)}" if moved else ""


def target_of(case: Case, start_m: np.ndarray, truth: list[dict]) -> int:
    """Return the number of the right thing, -1 where there is none."""
    if not case.side:
        return case.target
    kind = case.wanted[case.target][1]
    same = [n for n, thing in enumerate(truth) if thing["name"].endswith(f" {kind}")]
    # The camera looks along -y of the world: its left is +x.
    return (max if case.side == "left" else min)(same, key=lambda n: start_m[n, 0])


def with_boxes(rgb: np.ndarray, result: Ground.Result) -> np.ndarray:
    """Return a picture with the detections of an answer drawn in."""
    picture = Picture.fromarray(rgb)
    canvas = ImageDraw.Draw(picture)
    for detection in result.detections.detections:
        box, colour = messages.box_xyxy(detection.bbox), id_rgb(detection.id)
        best = detection.results[0].hypothesis
        canvas.rectangle(box, outline=colour, width=3)
        canvas.text((box[0], max(box[1] - 22, 0)), best.class_id, colour, font_size=18)
    return np.asarray(picture)


def strip(pictures: dict[str, np.ndarray]) -> Picture.Image:
    """Return the pictures of the stages side by side, each with its name."""
    shown = [(name, pictures[name]) for name in CAPTIONS if name in pictures]
    width, height = 480, 360
    whole = Picture.new("RGB", (width * len(shown), height))
    for number, (name, rgb) in enumerate(shown):
        whole.paste(Picture.fromarray(rgb).resize((width, height)), (number * width, 0))
        ImageDraw.Draw(whole).text((number * width + 8, 6), name, (0, 0, 0), font_size=22)
    return whole


def one(runner: Runner, command: str, seed: int, out: Path) -> int:
    """Carry out one command; write the strip, print what happened; return the exit status."""
    outcome, wrong = runner.carry_out(case_for(command, seed))
    for line in outcome.story:
        print(f"  {line}")
    print(f"robot: {outcome.text}")
    out.mkdir(parents=True, exist_ok=True)
    strip(runner.pictures).save(out / "sim.png")
    print(f"physics: {wrong or 'right'}; pictures in {out / 'sim.png'}, film in {out / 'sim.mp4'}")
    return int(bool(wrong))


def table(runner: Runner, numbers: list[int], out: Path) -> int:
    """Carry out the cases; write a table; return 0 where at least four in five are right."""
    rows, causes = [], Counter()
    for number in numbers:
        case = CASES[number]
        runner.lay_table(number)
        _, wrong = runner.carry_out(case)
        causes[case.right, not wrong] += 1
        rows.append(f"| {number} | {case.command} | {case.right} | {wrong or 'right'} |")
        print(f"{number:>2} {case.command:<36} {wrong or 'right'}", flush=True)
        runner.drive(runner.planner.go_home())
    right = sum(count for (_, is_right), count in causes.items() if is_right)
    kinds = sorted({kind for kind, _ in causes})
    per_kind = ", ".join(
        f"{kind} {causes[kind, True]}/{causes[kind, True] + causes[kind, False]}" for kind in kinds
    )
    head = f"{right} of {len(numbers)} right ({per_kind})"
    out.mkdir(parents=True, exist_ok=True)
    lines = [head, "", "| case | command | right is | outcome |", "|---|---|---|---|", *rows]
    (out / "sim-table.md").write_text("\n".join(lines) + "\n")
    print(f"{head}; table in {out / 'sim-table.md'}")
    return int(right < 0.8 * len(numbers))


def main() -> int:
    """Run one command or the table; return 0 where physics finds it right."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--command", default=os.environ.get("COMMAND") or "pick up the red cup")
    parser.add_argument("--seed", type=int, default=0, help="which random table (0)")
    parser.add_argument("--table", action="store_true", help="the forty cases")
    parser.add_argument("--cases", type=int, nargs="*", help="with --table: these alone")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path, default=Path("out"))
    args = parser.parse_args()
    try:
        case_for(args.command, args.seed)
    except ValueError as error:
        parser.error(str(error))
    use_profile()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    told = [] if args.table else ["--command", args.command, "--seed", str(args.seed)]
    told += [] if args.table else ["--film", str(args.out / "sim.mp4")]
    settings = [f"model:={args.model}", "use_sim_time:=true", "command_timeout_s:=30.0", *RELIABLE]
    processes: dict[str, subprocess.Popen] = {
        "simulator": start("robot.simulator", *told),
        "node": start("node", "--ros-args", *(w for one in settings for w in ("-p", one))),
    }
    rclpy.init()
    try:
        runner = Runner(processes)
        runner.ready()
        if args.table:
            return table(runner, args.cases or list(range(len(CASES))), args.out)
        return one(runner, args.command, args.seed, args.out)
    except RuntimeError as error:
        print(f"the simulation stopped: {error}", file=sys.stderr)
        return 2
    finally:
        for name, process in processes.items():
            problem = stop(name, process)
            if problem:
                print(problem, file=sys.stderr)
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
