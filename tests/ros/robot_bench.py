"""A bench for the node: it runs in one ROS context, the robot that talks to it in another.

Both speak over DDS, on the test run's own domain. The predictor is a fake whose answers are
computed from the picture that it is given, and which can be held up; everything else is the real
thing.
"""

import queue
import threading
import time

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import MarkerArray

from groma_ros.action import Ground
from groma_ros.language.follow_ups import resolve
from groma_ros.msg import GroundedText
from groma_ros.ros import messages
from groma_ros.ros.node import GromaNode
from groma_ros.ros.pending_requests import PendingRequests
from groma_ros.srv import DescribeRegion
from groma_ros.values.answers import BoxFound, Grounding, Phrase, PhraseOpened, Status, TextPiece

PATIENCE_S = 60.0  # only a failing test waits so long
ALWAYS_GIVEN = {"max_image_age_s": 0.0}
"""Parameters of every node here: pictures carry made-up stamps unless a test is about their age."""
RESEND_S = 5.0  # an image that is only late on a busy machine is not to come twice


class FakePredictor:
    """Ground any command in the red part of the picture; only as good as the tests need it.

    `gate` holds `ground` and `describe` up while it is clear; `entered` counts who came that far.
    `last_word` holds `stream` up before its answer.
    """

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.last_word = threading.Event()
        self.last_word.set()
        self.entered = threading.Semaphore(0)
        self.perceived = self.looked = 0
        self.batches = []
        self.inside = 0
        self.most_inside = 0

    def perceive(self, rgb):
        self.perceived += 1
        return FakePerception(rgb)

    def perceive_all(self, rgbs):
        self.batches.append(len(rgbs))
        return [self.perceive(rgb) for rgb in rgbs]

    def look(self, rgb):
        self.looked += 1
        return self.perceive(rgb)

    def ground(self, perception, command, **options):
        self.options = options
        self._pass_the_gate()
        if not command:
            raise ValueError("the command is empty")
        if command == "break":
            raise RuntimeError("something broke")
        start = command.find("red")
        boxes, scores = perception.boxes_xyxy, perception.scores
        if start < 0 or not len(boxes):
            return Grounding(Status.NOT_FOUND, "I see no such thing.", reason="not in the picture")
        phrase = Phrase(command[start:], (start, len(command)), boxes, scores)
        return Grounding(Status.GROUNDED, command, (phrase,), action="pick")

    def stream(self, perception, command, **options):
        answer = self.ground(perception, command, **options)
        for index, phrase in enumerate(answer.phrases):
            yield PhraseOpened(index, phrase.text, phrase.role)
            for box, score in zip(phrase.boxes_xyxy, phrase.scores, strict=True):
                yield BoxFound(index, box, float(score))
        yield TextPiece(answer.text)
        assert self.last_word.wait(PATIENCE_S)
        yield answer

    def describe(self, perception, boxes_xyxy, question, **options):
        self._pass_the_gate()
        (box,) = boxes_xyxy
        question = question or "What is this?"
        phrase = Phrase("region", (4, 10), [box], [0.5], "mention")
        return Grounding(Status.GROUNDED, f"the region: {question}", (phrase,), action="ask")

    def dialogue(self, perception):
        return FakeDialogue(self, perception)

    def _pass_the_gate(self):
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.entered.release()
        assert self.gate.wait(PATIENCE_S)
        self.inside -= 1


class FakePerception:
    """The red part of a picture is its only region."""

    def __init__(self, rgb):
        boxes, scores = red_boxes(rgb)
        self.boxes_xyxy, self.scores = np.array(boxes, float), np.array(scores, float)
        self.features = np.ones((len(boxes), 2))


class FakeDialogue:
    """Put follow-ups in words as the real Dialogue does; the fake predictor answers them."""

    def __init__(self, predictor, perception):
        self.predictor, self.perception, self.last = predictor, perception, ""

    def ground(self, command, **options):
        answer = self.predictor.ground(self.perception, resolve(command, self.last), **options)
        self.last = answer.target.text if answer.target else self.last
        return answer

    def stream(self, command, **options):
        return self.predictor.stream(self.perception, resolve(command, self.last), **options)


def red_boxes(rgb):
    """Return the (n, 4) box around all pure red pixels, n being 0 or 1, and its score."""
    y, x = np.nonzero((rgb == (255, 0, 0)).all(axis=2))
    if not len(x):
        return np.zeros((0, 4)), []
    return [[x.min(), y.min(), x.max() + 1, y.max() + 1]], [0.75]


def picture(box_xyxy=None, size_hw=(48, 64)):
    """Return a gray RGB picture with a red box in it."""
    rgb = np.full((*size_hw, 3), 90, np.uint8)
    if box_xyxy is not None:
        x1, y1, x2, y2 = box_xyxy
        rgb[y1:y2, x1:x2] = (255, 0, 0)
    return rgb


class WatchedNode(GromaNode):
    """The node, telling which images reached it."""

    def __init__(self, *args, **kwargs):
        self.arrived = queue.Queue()
        super().__init__(*args, **kwargs)

    def on_image(self, message, camera=""):
        super().on_image(message, camera)
        self.arrived.put(message.header.stamp)


class Side:
    """One ROS context; the node lives on one side, the robot on the other, DDS in between.

    Both live as long as the test session and know each other's endpoints: whoever makes an endpoint
    later is matched at once, and only the other has to be waited for. Without that a first request
    gets lost now and then, as DDS tells neither side when both have found each other.
    """

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(
            context=self.context,
            signal_handler_options=SignalHandlerOptions.NO,
        )

    def spin(self, node, kind=SingleThreadedExecutor):
        """Serve a node by an executor in a thread of its own; return a function that ends that."""
        executor = kind(context=self.context)
        executor.add_node(node)

        def stop():
            executor.shutdown()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        return stop


class Robot(Side):
    """What a robot has around the node: a camera, a voice, ears for answers, and clients."""

    def __init__(self):
        super().__init__()
        self.node = rclpy.create_node("robot", context=self.context)
        self.heard = {}
        latched = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for kind, topic, qos in (
            (GroundedText, "/groma/grounded_text", 10),
            (Detection2DArray, "/groma/detections", 10),
            (MarkerArray, "/groma/markers", 10),
            (String, "/groma/text", 10),
            (DiagnosticStatus, "/groma/status", latched),
            (Log, "/rosout", latched),
        ):
            self.listen(kind, topic, qos)
        self.clients = {
            kind: self.node.create_client(kind, f"/groma/{name}")
            for kind, name in (
                (ChangeState, "change_state"),
                (GetState, "get_state"),
                (GetParameters, "get_parameters"),
                (SetParameters, "set_parameters"),
                (DescribeParameters, "describe_parameters"),
                (DescribeRegion, "describe_region"),
                (Trigger, "reset_dialogue"),
            )
        }
        self.goals = ActionClient(self.node, Ground, "/groma/ground")
        self.camera = self.node.create_publisher(Image, "/image", 1)
        self.voice = self.node.create_publisher(String, "/command", 10)
        self.clock = self.node.create_publisher(Clock, "/clock", 10)
        self.stop = self.spin(self.node)

    def is_known_to(self, node):
        """Say whether a node of the other side has heard of all the robot's endpoints."""
        return (
            all(node.count_clients(client.srv_name) for client in self.clients.values())
            and all(node.count_subscribers(s.topic_name) for s in self.node.subscriptions)
            and all(node.count_publishers(p.topic) for p in (self.camera, self.voice, self.clock))
        )

    def listen(self, kind, topic, qos=10):
        heard = self.heard[topic.split("/")[-1]] = queue.Queue()
        return self.node.create_subscription(kind, topic, heard.put, qos)

    def say(self, command):
        eventually(self.voice.get_subscription_count, "somebody who takes commands")
        self.voice.publish(String(data=command))

    def hear(self, topic="grounded_text", where=lambda message: True, patience_s=PATIENCE_S):
        """Return the next message of a topic that fulfils a condition."""
        deadline_s = time.monotonic() + patience_s
        while True:
            try:
                message = self.heard[topic].get(timeout=max(0, deadline_s - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"nothing fitting came on {topic} in {patience_s} s")
            if where(message):
                return message

    def call(self, kind, request):
        """Call the node's service of that kind and return the response."""
        client = self.clients[kind]
        assert client.wait_for_service(PATIENCE_S), client.srv_name
        return done(client.call_async(request))

    def pursue(self, command, **goal):
        """Send a goal of the action; return it once it is accepted or refused."""
        assert self.goals.wait_for_server(PATIENCE_S)
        return Pursuit(self.goals, Ground.Goal(command=command, **goal))

    def set_clock(self, node, message):
        """Publish simulated time and return when a node has it."""
        eventually(self.clock.get_subscription_count, "somebody who takes the time")
        self.clock.publish(message)
        wanted = message.clock.sec * 10**9
        eventually(lambda: node.get_clock().now().nanoseconds == wanted, "the simulated time")

    def forget(self):
        """Wait until nothing is left of the last node, and forget what it said."""
        eventually(lambda: not self.node.count_publishers("/groma/status"), "the node's end")
        for client in self.clients.values():
            eventually(lambda client=client: not client.service_is_ready(), client.srv_name)
        eventually(lambda: not self.goals.server_is_ready(), "the end of the action server")
        for publisher in (self.camera, self.voice, self.clock):
            eventually(lambda p=publisher: not p.get_subscription_count(), publisher.topic)
        for heard in self.heard.values():
            while not heard.empty():
                heard.get()


class Pursuit:
    """One goal of the action `~/ground`, from its client's side."""

    def __init__(self, client, goal):
        self.feedback = queue.Queue()
        future = client.send_goal_async(goal, feedback_callback=self._on_feedback)
        self.handle = done(future)
        self._result = self.handle.get_result_async() if self.handle.accepted else None

    def _on_feedback(self, message):
        self.feedback.put(message.feedback)

    def cancel(self):
        done(self.handle.cancel_goal_async())

    @property
    def is_over(self):
        return self._result.done()

    def result(self):
        """Wait for the end; return its status (action_msgs/GoalStatus) and the result."""
        response = done(self._result)
        return response.status, response.result


def done(future):
    """Wait for a future that an executor's thread completes, and return its result."""
    over = threading.Event()
    future.add_done_callback(lambda _: over.set())
    assert over.wait(PATIENCE_S), "the other side did not answer"
    return future.result()


class Bench:
    """The node with its fake predictor, and the robot."""

    def __init__(
        self,
        side,
        robot,
        load=None,
        activate=True,
        remap=(),
        executor=SingleThreadedExecutor,
        **parameters,
    ):
        parameters = ALWAYS_GIVEN | parameters
        self.closed = False
        self.predictor = FakePredictor()
        self.robot = robot
        self.node = WatchedNode(
            load or (lambda settings: self.predictor),
            context=side.context,
            cli_args=["--ros-args", *(word for rule in remap for word in ("-r", rule))],
            parameter_overrides=[
                rclpy.Parameter(name, value=value) for name, value in parameters.items()
            ],
        )
        if activate:
            self.node.autostart()
        self._stop = side.spin(self.node, executor)
        self.wait_for_ears()

    def wait_for_ears(self):
        """Return when the robot's subscriptions are known to have found the node's outputs."""
        for topic in self.robot.heard:
            if topic != "rosout":
                eventually(
                    lambda topic=topic: self.robot.node.count_publishers(f"/groma/{topic}"), topic
                )

    def show(self, message, seconds=1, camera=None):
        """Publish an image (a picture, or a whole message) until it reached the node; return it."""
        camera = camera or self.robot.camera
        if isinstance(message, np.ndarray):
            message = messages.image(message, header(seconds))
        eventually(camera.get_subscription_count, "somebody who takes images")
        for _ in range(int(PATIENCE_S / RESEND_S)):
            camera.publish(message)
            try:
                while self.node.arrived.get(timeout=RESEND_S) != message.header.stamp:
                    pass
                return message
            except queue.Empty:
                continue  # best effort: it may get lost
        pytest.fail("the image did not reach the node")

    def hold_the_model(self, command="the red cup"):
        """Return when the model is at work on a command, where it stays until `gate.set()`."""
        self.predictor.gate.clear()
        self.robot.say(command)
        assert self.predictor.entered.acquire(timeout=PATIENCE_S)

    def close(self):
        """Take the node down, once."""
        if self.closed:
            return
        self.closed = True
        self.predictor.gate.set()
        self._stop()
        self.node._pending = PendingRequests()  # or they would be answered now, into the next test
        self.node.close()
        self.node.destroy_node()
        # rclpy leaves the lifecycle services to the garbage collector.
        self.node._state_machine.destroy_when_not_in_use()
        self.robot.forget()


def header(seconds, frame_id="camera_optical"):
    """Return a header with a stamp that nobody's clock shows."""
    message = Image().header
    message.stamp.sec, message.stamp.nanosec, message.frame_id = seconds, 125, frame_id
    return message


def value_of(status, key):
    """Return one of the values of a DiagnosticStatus."""
    return next(v.value for v in status.values if v.key == key)


def eventually(condition, what):
    """Wait until a condition holds that no event tells of."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what}: not in {PATIENCE_S} s"
        time.sleep(0.01)
