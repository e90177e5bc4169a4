"""Fixtures of the ROS tests; what they give is in robot_bench.py."""

import sys
from pathlib import Path

import pytest
import rclpy

sys.path.insert(0, str(Path(__file__).parent))
from robot_bench import Bench, Robot, Side, eventually


@pytest.fixture(scope="session")
def sides():
    """Give the node's side and the robot, once they know each other."""
    side, robot = Side(), Robot()
    anchor = rclpy.create_node("anchor", context=side.context)  # a context without a node is mute
    eventually(lambda: robot.is_known_to(anchor), "the robot's endpoints")
    yield side, robot
    robot.stop()
    robot.node.destroy_node()
    anchor.destroy_node()
    for one in (side, robot):
        one.context.try_shutdown()


@pytest.fixture
def make_bench(sides):
    """Give a function that sets up a bench; whatever it set up is taken down again."""
    benches = []

    def make(**options):
        benches.append(Bench(*sides, **options))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make_bench):
    """Give an active node with default settings, and a robot around it."""
    return make_bench()
