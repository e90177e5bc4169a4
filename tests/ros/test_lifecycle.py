"""The transitions: what each does, and that one that fails says why."""

import gc
import threading
import weakref

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.lifecycle.node import LifecycleNodeMixin
from robot_bench import PATIENCE_S, FakePredictor, eventually, picture, value_of

from groma_ros.srv import DescribeRegion

CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
BOX = (10, 8, 30, 24)


def change(bench, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return bench.robot.call(ChangeState, request).success


def state(bench):
    return bench.robot.call(GetState, GetState.Request()).current_state.label


def test_the_whole_life(make_bench):
    bench = make_bench(activate=False)
    assert state(bench) == "unconfigured"
    for transition, then in (
        (CONFIGURE, "inactive"),
        (ACTIVATE, "active"),
        (DEACTIVATE, "inactive"),
        (ACTIVATE, "active"),
        (DEACTIVATE, "inactive"),
        (CLEANUP, "unconfigured"),
        (CONFIGURE, "inactive"),
        (Transition.TRANSITION_INACTIVE_SHUTDOWN, "finalized"),
    ):
        assert change(bench, transition)
        assert state(bench) == then
        status = bench.robot.hear("status", lambda s, then=then: value_of(s, "state") == then)
        assert status.message == then


def test_commands_are_served_only_while_active(make_bench):
    bench = make_bench(activate=False)
    assert bench.node.count_subscribers("/command") == 0
    change(bench, CONFIGURE)
    assert bench.node.count_subscribers("/command") == 0
    answer = bench.robot.call(DescribeRegion, DescribeRegion.Request())
    assert (answer.success, answer.message) == (False, "the node is inactive, not active")
    change(bench, ACTIVATE)
    bench.show(picture(BOX))
    bench.robot.say("the red cup")
    assert bench.robot.hear("grounded_text").status == "GROUNDED"


def test_a_failing_configure_says_why(make_bench):
    """A transition must not fail without a word, nor succeed though there is no model."""
    tries = []

    def load(settings):
        tries.append(settings.model)
        if len(tries) == 1:
            raise ValueError("/no/such/folder holds no config.json")
        return FakePredictor()

    bench = make_bench(activate=False, load=load)
    assert not change(bench, CONFIGURE)
    assert state(bench) == "unconfigured"
    why = "configure failed: /no/such/folder holds no config.json"
    assert bench.robot.hear("rosout", lambda log: log.msg == why).name == "groma"
    status = bench.robot.hear("status", lambda s: s.message == why)
    assert status.level == b"\x02"
    assert change(bench, CONFIGURE)
    assert bench.robot.hear("status", lambda s: s.message == "inactive").level == b"\x00"


def test_deactivating_keeps_the_model_and_cleaning_up_frees_it(make_bench):
    loaded = []

    def load(settings):
        predictor = FakePredictor()
        loaded.append(weakref.ref(predictor))
        return predictor

    bench = make_bench(load=load)
    bench.show(picture(BOX))
    bench.robot.say("the red cup")
    bench.robot.hear("grounded_text")
    change(bench, DEACTIVATE)
    change(bench, ACTIVATE)
    assert len(loaded) == 1
    assert loaded[0]() is not None
    change(bench, DEACTIVATE)
    change(bench, CLEANUP)
    gc.collect()
    assert loaded[0]() is None
    assert "groma-model" not in [thread.name for thread in threading.enumerate()]


def test_deactivating_cancels_what_is_open_and_forgets_the_image(make_bench):
    bench = make_bench(command_timeout_s=0.1)
    bench.show(picture(BOX))
    bench.hold_the_model()
    assert change(bench, DEACTIVATE)
    cancelled = bench.robot.hear("grounded_text")
    assert (cancelled.status, cancelled.reason) == ("CANCELLED", "the node was deactivated")
    bench.predictor.gate.set()
    eventually(lambda: not bench.robot.voice.get_subscription_count(), "the node's deafness")
    assert change(bench, ACTIVATE)
    bench.robot.say("the next red cup")
    late = bench.robot.hear("grounded_text")
    assert (late.command, late.status) == ("the next red cup", "NO_IMAGE")


def test_a_region_asked_about_is_cancelled_too(bench):
    from test_while_busy import describe

    bench.show(picture(BOX))
    bench.predictor.gate.clear()
    answers = []
    caller = threading.Thread(
        target=lambda: answers.append(bench.robot.call(DescribeRegion, describe(BOX)))
    )
    caller.start()
    assert bench.predictor.entered.acquire(timeout=PATIENCE_S)
    assert change(bench, DEACTIVATE)
    caller.join(PATIENCE_S)
    assert [(a.success, a.message) for a in answers] == [(False, "the node was deactivated")]


def test_loading_shows_progress(make_bench, monkeypatch):
    monkeypatch.setattr("groma_ros.ros.node.PROGRESS_PERIOD_S", 0.01)
    heard = threading.Event()

    def load(settings):
        assert heard.wait(PATIENCE_S)
        return FakePredictor()

    bench = make_bench(activate=False, load=load)
    changing = threading.Thread(target=change, args=(bench, CONFIGURE))
    changing.start()
    bench.robot.hear("rosout", lambda log: log.msg.startswith("loading nano (auto, auto)"))
    bench.robot.hear("rosout", lambda log: log.msg.startswith("still loading"))
    heard.set()
    changing.join(PATIENCE_S)
    bench.robot.hear("rosout", lambda log: log.msg.startswith("loaded in "))


@pytest.mark.parametrize("transition", [ACTIVATE, DEACTIVATE, CLEANUP])
def test_a_transition_that_does_not_exist_changes_nothing(make_bench, transition):
    bench = make_bench(activate=False)
    assert not change(bench, transition)
    assert state(bench) == "unconfigured"


def test_an_rclpy_that_raises_on_such_a_transition_ends_nothing(make_bench, monkeypatch):
    """Jazzy's rclpy lets the exception reach the executor, which ends the process (rclpy #1209)."""
    bench = make_bench(activate=False)

    def refuse(node, transition):
        raise RuntimeError("Transition is not registered")

    monkeypatch.setattr(LifecycleNodeMixin, "_LifecycleNodeMixin__change_state", refuse)
    assert not change(bench, ACTIVATE)
    bench.robot.hear("rosout", lambda log: "Transition is not registered" in log.msg)
    monkeypatch.undo()
    assert change(bench, CONFIGURE)
