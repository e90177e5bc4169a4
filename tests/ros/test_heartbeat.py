"""A planner knows within two seconds that perception has stopped: `~/status` is a heartbeat."""

import queue

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from robot_bench import PATIENCE_S, FakePredictor

from groma_ros.ros.publishers import HEARTBEAT_S


@pytest.fixture
def watchdog(sides):
    """Subscribe to the status as a planner does that wants to know of silence."""
    beats, silences, lives = queue.Queue(), queue.Queue(), queue.Queue()
    wanted = Duration(seconds=HEARTBEAT_S)
    qos = QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        deadline=wanted,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=wanted,
    )
    events = SubscriptionEventCallbacks(deadline=silences.put, liveliness=lives.put)
    node = sides[1].node
    ear = node.create_subscription(
        DiagnosticStatus, "/groma/status", beats.put, qos, event_callbacks=events
    )
    yield beats, silences, lives
    node.destroy_subscription(ear)


def test_the_status_comes_again_though_nothing_changes(make_bench, watchdog):
    make_bench(autostart=False, activate=False)
    beats, _, _ = watchdog
    first, second, third = (beats.get(timeout=PATIENCE_S) for _ in range(3))
    assert first == second == third
    assert first.message == "unconfigured"


def test_the_status_comes_while_the_model_is_loading(make_bench, watchdog):
    beats, _, _ = watchdog
    told = []

    def load(settings):
        while len(told) < 3:  # the heart goes on beating meanwhile
            told.append(beats.get(timeout=PATIENCE_S))
        return FakePredictor()

    make_bench(load=load)
    assert any(status.message.startswith("loading") for status in told[1:])


def test_a_node_that_is_gone_is_missed(make_bench, watchdog):
    bench = make_bench()
    beats, _, lives = watchdog
    beats.get(timeout=PATIENCE_S)
    bench.close()
    while lives.get(timeout=PATIENCE_S).alive_count:
        pass


def test_a_node_that_is_stuck_is_missed(make_bench, watchdog):
    bench = make_bench()
    beats, silences, _ = watchdog
    beats.get(timeout=PATIENCE_S)
    with bench.node._alone._lock:  # no callback of the node gets through
        assert silences.get(timeout=PATIENCE_S).total_count_change > 0
