"""Continuous mode: the last command is grounded again on new frames, at a rate in ROS time."""

from robot_bench import picture, value_of
from rosgraph_msgs.msg import Clock
from test_parameters import set_parameter

BOX = (10, 8, 30, 24)


def tick(bench, seconds):
    """Set the simulated time and return when the node has it."""
    message = Clock()
    message.clock.sec = seconds
    bench.robot.set_clock(bench.node, message)


def test_the_rate_follows_simulated_time(make_bench):
    """Throttling by the wall clock would be wrong with use_sim_time and bags."""
    bench = make_bench(mode="continuous", rate_hz=0.1, use_sim_time=True)
    tick(bench, 1000)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").header.stamp.sec == 1
    shown = bench.show(picture(BOX), seconds=2)  # new, but its time has not come
    tick(bench, 1005)
    bench.robot.hear("status", lambda s: int(value_of(s, "frames_received")) >= 2)
    assert bench.predictor.perceived == 1
    tick(bench, 1015)
    answer = bench.robot.hear("grounded_text")
    assert answer.header == shown.header
    assert (answer.command, answer.command_id) == ("the red cup", 1)


def test_simulated_time_may_begin_anew(make_bench):
    """A bag that is played in a loop jumps back at its end."""
    bench = make_bench(mode="continuous", rate_hz=0.1, use_sim_time=True)
    tick(bench, 1000)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    bench.robot.hear("grounded_text")
    tick(bench, 20)
    shown = bench.show(picture(BOX), seconds=2)
    tick(bench, 35)
    assert bench.robot.hear("grounded_text").header == shown.header


def test_an_old_frame_is_not_grounded_again(make_bench):
    bench = make_bench(mode="continuous", rate_hz=100.0)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").header.stamp.sec == 1
    for seconds in (2, 3):
        bench.show(picture(BOX), seconds=seconds)
        assert bench.robot.hear("grounded_text").header.stamp.sec == seconds
    assert bench.predictor.perceived == 3
    assert bench.robot.heard["grounded_text"].empty()


def test_a_new_command_replaces_the_last_one(make_bench):
    bench = make_bench(mode="continuous", rate_hz=100.0)
    bench.show(picture(BOX), seconds=1)
    for number, command in enumerate(("the red cup", "the red box"), 1):
        bench.robot.say(command)
        answer = bench.robot.hear("grounded_text")
        assert (answer.command, answer.command_id) == (command, number)
    bench.show(picture(BOX), seconds=2)
    assert bench.robot.hear("grounded_text").command == "the red box"


def test_a_command_of_continuous_mode_stands_alone(make_bench):
    """What a repeated command means must not change with the answers in between."""
    bench = make_bench(mode="continuous", rate_hz=100.0)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"
    bench.robot.say("pick it up")
    answer = bench.robot.hear("grounded_text", lambda a: a.command_id == 2)
    assert answer.status == "NOT_FOUND"


def test_the_mode_changes_while_running(make_bench):
    bench = make_bench()
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    bench.robot.hear("grounded_text")
    bench.show(picture(BOX), seconds=2)
    assert set_parameter(bench, "rate_hz", 50.0)[0]
    assert set_parameter(bench, "mode", "continuous")[0]
    assert bench.robot.hear("grounded_text").header.stamp.sec == 2
    assert set_parameter(bench, "mode", "command")[0]
    bench.show(picture(BOX), seconds=3)
    bench.robot.say("the red box")
    answer = bench.robot.hear("grounded_text")
    assert (answer.header.stamp.sec, answer.command) == (3, "the red box")
    assert bench.predictor.perceived == 3


def test_an_object_that_is_gone_gives_an_empty_array(make_bench):
    """Where nothing was published the old target would stay where it was."""
    bench = make_bench(mode="continuous", rate_hz=100.0)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    assert len(bench.robot.hear("detections").detections) == 1
    gone = bench.show(picture(), seconds=2)
    detections = bench.robot.hear("detections")
    assert (detections.header, detections.detections) == (gone.header, [])


def test_between_answers_the_things_are_followed_without_the_language_model(make_bench):
    bench = make_bench(mode="continuous", rate_hz=0.01, track_hz=100.0)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    first = bench.robot.hear("grounded_text")
    assert first.source == first.SOURCE_MODEL
    (thing,) = bench.robot.hear("detections").detections
    shown = bench.show(picture((14, 10, 34, 26)), seconds=2)
    answer, detections = bench.robot.hear("grounded_text"), bench.robot.hear("detections")
    assert (answer.source, answer.status, answer.command) == ("tracker", "GROUNDED", "the red cup")
    assert detections.header == shown.header
    assert detections.detections[0].id == thing.id == answer.phrases[0].detection_ids[0]
    assert detections.detections[0].bbox.center.position.x == 24
    assert (bench.predictor.perceived, bench.predictor.looked) == (2, 1)


def test_where_a_followed_thing_is_lost_the_language_model_is_asked_at_once(make_bench):
    bench = make_bench(mode="continuous", rate_hz=0.01, track_hz=100.0)
    bench.show(picture(BOX), seconds=1)
    bench.robot.say("the red cup")
    bench.robot.hear("grounded_text")
    bench.show(picture(), seconds=2)
    lost = bench.robot.hear("grounded_text")
    assert (lost.source, lost.status) == ("model", "NOT_FOUND")


def test_a_thing_keeps_its_id_from_command_to_command(bench):
    ids = []
    for seconds, command in ((1, "the red cup"), (2, "find the red thing")):
        bench.show(picture(BOX), seconds=seconds)
        bench.robot.say(command)
        (detection,) = bench.robot.hear("detections").detections
        ids.append(detection.id)
    assert ids[0] == ids[1] and ids[0].isdecimal()


def test_what_comes_elsewhere_is_another_thing(bench):
    ids = []
    for seconds, box in ((1, (2, 2, 12, 12)), (9, (50, 30, 60, 40))):
        bench.show(picture(box), seconds=seconds)
        bench.robot.say("the red cup")
        (detection,) = bench.robot.hear("detections").detections
        ids.append(detection.id)
    assert ids[0] != ids[1]
