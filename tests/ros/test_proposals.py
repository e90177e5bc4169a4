"""`~/proposals` has the regions of the newest picture, while somebody subscribes."""

import pytest
from lifecycle_msgs.msg import Transition
from robot_bench import eventually, picture
from test_continuous_mode import tick
from test_lifecycle import change
from vision_msgs.msg import Detection2DArray

BOX = (10, 8, 30, 24)


@pytest.fixture
def listen(sides):
    """Give a function that makes the robot subscribe and returns when the node knows."""
    robot, ears = sides[1], []

    def subscribe(bench):
        count = bench.node.count_subscribers("/groma/proposals")
        ears.append(robot.listen(Detection2DArray, "/groma/proposals"))
        eventually(
            lambda: bench.node._outputs.proposals.get_subscription_count() > count, "the ear"
        )

    yield subscribe
    for ear in ears:
        robot.node.destroy_subscription(ear)
    robot.heard.pop("proposals", None)


def test_every_region_comes_without_a_command(make_bench, listen):
    bench = make_bench()
    listen(bench)
    shown = bench.show(picture(BOX))
    proposals = bench.robot.hear("proposals")
    assert proposals.header == shown.header
    (region,) = proposals.detections
    (result,) = region.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("object", 0.75)
    assert (region.header, region.id) == (shown.header, "0")
    assert (region.bbox.size_x, region.bbox.size_y) == (20, 16)
    assert (region.bbox.center.position.x, region.bbox.center.position.y) == (20, 16)


def test_an_empty_picture_gives_an_empty_array(make_bench, listen):
    bench = make_bench()
    listen(bench)
    shown = bench.show(picture())
    proposals = bench.robot.hear("proposals")
    assert (proposals.header, proposals.detections) == (shown.header, [])


def test_no_picture_is_looked_at_while_nobody_subscribes(bench):
    for seconds in (1, 2, 3):
        bench.show(picture(BOX), seconds=seconds)
    bench.robot.say("the red cup")
    bench.robot.hear("grounded_text")
    assert bench.predictor.perceived == 1


def test_who_subscribes_late_gets_a_still_picture_too(make_bench, listen):
    bench = make_bench()
    bench.show(picture(BOX))
    listen(bench)
    assert bench.robot.hear("proposals").detections


def test_the_rate_follows_simulated_time(make_bench, listen):
    bench = make_bench(proposals_hz=0.1, use_sim_time=True)
    tick(bench, 1000)
    listen(bench)
    bench.show(picture(BOX), seconds=1)
    assert bench.robot.hear("proposals").header.stamp.sec == 1
    bench.show(picture(BOX), seconds=2)  # new, but its time has not come
    tick(bench, 1011)
    bench.show(picture(BOX), seconds=3)
    assert bench.robot.hear("proposals", lambda p: p.header.stamp.sec > 1).header.stamp.sec >= 2
    assert bench.predictor.perceived == 2


def test_a_command_about_the_same_picture_finds_it_perceived(make_bench, listen):
    bench = make_bench()
    listen(bench)
    bench.show(picture(BOX))
    bench.robot.hear("proposals")
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"
    assert bench.predictor.perceived == 1


def test_continuous_mode_still_answers_a_picture_that_was_looked_at(make_bench, listen):
    bench = make_bench(mode="continuous", rate_hz=0.1, use_sim_time=True)
    tick(bench, 1000)
    listen(bench)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    bench.robot.hear("grounded_text")
    tick(bench, 1005)
    shown = bench.show(picture(BOX), seconds=2)
    bench.robot.hear("proposals", lambda p: p.header == shown.header)
    tick(bench, 1015)
    assert bench.robot.hear("grounded_text").header == shown.header


def test_one_look_at_a_time_waits_for_a_busy_model(make_bench, listen):
    bench = make_bench(proposals_hz=100.0)
    bench.show(picture(BOX), seconds=1)
    bench.hold_the_model()
    listen(bench)
    for seconds in (2, 3, 4):
        bench.show(picture(BOX), seconds=seconds)
    bench.predictor.gate.set()
    assert bench.robot.hear("proposals").header.stamp.sec == 4
    assert bench.predictor.perceived == 2


def test_a_look_under_way_is_dropped_when_the_node_is_deactivated(make_bench, listen):
    bench = make_bench()
    bench.show(picture(BOX), seconds=1)
    bench.hold_the_model()
    listen(bench)
    bench.show(picture(BOX), seconds=2)
    assert change(bench, Transition.TRANSITION_DEACTIVATE)
    bench.predictor.gate.set()
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    shown = bench.show(picture(BOX), seconds=3)
    assert bench.robot.hear("proposals").header == shown.header
