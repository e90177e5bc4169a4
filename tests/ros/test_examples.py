"""The examples for planners do what they say, against the node."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from geometry_msgs.msg import PoseStamped
from robot_bench import PATIENCE_S, eventually, picture
from test_names import INPUTS, OUTPUTS

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer_to_pose(sides, planner, topic, pose):
    """Run a planner's node beside the robot; return what it makes of a target's pose."""
    side, robot = sides
    node = planner(context=side.context)
    stop = side.spin(node)
    ear = robot.listen(PoseStamped, topic)
    targets = robot.node.create_publisher(PoseStamped, "/groma/target_pose", 1)
    try:
        eventually(targets.get_subscription_count, "the planner")
        eventually(lambda: robot.node.count_publishers(topic), "the planner's output")
        eventually(lambda: node.count_subscribers(topic), "the ear")
        targets.publish(pose)
        return robot.hear(topic.strip("/"))
    finally:
        stop()
        node.destroy_node()
        robot.node.destroy_publisher(targets)
        robot.node.destroy_subscription(ear)
        del robot.heard[topic.strip("/")]


def target(frame, x, y, z, quaternion):
    pose = PoseStamped()
    pose.header.frame_id = frame
    pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = x, y, z
    q = pose.pose.orientation
    q.x, q.y, q.z, q.w = quaternion
    return pose


def test_the_gripper_goes_above_the_target(sides):
    pose = target("base_link", 0.4, 0.1, 0.05, (0.0, 0.0, 0.0, 1.0))
    above = answer_to_pose(sides, load("grasp_planner").GraspPlanner, "/pregrasp", pose)
    at = above.pose.position
    assert above.header.frame_id == "base_link"
    assert (at.x, at.y, at.z) == pytest.approx((0.4, 0.1, 0.15))


def test_the_robot_stops_a_metre_before_the_chair(sides):
    # The camera looks along the map's y: x of the pose points there.
    pose = target("map", 2.0, 3.0, 0.4, (0.0, 0.0, 0.5**0.5, 0.5**0.5))
    goal = answer_to_pose(sides, load("go_to").GoTo, "/goal_pose", pose)
    at = goal.pose.position
    assert (at.x, at.y, at.z) == pytest.approx((2.0, 2.0, 0.0))


@pytest.mark.parametrize("seen, words", [((10, 12, 30, 40), "success: the red cup"), (None, "")])
def test_the_client_of_the_action_ends_in_an_answer(bench, seen, words):
    bench.show(picture(seen))
    run = [sys.executable, "-P", str(EXAMPLES / "ground_client.py"), "the red cup"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert "success" in done.stdout  # that nothing was found is an answer


def test_the_bag_holds_topics_that_there_are():
    recorded = set(re.findall(r"/(?:groma/)?\w+", (EXAMPLES / "record.sh").read_text()))
    ours = {t for t in recorded if t.startswith("/groma/")}
    assert ours and ours <= {f"/groma/{name}" for name in OUTPUTS}
    assert INPUTS.keys() <= recorded
