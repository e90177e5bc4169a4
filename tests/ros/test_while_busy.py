"""While the model runs, everything else answers; of frames the newest wins."""

import threading

from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.parameter import Parameter
from robot_bench import PATIENCE_S, eventually, picture, value_of
from sensor_msgs.msg import RegionOfInterest
from std_srvs.srv import Trigger

from groma_ros.srv import DescribeRegion

BOX = (10, 8, 30, 24)


def describe(box_xyxy, question="What is this?"):
    request = DescribeRegion.Request(question=question)
    x1, y1, x2, y2 = map(float, box_xyxy)
    request.bbox.center.position.x, request.bbox.center.position.y = (x1 + x2) / 2, (y1 + y2) / 2
    request.bbox.size_x, request.bbox.size_y = x2 - x1, y2 - y1
    return request


def test_services_parameters_and_status_answer_while_the_model_runs(bench):
    """Each answer is waited for while the model is held up, so none of them waits for it."""
    bench.show(picture(BOX))
    bench.hold_the_model()
    call = bench.robot.call
    assert call(GetState, GetState.Request()).current_state.label == "active"
    names = GetParameters.Request(names=["model"])
    (model,) = call(GetParameters, names).values
    assert model.string_value == "nano"
    rate = Parameter("rate_hz", value=4.0).to_parameter_msg()
    request = SetParameters.Request(parameters=[rate])
    assert call(SetParameters, request).results[0].successful
    bench.show(picture(BOX), seconds=2)
    bench.robot.hear("status", lambda s: int(value_of(s, "frames_received")) >= 2)
    assert bench.robot.heard["grounded_text"].empty()
    bench.predictor.gate.set()
    assert bench.robot.hear("grounded_text").status == "GROUNDED"


def test_the_newest_frame_wins_and_drops_are_counted(bench):
    """A queue of one that drops the new frame would answer about an old one."""
    bench.show(picture(BOX), seconds=1)
    bench.hold_the_model()
    for seconds in (2, 3, 4):
        newest = bench.show(picture((1, 2, 3, 4 + seconds)), seconds=seconds)
    bench.robot.say("the red cup")
    bench.robot.hear("status", lambda s: value_of(s, "commands") == "2")
    bench.predictor.gate.set()
    assert bench.robot.hear("grounded_text").header.stamp.sec == 1
    second = bench.robot.hear("grounded_text")
    assert (second.header, second.command_id) == (newest.header, 2)
    (detection,) = bench.robot.hear("detections", lambda d: d.header == newest.header).detections
    assert detection.bbox.size_y == 6
    status = bench.robot.hear("status", lambda s: value_of(s, "answers") == "2")
    assert int(value_of(status, "frames_dropped")) >= 2
    assert bench.predictor.perceived == 2


def test_one_frame_is_perceived_once_for_many_commands(bench):
    bench.show(picture(BOX))
    for _ in range(3):
        bench.robot.say("the red cup")
        assert bench.robot.hear("grounded_text").status == "GROUNDED"
    assert bench.predictor.perceived == 1


def test_the_model_is_never_entered_twice(bench):
    """Callbacks of a reentrant group could enter the model from two threads at once."""
    bench.show(picture(BOX))
    bench.hold_the_model()
    answers = []

    def ask():
        answers.append(bench.robot.call(DescribeRegion, describe(BOX)))

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    bench.robot.say("the red cup")
    bench.robot.hear("status", lambda s: value_of(s, "commands") == "2")
    bench.predictor.gate.set()
    for caller in callers:
        caller.join(PATIENCE_S)
    assert [a.success for a in answers] == [True, True]
    assert [bench.robot.hear().status for _ in "ab"] == ["GROUNDED", "GROUNDED"]
    assert bench.predictor.most_inside == 1


def test_a_region_is_described(bench):
    shown = bench.show(picture(BOX))
    answer = bench.robot.call(DescribeRegion, describe(BOX, "Which?"))
    assert (answer.success, answer.message) == (True, "")
    assert (answer.answer.text, answer.answer.header) == ("the region: Which?", shown.header)
    request = describe(BOX, question="")
    answer = bench.robot.call(DescribeRegion, request)
    assert answer.answer.text == "the region: What is this?"


def test_a_region_may_be_given_in_whole_pixels(bench):
    bench.show(picture(BOX))
    x1, y1, x2, y2 = BOX
    roi = RegionOfInterest(x_offset=x1, y_offset=y1, width=x2 - x1, height=y2 - y1)
    answer = bench.robot.call(DescribeRegion, DescribeRegion.Request(roi=roi))
    assert (answer.success, answer.answer.text) == (True, "the region: What is this?")


def test_a_region_that_is_none_is_refused_with_the_reason(bench):
    request = describe((10, 10, 10, 20))
    answer = bench.robot.call(DescribeRegion, request)
    assert not answer.success
    assert answer.message == "bbox has to have a size, not 0.0 x 10.0 pixels"


def test_in_a_flood_of_commands_the_newest_is_answered_next(bench):
    bench.show(picture(BOX))
    bench.hold_the_model()
    for count in range(2, 22):
        bench.robot.say("the red cup")
        eventually(lambda count=count: bench.node._command_count == count, "the command")
    overtaken = [bench.robot.hear("grounded_text") for _ in range(2, 21)]
    assert {a.status for a in overtaken} == {"CANCELLED"}
    bench.predictor.gate.set()
    answers = [bench.robot.hear("grounded_text") for _ in range(2)]
    assert [(a.status, a.command_id) for a in answers] == [("GROUNDED", 1), ("GROUNDED", 21)]


def test_a_command_points_back_to_the_last_answer_until_the_dialogue_is_reset(bench):
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"
    bench.show(picture(BOX), seconds=2)
    bench.robot.say("pick it up")
    answer = bench.robot.hear("grounded_text")
    assert (answer.status, answer.command) == ("GROUNDED", "pick it up")
    assert (answer.text, answer.header.stamp.sec) == ("pick the red cup up", 2)
    assert bench.robot.call(Trigger, Trigger.Request()).success
    bench.robot.say("pick it up")
    assert bench.robot.hear("grounded_text").status == "NOT_FOUND"


def test_resetting_cancels_what_is_open(bench):
    bench.show(picture(BOX))
    bench.hold_the_model()
    answer = bench.robot.call(Trigger, Trigger.Request())
    assert answer.success
    cancelled = bench.robot.hear("grounded_text")
    assert (cancelled.status, cancelled.reason) == ("CANCELLED", "the dialogue was reset")
    bench.predictor.gate.set()
    bench.robot.say("the next red cup")
    assert bench.robot.hear("grounded_text").command == "the next red cup"
