"""The node `groma`: images and commands in, detections and grounded text out.

The executor's thread owns ROS, a second thread owns the model. What that one answers comes back
through a queue and a guard condition and is published from here. Where the executor has several
threads, the node's callbacks still run one at a time.
"""

from __future__ import annotations

import concurrent.futures
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from vision_msgs.msg import BoundingBox2D

from groma_ros.action import Ground
from groma_ros.ros import messages, parameters
from groma_ros.ros.arguments import node_parser
from groma_ros.ros.asking import command_requests, goal_requests, region_request
from groma_ros.ros.cameras import ONLY, Gathering, camera_names
from groma_ros.ros.continuous_mode import Command, ContinuousMode
from groma_ros.ros.ground_action import GroundAction
from groma_ros.ros.latencies import AnswerRate, Latencies
from groma_ros.ros.lifecycle_guard import guard_unknown_transitions
from groma_ros.ros.log import THROTTLED, quoted
from groma_ros.ros.model_loading import load_predictor, release_memory
from groma_ros.ros.model_thread import ModelThread
from groma_ros.ros.node_status import (
    available_memory_share,
    camera_statuses,
    camera_values,
    image_age_text,
    image_problems,
    memory_problem,
    rate_problem,
)
from groma_ros.ros.one_at_a_time import OneAtATime
from groma_ros.ros.pending_requests import PendingRequests, too_long
from groma_ros.ros.places import Places, places_of
from groma_ros.ros.process import ros_context, spin
from groma_ros.ros.proposals import Proposals
from groma_ros.ros.publishers import Publishers
from groma_ros.ros.requests import Event, Request, Result
from groma_ros.ros.services import Services
from groma_ros.ros.settings import Settings
from groma_ros.ros.startup_checks import check_startup
from groma_ros.ros.subscriptions import Subscriptions, subscribe_to_commands
from groma_ros.ros.transforms import Transforms
from groma_ros.values.answers import Status

if TYPE_CHECKING:
    from groma_ros.predictor import Predictor

LOADING_PERIOD_S = 0.5  # how often loading is looked at
PROGRESS_PERIOD_S = 5.0  # how often it is logged that loading goes on
SHUTDOWN_TIMEOUT_S = 3.0  # `ros2 launch` sends SIGTERM 5 s after SIGINT
HEALTH_PERIOD_S = 1.0


class GromaNode(LifecycleNode):
    """Answer commands about what a camera sees, as a managed node.

    unconfigured  no model; parameters may change
    inactive      the model is loaded, nothing is subscribed
    active        images are received and commands answered
    """

    def __init__(
        self,
        load: Callable[[Settings], Predictor] = load_predictor,
        stopping: threading.Event | None = None,
        **kwargs: Any,
    ) -> None:
        """Declare parameters and publishers; raise ValueError for a refused parameter.

        load      makes the predictor; called in the model's thread
        stopping  ends the wait for the predictor when it is set
        kwargs    go to rclpy's Node
        """
        super().__init__("groma", automatically_declare_parameters_from_overrides=True, **kwargs)
        self._action: GroundAction | None = None
        self._alone = alone = OneAtATime()
        self.settings = parameters.declare(self)
        parameters.validate_changes(
            self, lambda: self.settings, lambda: self._model is not None, alone(self._apply)
        )
        self._load = load
        self._stopping = stopping or threading.Event()
        self._model: ModelThread | None = None  # from configure to cleanup
        self._cameras = camera_names(self.settings.cameras)
        self._inputs: dict[str, Subscriptions] = {}  # of each camera, while active
        self._to_all: Subscription | None = None  # commands to all of several cameras
        self._transforms: Transforms | None = None  # from the first activation with a target frame
        self._pending = PendingRequests()
        self._from_model: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._continuous = ContinuousMode(
            self, self._is_ready, self._ask_command, self._follow, alone
        )
        self._command_count = self._dialogue_id = 0
        self._state, self._health_problem = "unconfigured", ""
        self._image_problems: dict[str, str] = {}
        self._latencies = Latencies()
        self._answer_rate = AnswerRate()  # of continuous mode
        self._last_answer = {"answers": 0, "last_status": "", "last_latency_ms": ""}
        self._last_error = ""

        # An awaiting callback holds a mutually exclusive group, and the guard has to get through.
        group = ReentrantCallbackGroup()
        self._news_from_model = self.create_guard_condition(alone(self._process_news), group)
        self._outputs = Publishers(self)
        self._camera_outputs = {name: Publishers(self, name) for name in self._cameras if name}
        self._proposals = {
            name: Proposals(
                self,
                self._camera_outputs.get(name, self._outputs).proposals,
                lambda look: self._model.submit(look),
                self._hand_over,
            )
            for name in self._cameras
        }
        Services(self, group, alone(self._ask_about_region), alone(self._reset_dialogue))
        self._action = GroundAction(
            self,
            group,
            alone(self._ask_goal),
            alone(lambda request, reason: self._pending.withdraw(request, reason)),
            alone(self._action_result),
            lambda: self.settings.goal_policy,
        )
        guard_unknown_transitions(self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(HEALTH_PERIOD_S, alone(self._check_health), clock=steady)
        self._publish_status()

    # Callbacks

    def on_command(self, message: String, camera: str = "") -> None:
        """Answer a command on the newest images, of one camera or of all; continuous mode goes on.

        `camera` is the one on whose own topic the command came.
        """
        self._command_count += 1
        command = Command(message.data, self._command_count, camera)
        if not too_long(command.text, self.settings):
            self._continuous.last_command = command
        self._ask_command(command)
        self._restart_continuous_mode()

    def on_image(self, message: Image | CompressedImage, camera: str = "") -> None:
        """Keep the image as the newest one of its camera, unless it is malformed."""
        self._inputs[camera].receive(message)
        self._continuous.repeat_if_due()
        self._look_if_due()

    def _ask_command(self, command: Command) -> None:
        """Ask the model; in command mode the command may point back to the ones before it."""
        self._ask_cameras(command, dialogue_id=self._open_dialogue)

    def _follow(self, command: Command) -> None:
        """Find the things of a command's last answer again; where one is lost, ask the model."""
        self._ask_cameras(command, follows=True)

    def _ask_cameras(self, command: Command, **more: Any) -> None:
        """Ask for a command on each camera that it goes to, and publish the answers."""
        requests = command_requests(self._inputs, self.settings, command, **more)
        gathering = Gathering(len(requests), self._publish_answer)
        for camera, request in requests.items():
            self._submit(request, partial(self._publish_camera_answer, camera, gathering))

    @property
    def _open_dialogue(self) -> int | None:
        """Return the number of the dialogue that a command belongs to; none in continuous mode."""
        return None if self._continuous.is_running else self._dialogue_id

    def _ask_about_region(
        self, question: str, camera: str, bbox: BoundingBox2D, on_result: Callable[[Result], None]
    ) -> None:
        request = region_request(self._active_inputs(), self.settings, question, camera, bbox)
        self._submit(request, on_result)

    def _ask_goal(
        self,
        goal: Ground.Goal,
        on_event: Callable[[Event], None],
        on_result: Callable[[Result], None],
    ) -> list[Request]:
        requests = goal_requests(
            self._active_inputs(),
            self.settings,
            goal,
            self._command_count + 1,
            self._open_dialogue,
            lambda event: self._hand_over(partial(on_event, event)),
        )
        self._command_count += 1
        gathering = Gathering(len(requests), on_result)
        for request in requests:
            self._submit(request, gathering.add)
        return requests

    def _active_inputs(self) -> dict[str, Subscriptions]:
        if not self._inputs:
            raise ValueError(f"the node is {self._state}, not active")
        return self._inputs

    def _submit(self, request: Request, on_result: Callable[[Result], None]) -> None:
        def log_and_pass_on(result: Result) -> None:
            if result.grounding.status in (Status.NO_IMAGE, Status.ERROR):
                reason = result.fault or result.grounding.reason
                self._last_error = result.grounding.reason
                unanswered = f"no answer to {quoted(request.text)}: {reason}"
                self.get_logger().error(unanswered, **THROTTLED)
            on_result(result)

        self._pending.submit(request, self._model.submit, log_and_pass_on)

    def _is_ready(self) -> bool:
        """Say whether the model is free and there is an image that was not looked at."""
        return not self._pending and any(i.frames.unseen for i in self._inputs.values())

    def _hand_over(self, news: Callable[[], None]) -> None:
        """Have the executor call a function; runs in the model's thread."""
        self._from_model.put(news)
        self._news_from_model.trigger()

    def _process_news(self) -> None:
        while not self._from_model.empty():
            self._from_model.get()()
        self._continuous.repeat_if_due()
        self._look_if_due()

    def _look_if_due(self) -> None:
        for name, inputs in self._inputs.items():
            self._proposals[name].look_if_due(inputs.frames, self.settings)

    def _publish_camera_answer(self, camera: str, gathering: Gathering, result: Result) -> None:
        """Publish an answer on the topics of its camera; the best one is published by the node."""
        self._latencies.add(result)
        if camera:
            self._publish_on(self._camera_outputs[camera], result)
        gathering.add(result)

    def _publish_answer(self, result: Result) -> None:
        self._publish_on(self._outputs, result)
        self._answer_rate.add(self._now_s())
        self._last_answer = {
            "answers": self._last_answer["answers"] + 1,
            "last_status": result.grounding.status.value,
            "last_latency_ms": round(result.latency_ms, 1),
        }
        self._publish_status()

    def _publish_on(self, outputs: Publishers, result: Result) -> None:
        inputs = self._inputs_of(result)
        has_depth = inputs is not None and inputs.depth.received > 0
        places = self._places_of(result) if outputs.want_places(has_depth) else None
        outputs.publish_answer(result, places)

    def _inputs_of(self, result: Result) -> Subscriptions | None:
        """Return the inputs of the camera that an answer is about; of the first for a goal's image.

        There are none where the node is not active any more.
        """
        each = list(self._inputs.values())
        mine = (inputs for inputs in each if inputs.frames is result.request.frames)
        return next(mine, each[0] if each else None)

    def _action_result(self, result: Result) -> Ground.Result:
        return self._outputs.action_result(result, self._places_of(result))

    def _places_of(self, result: Result) -> Places:
        """Return where the boxes of an answer are; why they are nowhere is logged."""
        inputs, settings = self._inputs_of(result), self.settings
        if inputs is None:
            return Places()
        places = places_of(
            result,
            lambda header: inputs.depth.match(header, settings.depth_slop_s),
            inputs.image_is_rectified,
            settings.target_frame,
            self._transforms and self._transforms.lookup,
        )
        if places.problem:
            self.get_logger().warning(f"no place: {places.problem}", **THROTTLED)
        return places

    def _reset_dialogue(self, reason: str = "the dialogue was reset") -> None:
        """Forget the last command and what was spoken of; cancel what is pending."""
        self._continuous.last_command = None
        self._dialogue_id += 1
        self._pending.withdraw_all(reason)

    # Transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model."""
        return self._transition("configure", self._configure, "inactive")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and serve."""
        return self._transition("activate", self._alone(self._serve), "active")

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop serving; the model stays in memory."""
        return self._transition("deactivate", self._alone(self._stop_serving), "inactive")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model."""
        return self._transition("cleanup", self.close, "unconfigured")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop serving and free the model."""
        return self._transition("shutdown", self.close, "finalized")

    def autostart(self) -> None:
        """Configure and activate; what fails is logged and leaves the node as it was."""
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def destroy_node(self) -> None:
        """Take down the action server too, which rclpy leaves."""
        if self._action is not None:
            self._action.destroy()
        super().destroy_node()

    def close(self, timeout_s: float | None = None) -> bool:
        """Stop serving, end the model's thread and free the model; return whether it ended in time.

        `timeout_s` None waits as long as it takes.
        """
        self._alone(self._stop_serving)()
        model, self._model = self._model, None
        ended = model is None or model.stop(timeout_s)
        release_memory()
        return ended

    def _transition(
        self, name: str, body: Callable[[], None], state: str
    ) -> TransitionCallbackReturn:
        """Run a transition into `state`; log why it failed, as rclpy swallows exceptions."""
        try:
            body()
        except Exception as error:  # noqa: BLE001 - whatever it is, the transition fails and says why
            self._health_problem = f"{name} failed: {error}"
            self.get_logger().error(self._health_problem)
            self.get_logger().debug(traceback.format_exc())
            self._publish_status()
            return TransitionCallbackReturn.FAILURE
        self._state, self._health_problem = state, ""
        self.get_logger().info(state)
        self._publish_status()
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        settings = self.settings
        check_startup(settings)
        loading = f"loading {settings.model} ({settings.device}, {settings.dtype})"
        self.get_logger().info(loading)
        self._publish_status(loading)
        started_s = logged_s = time.monotonic()
        self._model = ModelThread(
            lambda: self._load(settings),
            lambda result: self._hand_over(lambda: self._pending.answer(result)),
        )
        while not concurrent.futures.wait([self._model.loaded], LOADING_PERIOD_S).done:
            if self._stopping.is_set():
                raise InterruptedError("interrupted while the model was loading")
            self._publish_status(loading, is_heartbeat=True)
            if time.monotonic() - logged_s > PROGRESS_PERIOD_S:
                logged_s = time.monotonic()
                self.get_logger().info(f"still loading, {logged_s - started_s:.0f} s")
        try:
            self._model.loaded.result()
        except Exception:
            self._model = None
            raise
        self.get_logger().info(f"loaded in {time.monotonic() - started_s:.1f} s")

    def _serve(self) -> None:
        if self.settings.target_frame and self._transforms is None:
            self._transforms = Transforms(self)
        alone = self._alone
        for name in self._cameras:
            on_image = alone(partial(self.on_image, camera=name))
            on_command = alone(partial(self.on_command, camera=name))
            self._inputs[name] = Subscriptions(self, self.settings, on_image, on_command, name)
        if ONLY not in self._cameras:
            self._to_all = subscribe_to_commands(self, alone(self.on_command))
        self._restart_continuous_mode()

    def _stop_serving(self) -> None:
        if self._inputs:
            self._reset_dialogue("the node was deactivated")
            for name, inputs in self._inputs.items():
                self._proposals[name].stop()
                inputs.close()
            self._inputs = {}
            if self._to_all is not None:
                self.destroy_subscription(self._to_all)
            self._restart_continuous_mode()

    # Parameters and health

    def _apply(self, settings: Settings) -> None:
        before, self.settings = self.settings, settings
        if before.mode != settings.mode:
            self._dialogue_id += 1
        period = (settings.mode, settings.rate_hz, settings.track_hz)
        if (before.mode, before.rate_hz, before.track_hz) != period:
            self._restart_continuous_mode()

    def _restart_continuous_mode(self) -> None:
        """Begin a period of continuous mode where the node is active and in that mode."""
        self._continuous.stop()
        self._answer_rate.restart(None)
        if self.settings.mode == "continuous" and self._inputs:
            self._continuous.start(self.settings.rate_hz, self.settings.track_hz)
            self._answer_rate.restart(self._now_s())

    def _check_health(self) -> None:
        """Look whether images come, answers keep up and memory is left; say what is wrong."""
        if self._inputs:
            self._image_problems = image_problems(self._inputs, self.settings.image_timeout_s)
            slow = rate_problem(self._answer_rate.per_second(self._now_s()), self.settings.rate_hz)
            full = memory_problem(available_memory_share())
            problems = [*self._image_problems.values(), slow, full]
            self._health_problem = "; ".join(filter(None, problems))
            if self._health_problem:
                self.get_logger().warning(self._health_problem, **THROTTLED)
            self._look_if_due()
        self._publish_status(is_heartbeat=True)
        self._publish_diagnostics()

    def _now_s(self) -> float:
        return self.get_clock().now().nanoseconds / 1e9

    def _publish_status(self, message: str = "", is_heartbeat: bool = False) -> None:
        self._outputs.publish_status(self._status(message), is_heartbeat)

    def _status(self, message: str = "") -> DiagnosticStatus:
        level = DiagnosticStatus.OK
        if self._health_problem:
            level = DiagnosticStatus.WARN if self._inputs else DiagnosticStatus.ERROR
        values: dict[str, Any] = {"state": self._state, "mode": self.settings.mode}
        values |= {"device": self.settings.device, "dtype": self.settings.dtype}
        for name in self._cameras:
            values |= camera_values(name, self._inputs.get(name))
        values |= {"commands": self._command_count, **self._last_answer}
        values["last_error"] = self._last_error
        text = message or self._health_problem or self._state
        return messages.status(level, text, self.settings.model, values)

    def _publish_diagnostics(self) -> None:
        """Publish the state with what changes all the time, which `~/status` leaves out."""
        status = self._status()
        rate, memory = self._answer_rate.per_second(self._now_s()), available_memory_share()
        values: dict[str, Any] = {"pending_requests": len(self._pending)}
        values["answers_per_s"] = "" if rate is None else f"{rate:.1f}"
        values["memory_available"] = "" if memory is None else f"{memory:.2f}"
        values["image_age_s"] = image_age_text(self._inputs.get(self._cameras[0]))
        last = self._continuous.last_command
        values["last_command"] = last.text if last else ""
        status.values += messages.key_values(values | self._latencies.values())
        cameras = camera_statuses(self._cameras, self._inputs, self._image_problems)
        self._outputs.publish_diagnostics([status, *cameras], self.get_clock().now().to_msg())


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; return the exit status."""
    parser = node_parser()
    parser.parse(args)
    with ros_context(args, parser) as stopping:
        try:
            node = GromaNode(stopping=stopping)
        except ValueError as error:
            parser.error(str(error))
        try:
            if node.settings.autostart:
                node.autostart()
            spin(node, stopping)
        finally:
            ended = node.close(SHUTDOWN_TIMEOUT_S)
            node.destroy_node()
    if not ended:
        os._exit(0)  # the model is at something long that can't be interrupted, such as loading
    return 0


if __name__ == "__main__":
    sys.exit(main())
