"""The node `groma`: images and commands in, detections and grounded text out.

The executor's thread owns ROS, a worker thread owns the model. What the worker finds comes back
through a queue and a guard condition and is published from here.
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

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.task import Future
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from groma_ros.ros import messages, parameters
from groma_ros.ros.latest_frame import Mailbox
from groma_ros.ros.model_loading import load_predictor, release_memory
from groma_ros.ros.model_thread import Request, Result, Worker, failure
from groma_ros.ros.process import ros, spin
from groma_ros.ros.publishers import Outputs
from groma_ros.ros.settings import Settings
from groma_ros.ros.subscriptions import THROTTLED, Inputs
from groma_ros.srv import DescribeRegion
from groma_ros.values.answers import Status

MAX_OPEN = 8  # requests that may wait; a longer queue would answer about a picture long gone
LOADING_PERIOD_S = 0.5  # how often loading is looked at, and how often it is told
PROGRESS_PERIOD_S = 5.0
GOODBYE_S = 3.0  # ros2 launch loses patience after 5 s
WATCH_PERIOD_S = 1.0


class GromaNode(LifecycleNode):
    """Answer commands about what a camera sees, as a managed node.

    unconfigured  no model; parameters may change
    inactive      the model is loaded, nothing is subscribed
    active        images are received and commands answered
    """

    def __init__(
        self,
        load: Callable[[Settings], object] = load_predictor,
        stopping: threading.Event | None = None,
        **kwargs,
    ):
        """Declare parameters and what is published; raise ValueError for a refused parameter.

        `load` makes the predictor, in the worker's thread; `stopping` ends the wait for it. `kwargs`
        go to rclpy's Node.
        """
        super().__init__("groma", **kwargs)
        self.settings = parameters.declare(self)
        parameters.keep(self, lambda: self.settings, lambda: self._worker is not None, self._apply)
        self._load = load
        self._stopping = stopping or threading.Event()
        self._worker: Worker | None = None  # from configure to cleanup
        self._inputs: Inputs | None = None  # while active
        self._pace = None  # timer, while active in continuous mode
        self._due = False  # continuous mode owes an answer
        self._standing: tuple[str, int] | None = None  # the last command and its number
        self._commands = 0
        self._open: dict[Request, Future | None] = {}  # asked and not answered; futures: services
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._state, self._trouble = "unconfigured", ""
        self._answer = {"answers": 0, "last_status": "", "last_latency_ms": ""}

        # An awaiting callback holds a mutually exclusive group, and the guard has to get through.
        group = ReentrantCallbackGroup()
        self._results_ready = self.create_guard_condition(self._take_results, group)
        self._outputs = Outputs(self)
        self.create_service(
            DescribeRegion, "~/describe_region", self.on_describe_region, callback_group=group
        )
        self.create_service(Trigger, "~/reset_dialogue", self.on_reset_dialogue)
        self._service_change_state.callback = self._refusing(self._service_change_state.callback)
        self.create_timer(
            WATCH_PERIOD_S, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._publish_status()

    # Inputs

    def on_command(self, message: String) -> None:
        """Answer a command on the newest image; in continuous mode it is the one to go on with."""
        self._commands += 1
        self._standing = message.data, self._commands
        self._ask(*self._standing)
        self._set_pace()

    def on_image(self, message: Image | CompressedImage) -> None:
        """Keep the image as the newest one, unless it is malformed."""
        self._inputs.receive(message)
        self._go_on()

    async def on_describe_region(self, request, response):
        """Answer a question about a region of the newest image."""
        try:
            if self._inputs is None:
                raise ValueError(f"the node is {self._state}, not active")
            region_xyxy = messages.box_xyxy(request.bbox)
        except ValueError as error:
            response.message = str(error)
            return response
        answer = Future()
        self._ask(request.question, 0, region_xyxy, answer)
        result = await answer
        response.success = result.grounding.status in (Status.GROUNDED, Status.AMBIGUOUS)
        response.message = result.grounding.reason
        response.answer = messages.grounded_text(result)
        return response

    def on_reset_dialogue(self, request, response):
        """Forget the last command; what is open is answered with CANCELLED."""
        self._withdraw("the dialogue was reset")
        response.success = True
        return response

    # From request to answer

    def _ask(self, text, command_id, region_xyxy=None, answer: Future | None = None) -> None:
        request = Request(
            text=text,
            command_id=command_id,
            frames=self._inputs.frames,
            deadline_s=time.monotonic() + self.settings.command_timeout_s,
            max_new_tokens=self.settings.max_new_tokens,
            region_xyxy=region_xyxy,
        )
        self._open[request] = answer
        if len(self._open) > MAX_OPEN:
            reason = f"{MAX_OPEN} requests are waiting already"
            self._finish(Result(request, failure(Status.ERROR, reason)))
        else:
            self._worker.submit(request)

    def _go_on(self) -> None:
        """In continuous mode: ask again, once it is time, the model is free and an image is new."""
        if self._due and self._standing and not self._open and self._inputs.frames.unseen:
            self._due = False
            self._ask(*self._standing)

    def _emit(self, result: Result) -> None:
        """Hand a result over to the executor; runs in the worker's thread."""
        self._results.put(result)
        self._results_ready.trigger()

    def _take_results(self) -> None:
        while not self._results.empty():
            self._finish(self._results.get())
        self._go_on()

    def _finish(self, result: Result) -> None:
        """Answer a request, unless it was withdrawn meanwhile."""
        if result.request not in self._open:
            return
        waiting = self._open.pop(result.request)
        if result.grounding.status in (Status.NO_IMAGE, Status.ERROR):
            why = result.fault or result.grounding.reason
            self.get_logger().error(f"no answer to {result.request.text!r}: {why}", **THROTTLED)
        if waiting is not None:
            waiting.set_result(result)
            return
        self._outputs.publish_answer(result, self._inputs and self._inputs.camera)
        self._answer = {
            "answers": self._answer["answers"] + 1,
            "last_status": result.grounding.status.value,
            "last_latency_ms": round(result.latency_ms, 1),
        }
        self._publish_status()

    def _withdraw(self, why: str) -> None:
        self._standing = None
        for request in list(self._open):
            request.cancel.set()
            self._finish(Result(request, failure(Status.CANCELLED, why)))

    # Transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model."""
        return self._transition("configure", self._configure, "inactive")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and serve."""
        return self._transition("activate", self._serve, "active")

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop serving; the model stays in memory."""
        return self._transition("deactivate", self._stop_serving, "inactive")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the model go."""
        return self._transition("cleanup", self.close, "unconfigured")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop serving and let the model go."""
        return self._transition("shutdown", self.close, "finalized")

    def autostart(self) -> None:
        """Configure and activate; what fails is logged and leaves the node as it was."""
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def close(self, timeout_s: float | None = None) -> bool:
        """Stop serving, end the worker and free the model; return whether it ended in time."""
        self._stop_serving()
        worker, self._worker = self._worker, None
        ended = worker is None or worker.stop(timeout_s)
        release_memory()
        return ended

    def _refusing(self, change_state):
        """Wrap rclpy's service: on Jazzy a transition that does not exist would end the process."""

        def change_or_refuse(request, response):
            try:
                return change_state(request, response)
            except RuntimeError as error:
                self.get_logger().error(f"transition refused in state {self._state}: {error}")
                response.success = False
                return response

        return change_or_refuse

    def _transition(self, name: str, body: Callable[[], None], then: str):
        """Run a transition; rclpy swallows exceptions, so the reason of a failure is logged here."""
        try:
            body()
        except Exception as error:  # noqa: BLE001 - whatever it is, the transition fails and says why
            self._trouble = f"{name} failed: {error}"
            self.get_logger().error(self._trouble)
            self.get_logger().debug(traceback.format_exc())
            self._publish_status()
            return TransitionCallbackReturn.FAILURE
        self._state, self._trouble = then, ""
        self.get_logger().info(then)
        self._publish_status()
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        settings = self.settings
        loading = f"loading {settings.model} ({settings.device}, {settings.dtype})"
        self.get_logger().info(loading)
        self._publish_status(loading)
        started_s = told_s = time.monotonic()
        self._worker = Worker(lambda: self._load(settings), self._emit)
        while not concurrent.futures.wait([self._worker.loaded], LOADING_PERIOD_S).done:
            if self._stopping.is_set():
                raise InterruptedError("interrupted while the model was loading")
            if time.monotonic() - told_s > PROGRESS_PERIOD_S:
                told_s = time.monotonic()
                self.get_logger().info(f"still loading, {told_s - started_s:.0f} s")
        try:
            self._worker.loaded.result()
        except Exception:
            self._worker = None
            raise
        self.get_logger().info(f"loaded in {time.monotonic() - started_s:.1f} s")

    def _serve(self) -> None:
        transport = self.settings.image_transport
        self._inputs = Inputs(self, transport, self.on_image, self.on_command)
        self._set_pace()

    def _stop_serving(self) -> None:
        if self._inputs is not None:
            self._withdraw("the node was deactivated")
            self._inputs.close()
            self._inputs = None
            self._set_pace()

    # Parameters, pace and health

    def _apply(self, settings: Settings) -> None:
        before, self.settings = self.settings, settings
        if (before.mode, before.rate_hz) != (settings.mode, settings.rate_hz):
            self._set_pace()

    def _set_pace(self) -> None:
        """Begin a period of continuous mode; it is of ROS time, which may be simulated."""
        if self._pace is not None:
            self.destroy_timer(self._pace)
        self._pace, self._due = None, False
        if self.settings.mode == "continuous" and self._inputs is not None:
            self._pace = self.create_timer(1.0 / self.settings.rate_hz, self._on_pace)

    def _on_pace(self) -> None:
        self._due = True
        self._go_on()

    def _watch(self) -> None:
        """Look once a second whether images come, and say what is wrong where they don't."""
        if self._inputs is not None:
            self._trouble = self._inputs.trouble(self.settings.image_timeout_s)
            if self._trouble:
                self.get_logger().warning(self._trouble, **THROTTLED)
        self._publish_status()

    def _publish_status(self, message: str = "") -> None:
        level = DiagnosticStatus.OK
        if self._trouble:
            level = DiagnosticStatus.WARN if self._inputs else DiagnosticStatus.ERROR
        frames = self._inputs.frames if self._inputs else Mailbox()
        values = {
            "state": self._state,
            "mode": self.settings.mode,
            "frames_received": frames.received,
            "frames_dropped": frames.dropped,
            "images_refused": self._inputs.refused if self._inputs else 0,
            "commands": self._commands,
            **self._answer,
        }
        self._outputs.publish_status(
            messages.status(
                level, message or self._trouble or self._state, self.settings.model, values
            )
        )


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; return the exit status."""
    with ros(args) as stopping:
        try:
            node = GromaNode(stopping=stopping)
        except ValueError as error:
            print(f"groma_node: {error}", file=sys.stderr)
            return 2
        try:
            if node.settings.autostart:
                node.autostart()
            spin(node, stopping)
        finally:
            ended = node.close(GOODBYE_S)
            node.destroy_node()
    if not ended:
        os._exit(0)  # the model is at something long that can't be interrupted, such as loading
    return 0


if __name__ == "__main__":
    sys.exit(main())
