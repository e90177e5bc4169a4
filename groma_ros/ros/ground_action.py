"""The action `~/ground`: one command, feedback while it is answered, one result."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import Header

from groma_ros.action import Ground
from groma_ros.ros import messages
from groma_ros.ros.latest_frame import Frame
from groma_ros.ros.log import quoted
from groma_ros.ros.requests import Event, Request, Result
from groma_ros.values.answers import BoxFound, PhraseOpened, Status, TextPiece

REPLACE, REFUSE = "replace", "refuse"

Ask = Callable[[Ground.Goal, Callable[[Event], None], Callable[[Result], None]], list[Request]]


class GroundAction:
    """Serve `~/ground`.

    Every accepted goal ends in one result: SUCCEEDED with an answer, whatever its status, CANCELED
    when its client says so, ABORTED with NO_IMAGE, CANCELLED (a newer goal, deactivation) or ERROR.
    """

    def __init__(
        self,
        node: Node,
        group: CallbackGroup,
        ask: Ask,
        withdraw: Callable[[Request, str], None],
        result_of: Callable[[Result], Ground.Result],
        policy: Callable[[], str],
    ) -> None:
        """Create the action server.

        node       the node that offers it
        group      reentrant callback group, as goals await the model
        ask        takes a goal and callbacks for its events and its result, returns the requests,
                   one a camera; raises ValueError where nothing can be asked now
        withdraw   cancels a request and answers it with CANCELLED and the reason
        result_of  turns a result into that of the action
        policy     returns the parameter goal_policy
        """
        self._ask, self._withdraw, self._result_of = ask, withdraw, result_of
        self._policy, self._logger = policy, node.get_logger()
        self._requests: dict[bytes, list[Request]] = {}  # by the goal's id
        self._server = ActionServer(
            node,
            Ground,
            "~/ground",
            self.on_execute,
            callback_group=group,
            goal_callback=self.on_goal,
            cancel_callback=self.on_cancel,
        )

    def on_goal(self, goal: Ground.Goal) -> GoalResponse:
        """Accept a goal, unless another one is under way and goals are refused then."""
        if self._requests and self._policy() == REFUSE:
            self._logger.warning(f"goal {quoted(goal.command)} refused: another one is under way")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        """Answer a goal with CANCELLED; the model ends within a token."""
        for request in self._requests.get(bytes(handle.goal_id.uuid), []):
            self._withdraw(request, "the goal was cancelled")
        return CancelResponse.ACCEPT

    async def on_execute(self, handle: ServerGoalHandle) -> Ground.Result:
        """Ask the model, pass on what it tells meanwhile, and wait for the answer."""
        if self._policy() == REPLACE:
            for request in [one for each in self._requests.values() for one in each]:
                self._withdraw(request, "a newer goal came")
        answered: Future = Future()
        feedback = Feedback(handle)
        try:
            requests = self._ask(handle.request, feedback.tell, answered.set_result)
        except ValueError as error:
            handle.abort()
            self._logger.warning(f"goal {quoted(handle.request.command)} refused: {error}")
            return messages.no_result(handle.request.command, str(error))
        number = bytes(handle.goal_id.uuid)
        self._requests[number] = requests
        try:
            result = await answered
        finally:
            del self._requests[number]
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.grounding.status in (Status.NO_IMAGE, Status.CANCELLED, Status.ERROR):
            handle.abort()
        else:
            handle.succeed()
        return self._result_of(result)

    def destroy(self) -> None:
        """Take the server down."""
        self._server.destroy()


class Feedback:
    """Tell a goal's client what has been found so far."""

    def __init__(self, handle: ServerGoalHandle) -> None:
        """Tell that the goal waits for the model."""
        self._handle = handle
        self._message = Ground.Feedback(stage=Ground.Feedback.STAGE_QUEUED)
        self._phrases: dict[int, str] = {}
        self._header = Header()
        handle.publish_feedback(self._message)

    def tell(self, event: Event) -> None:
        """Publish one step: the frame that is looked at, a piece of text, or a box."""
        if not self._handle.is_active:
            return
        message = self._message
        message.found = []
        if isinstance(event, Frame):
            message.stage = Ground.Feedback.STAGE_LOOKING
            self._header = event.image.header
        elif isinstance(event, PhraseOpened):
            self._phrases[event.index] = event.text
            return
        else:
            message.stage = Ground.Feedback.STAGE_ANSWERING
            if isinstance(event, TextPiece):
                message.text += event.text
            elif isinstance(event, BoxFound):
                words = self._phrases.get(event.index, "")
                message.found = [messages.found(event, words, self._header)]
        self._handle.publish_feedback(message)
