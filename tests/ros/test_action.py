"""The action `~/ground`: every accepted goal ends in one result, and tells of its way there."""

import json

import pytest
from action_msgs.msg import GoalStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from robot_bench import PATIENCE_S, eventually, header, picture, value_of
from vision_msgs.msg import BoundingBox2D

from groma_ros.action import Ground
from groma_ros.pictures import SHIPPED, open_pictures
from groma_ros.predictor import Predictor
from groma_ros.ros import messages
from groma_ros.ros.settings import Settings

RED_BOX = (10, 12, 30, 40)


def corners(detection):
    return messages.box_xyxy(detection.bbox)


def goal_under_way(bench):
    """Return a goal at which the model is at work, where it stays until `gate.set()`."""
    bench.predictor.gate.clear()
    goal = bench.robot.pursue("the red cup")
    assert bench.predictor.entered.acquire(timeout=PATIENCE_S)
    return goal


def test_a_goal_is_answered_with_what_the_topics_would_say(bench):
    bench.show(picture(RED_BOX), seconds=7)
    goal = bench.robot.pursue("pick up the red cup")
    status, result = goal.result()
    assert status == GoalStatus.STATUS_SUCCEEDED
    assert (result.answer.status, result.answer.action) == ("GROUNDED", "pick")
    assert result.answer.header.stamp.sec == 7
    assert [corners(d) for d in result.detections.detections] == [RED_BOX]
    assert result.answer.phrases[0].detection_ids == [result.detections.detections[0].id]


def test_feedback_tells_the_stage_then_each_box_and_the_text(bench):
    shown = bench.show(picture(RED_BOX))
    bench.predictor.last_word.clear()
    goal = bench.robot.pursue("pick up the red cup")
    told = []
    while not told or not told[-1].text:
        told.append(goal.feedback.get(timeout=PATIENCE_S))
    assert not goal.is_over
    bench.predictor.last_word.set()
    assert goal.result()[0] == GoalStatus.STATUS_SUCCEEDED
    assert [f.stage for f in told] == ["queued", "looking", "answering", "answering"]
    (found,) = told[2].found
    assert (corners(found), found.header) == (RED_BOX, shown.header)
    assert found.results[0].hypothesis.class_id == "red cup"
    assert told[3].text == "pick up the red cup"


def test_what_is_not_there_is_an_answer_too(bench):
    bench.show(picture())
    status, result = bench.robot.pursue("pick up the red cup").result()
    assert (status, result.answer.status) == (GoalStatus.STATUS_SUCCEEDED, "NOT_FOUND")
    assert not result.detections.detections


def test_a_goal_may_bring_its_own_image(bench):
    own = messages.image(picture((1, 2, 3, 4)), header(9))
    status, result = bench.robot.pursue("the red cup", image=own).result()
    assert (status, result.answer.header) == (GoalStatus.STATUS_SUCCEEDED, own.header)
    assert corners(result.detections.detections[0]) == (1, 2, 3, 4)


@pytest.fixture(scope="module")
def nano():
    return Predictor.from_pretrained("nano", device="cpu")


@pytest.fixture
def tabletop(make_bench, nano):
    """Give a node with groma-nano that sees the first shipped picture, and the boxes in it."""
    bench = make_bench(load=lambda settings: nano)
    bench.show(next(open_pictures(SHIPPED).frames))
    things = json.loads((SHIPPED / "sequence.json").read_text())["frames"][0]["objects"]
    return bench, {f"{t['colour']} {t['kind']}": t["box_xyxy"] for t in things}


@pytest.mark.parametrize(
    ("command", "given", "status", "found"),
    [
        ("the cup", ["blue cup", "white bowl"], "GROUNDED", ["blue cup"]),
        ("the cup", ["blue cup", "red cup", "white bowl"], "AMBIGUOUS", ["blue cup", "red cup"]),
        ("the red cup", ["blue cup", "white bowl"], "NOT_FOUND", []),
        ("everything", ["blue cup", "white bowl"], "GROUNDED", ["blue cup", "white bowl"]),
    ],
)
def test_a_goal_with_regions_is_answered_among_them_alone(tabletop, command, given, status, found):
    bench, boxes = tabletop
    regions = [messages.bounding_box(boxes[name]) for name in given]
    _, result = bench.robot.pursue(command, regions=regions).result()
    pointed = [corners(d) for d in result.detections.detections]
    assert result.answer.status == status
    assert sorted(pointed) == [
        pytest.approx(boxes[n], abs=0.01) for n in sorted(found, key=boxes.get)
    ]


def test_a_region_that_is_none_aborts_the_goal_with_the_reason(bench):
    bench.show(picture(RED_BOX))
    status, result = bench.robot.pursue("the red cup", regions=[BoundingBox2D()]).result()
    assert (status, result.answer.status) == (GoalStatus.STATUS_ABORTED, "ERROR")
    assert result.answer.reason == "bbox has to have a size, not 0.0 x 0.0 pixels"


def test_a_malformed_image_aborts_the_goal_with_the_reason(bench):
    own = messages.image(picture(), header(9))
    own.encoding = "yuv999"
    status, result = bench.robot.pursue("the red cup", image=own).result()
    assert (status, result.answer.status) == (GoalStatus.STATUS_ABORTED, "ERROR")
    assert result.answer.reason.startswith("image encoding 'yuv999' is none of")


def test_the_mode_goes_to_the_model(bench):
    bench.show(picture(RED_BOX))
    bench.robot.pursue("red cup", mode=Ground.Goal.MODE_LOCATE_ALL).result()
    assert bench.predictor.options["mode"] == "locate_all"


def test_a_cancelled_goal_ends_while_the_model_is_still_at_work(bench):
    bench.show(picture(RED_BOX))
    goal = goal_under_way(bench)
    goal.cancel()
    status, result = goal.result()
    assert (status, result.answer.status) == (GoalStatus.STATUS_CANCELED, "CANCELLED")
    assert result.answer.reason == "the goal was cancelled"
    assert bench.predictor.options["cancel"].is_set()


def test_deactivation_ends_every_goal(bench):
    bench.show(picture(RED_BOX))
    bench.hold_the_model()
    goals = [bench.robot.pursue("the red cup") for _ in range(2)]
    change = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    bench.robot.call(ChangeState, change)
    for status, result in (goal.result() for goal in goals):
        assert (status, result.answer.status) == (GoalStatus.STATUS_ABORTED, "CANCELLED")
        assert result.answer.reason == "the node was deactivated"


def test_a_node_that_is_not_active_says_so(make_bench):
    bench = make_bench(activate=False)
    status, result = bench.robot.pursue("the red cup").result()
    assert (status, result.answer.reason) == (
        GoalStatus.STATUS_ABORTED,
        "the node is unconfigured, not active",
    )


def test_goals_wait_for_each_other_and_for_commands(bench):
    bench.show(picture(RED_BOX))
    bench.hold_the_model()
    goals = [bench.robot.pursue("the red cup") for _ in range(2)]
    assert not any(goal.is_over for goal in goals)
    bench.predictor.gate.set()
    assert [goal.result()[0] for goal in goals] == [GoalStatus.STATUS_SUCCEEDED] * 2
    assert bench.predictor.most_inside == 1


def test_a_full_queue_ends_a_goal_at_once(bench):
    bench.show(picture(RED_BOX))
    bench.hold_the_model()
    goals = [bench.robot.pursue("the red cup") for _ in range(Settings().max_pending_requests)]
    status, result = goals[-1].result()
    assert (status, result.answer.reason) == (
        GoalStatus.STATUS_ABORTED,
        "8 requests are waiting already, and at most 8 may",
    )
    bench.predictor.gate.set()
    assert {goal.result()[0] for goal in goals[:-1]} == {GoalStatus.STATUS_SUCCEEDED}


def test_a_newer_goal_replaces_the_one_under_way(make_bench):
    bench = make_bench(goal_policy="replace")
    bench.show(picture(RED_BOX))
    first = goal_under_way(bench)
    second = bench.robot.pursue("the red cup")
    status, result = first.result()
    assert (status, result.answer.reason) == (GoalStatus.STATUS_ABORTED, "a newer goal came")
    bench.predictor.gate.set()
    assert second.result()[0] == GoalStatus.STATUS_SUCCEEDED


def test_a_second_goal_is_refused_where_the_robot_wants_that(make_bench):
    bench = make_bench(goal_policy="refuse")
    bench.show(picture(RED_BOX))
    first = goal_under_way(bench)
    assert not bench.robot.pursue("the red cup").handle.accepted
    bench.predictor.gate.set()
    assert first.result()[0] == GoalStatus.STATUS_SUCCEEDED


@pytest.mark.parametrize("ending", ["an answer", "a cancellation"])
def test_after_a_goal_the_next_one_is_taken(make_bench, ending):
    bench = make_bench(goal_policy="refuse")
    bench.show(picture(RED_BOX))
    first = goal_under_way(bench)
    if ending == "a cancellation":
        first.cancel()
    bench.predictor.gate.set()
    first.result()
    assert bench.robot.pursue("the red cup").result()[0] == GoalStatus.STATUS_SUCCEEDED


def test_goals_are_counted_with_the_commands(bench):
    bench.show(picture(RED_BOX))
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").command_id == 1
    assert bench.robot.pursue("the red cup").result()[1].answer.command_id == 2
    eventually(lambda: bench.node._command_count == 2, "the count")
    bench.robot.hear("status", lambda s: value_of(s, "commands") == "2")
