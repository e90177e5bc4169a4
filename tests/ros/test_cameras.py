"""Several cameras, one model: topics of their own, one batch, and the best answer."""

import queue
from types import SimpleNamespace

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from robot_bench import eventually, header, picture, value_of
from sensor_msgs.msg import Image
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray

from groma_ros.ros import messages
from groma_ros.ros.cameras import best_answer, camera_names
from groma_ros.values.answers import Grounding, Phrase, Status

BOX = (10, 8, 30, 24)
NAMES = ["front", "wrist"]


class TwoCameras:
    """A node with the cameras front and wrist, and what a robot has for them."""

    def __init__(self, make_bench, robot, **parameters):
        self.node = robot.node
        self.pictures = {n: self.node.create_publisher(Image, f"/{n}/image", 1) for n in NAMES}
        self.voices = {n: self.node.create_publisher(String, f"/{n}/command", 10) for n in NAMES}
        self.heard = {name: queue.Queue() for name in NAMES}
        self.ears = [
            self.node.create_subscription(
                Detection2DArray, f"/groma/{name}/detections", self.heard[name].put, 10
            )
            for name in NAMES
        ]
        self.bench = make_bench(cameras=NAMES, **parameters)
        for name in NAMES:
            topic = f"/groma/{name}/detections"
            eventually(lambda topic=topic: self.node.count_publishers(topic), topic)

    def show(self, front, wrist, seconds=1):
        shown = {}
        for name, rgb in (("front", front), ("wrist", wrist)):
            message = messages.image(rgb, header(seconds, f"{name}_optical"))
            shown[name] = self.bench.show(message, camera=self.pictures[name])
        return shown

    def say_to(self, name, command):
        voice = self.voices[name]
        eventually(voice.get_subscription_count, "somebody who takes commands")
        voice.publish(String(data=command))

    def close(self):
        for publisher in (*self.pictures.values(), *self.voices.values()):
            self.node.destroy_publisher(publisher)
        for ear in self.ears:
            self.node.destroy_subscription(ear)


@pytest.fixture
def make_two(make_bench, sides):
    made = []

    def make(**parameters):
        made.append(TwoCameras(make_bench, sides[1], **parameters))
        return made[-1]

    yield make
    for two in made:
        two.close()


def test_a_command_goes_to_all_cameras_and_the_one_that_finds_it_answers(make_two, sides):
    two, robot = make_two(), sides[1]
    shown = two.show(picture(), picture(BOX))
    robot.say("the red cup")
    assert two.heard["front"].get(timeout=60).detections == []
    (seen,) = two.heard["wrist"].get(timeout=60).detections
    best = robot.hear("detections")
    assert best.header == shown["wrist"].header
    assert best.detections == [seen]
    assert robot.hear("grounded_text").status == "GROUNDED"


def test_the_frames_of_all_cameras_share_a_batch(make_two, sides):
    two, robot = make_two(), sides[1]
    two.show(picture(BOX), picture(BOX))
    robot.say("the red cup")
    robot.hear("grounded_text")
    assert two.bench.predictor.batches == [2]


def test_a_command_on_the_topic_of_a_camera_is_for_that_one(make_two, sides):
    two, robot = make_two(), sides[1]
    two.show(picture(BOX), picture())
    two.say_to("wrist", "the red cup")
    assert robot.hear("grounded_text").status == "NOT_FOUND"
    assert two.heard["wrist"].get(timeout=60).header.frame_id == "wrist_optical"
    assert two.heard["front"].empty()


def test_things_of_two_cameras_have_ids_of_their_own(make_two, sides):
    two, robot = make_two(), sides[1]
    two.show(picture(BOX), picture(BOX))
    robot.say("the red cup")
    robot.hear("grounded_text")
    ids = {name: two.heard[name].get(timeout=60).detections[0].id for name in NAMES}
    assert ids["front"] != ids["wrist"]


def test_a_goal_may_name_its_camera(make_two, sides):
    two, robot = make_two(), sides[1]
    two.show(picture(BOX), picture())
    status, result = robot.pursue("the red cup", camera="front").result()
    assert (status, len(result.detections.detections)) == (GoalStatus.STATUS_SUCCEEDED, 1)
    assert result.answer.header.frame_id == "front_optical"
    status, result = robot.pursue("the red cup").result()
    assert result.answer.header.frame_id == "front_optical"  # the one that finds it
    status, result = robot.pursue("the red cup", camera="rear").result()
    assert status == GoalStatus.STATUS_ABORTED
    assert result.answer.reason == "there is no camera 'rear', but front, wrist"


def test_the_state_of_each_camera_is_told(make_two, sides):
    told = queue.Queue()
    ear = sides[1].node.create_subscription(DiagnosticArray, "/diagnostics", told.put, 10)
    two, robot = make_two(image_timeout_s=0.1), sides[1]
    two.show(picture(BOX), picture())
    status = robot.hear("status", lambda s: value_of(s, "wrist.frames_received") == "1")
    assert value_of(status, "front.frames_received") == "1"
    while True:
        statuses = {s.name: s for s in told.get(timeout=60).status}
        if "groma: wrist" in statuses and statuses["groma: wrist"].level == b"\x01":
            break
    assert set(statuses) == {"groma", "groma: front", "groma: wrist"}
    assert "/wrist/image" in statuses["groma: wrist"].message
    sides[1].node.destroy_subscription(ear)


def test_a_camera_is_named_once():
    assert camera_names([""]) == ("",)
    assert camera_names(NAMES) == ("front", "wrist")
    with pytest.raises(ValueError, match="cameras names front twice"):
        camera_names(["front", "wrist", "front"])


def test_the_surest_answer_is_the_best():
    def answer(status, *scores):
        boxes = [[0, 0, 9, 9]] * len(scores)
        phrases = (Phrase("cup", (0, 3), boxes, scores),)
        return SimpleNamespace(grounding=Grounding(status, "cup", phrases))

    sure, unsure = answer(Status.GROUNDED, 0.9), answer(Status.GROUNDED, 0.4)
    several, none = answer(Status.AMBIGUOUS, 0.95, 0.9), answer(Status.NOT_FOUND)
    failed = answer(Status.NO_IMAGE)
    assert best_answer([failed, none, several, unsure, sure]) is sure
    assert best_answer([failed, none, several]) is several
    assert best_answer([failed, none]) is none
    assert best_answer([none, answer(Status.NOT_FOUND)]) is none
