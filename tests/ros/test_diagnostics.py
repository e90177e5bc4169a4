"""Once a second `/diagnostics` says what a monitor needs to know."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from robot_bench import picture, value_of

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
