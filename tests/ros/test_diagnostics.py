"""Once a second `/diagnostics` says what a monitor needs to know."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from robot_bench import picture, value_of

from groma_ros.ros.latencies import AnswerRate
from groma_ros.ros.node_status import available_memory_share, memory_problem, rate_problem

BOX = (10, 8, 30, 24)


@pytest.fixture
def monitor(sides):
    """The robot with an ear for diagnostics."""
    robot = sides[1]
    ear = robot.listen(DiagnosticArray, "/diagnostics")
    # `listen` expects every topic of the node under its name.
    robot.diagnostics = robot.heard.pop("diagnostics")
    yield robot
    robot.node.destroy_subscription(ear)


def told(robot, where):
    """Return the next state of the node that fulfils a condition."""
    while True:
        (status,) = robot.diagnostics.get(timeout=60).status
        if where(status):
            return status


def test_times_and_ages_are_told_after_an_answer(make_bench, monitor):
    bench = make_bench()
    bench.show(picture(BOX))
    monitor.say("the red cup")
    monitor.hear("grounded_text")
    status = told(monitor, lambda s: any(v.key == "answer_p50_ms" for v in s.values))
    assert status.level == DiagnosticStatus.OK
    assert float(value_of(status, "answer_p95_ms")) >= float(value_of(status, "answer_p50_ms")) > 0
    assert float(value_of(status, "image_age_s")) > 0
    assert value_of(status, "last_command") == "the red cup"
    assert value_of(status, "pending_requests") == "0"


def test_a_missing_image_is_a_warning(make_bench, monitor):
    make_bench(image_timeout_s=0.1)
    status = told(monitor, lambda s: s.level == DiagnosticStatus.WARN)
    assert status.message.startswith("no image on /image for ")


def test_a_model_that_is_not_there_is_an_error(make_bench, monitor):
    make_bench(load=lambda settings: 1 / 0)
    status = told(monitor, lambda s: s.level == DiagnosticStatus.ERROR)
    assert status.message == "configure failed: division by zero"


def test_what_could_not_be_answered_is_the_last_error(make_bench, monitor):
    bench = make_bench()
    bench.show(picture(BOX))
    monitor.say("break")
    assert monitor.hear("grounded_text").status == "ERROR"
    status = told(monitor, lambda s: value_of(s, "last_error"))
    assert value_of(status, "last_error") == "RuntimeError: something broke"


def test_continuous_mode_that_does_not_keep_up_is_a_problem():
    rate = AnswerRate(window_s=5.0)
    rate.restart(100.0)
    for second in range(1, 11):
        rate.add(100.0 + second)
    assert rate.per_second(104.0) is None  # nobody knows yet
    assert rate.per_second(110.0) == 1.0
    assert rate_problem(1.0, 2.0) == "1.0 answers a second, where rate_hz is 2"
    assert rate_problem(1.7, 2.0) == rate_problem(None, 2.0) == ""
    rate.restart(None)
    assert rate.per_second(200.0) is None


def test_memory_that_is_nearly_full_is_a_problem(tmp_path):
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  30 kB\n")
    assert available_memory_share(told) == 0.03
    assert memory_problem(0.03) == "only 3 % of the machine's memory is available"
    assert memory_problem(0.5) == memory_problem(None) == ""
    assert available_memory_share(tmp_path / "none") is None
