"""The node is one of several in a process, whatever executor serves them."""

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

from action_msgs.msg import GoalStatus
from rclpy.executors import MultiThreadedExecutor
from robot_bench import PATIENCE_S, eventually, header, picture
from vision_msgs.msg import BoundingBox2D

from groma_ros.pictures import open_pictures
from groma_ros.ros import messages
from groma_ros.ros.one_at_a_time import OneAtATime
from groma_ros.srv import DescribeRegion

BOX = (10, 8, 30, 24)
EXAMPLE = Path(__file__).parents[2] / "examples/one_process.py"
FOUR_THREADS = partial(MultiThreadedExecutor, num_threads=4)


def test_a_callback_waits_for_the_one_in_another_thread():
    alone, order = OneAtATime(), []
    inside, go_on = threading.Event(), threading.Event()

    def first():
        inside.set()
        assert go_on.wait(PATIENCE_S)
        order.append("first")

    threads = [threading.Thread(target=alone(first))]
    threads[0].start()
    assert inside.wait(PATIENCE_S)
    threads.append(threading.Thread(target=alone(lambda: order.append("second"))))
    threads[1].start()
    assert order == []
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == ["first", "second"]


def test_a_callback_may_call_another_one_and_returns_its_result():
    alone = OneAtATime()
    double = alone(lambda value, times=2: times * value)
    assert alone(lambda: double(4, times=3))() == 12


def test_an_executor_of_several_threads_answers_everything_once(make_bench):
    bench = make_bench(executor=FOUR_THREADS)
    robot = bench.robot
    bench.show(picture(BOX), seconds=1)
    goals = [robot.pursue("the red cup") for _ in range(4)]
    for number in range(6):
        robot.say(f"the red cup number {number}")
        bench.show(picture(BOX), seconds=2 + number)
    box = BoundingBox2D(size_x=20.0, size_y=10.0)
    box.center.position.x, box.center.position.y = 20.0, 12.0
    assert robot.call(DescribeRegion, DescribeRegion.Request(bbox=box)).success
    for goal in goals:
        status, result = goal.result()
        assert status == GoalStatus.STATUS_SUCCEEDED
        assert result.answer.status == "GROUNDED"
    heard = [robot.hear("grounded_text").command_id for _ in range(6)]
    assert len(set(heard)) == 6
    eventually(lambda: not len(bench.node._pending), "the last answer")
    assert bench.predictor.most_inside == 1


def test_a_command_is_cancelled_by_a_service_while_the_model_is_held(make_bench):
    bench = make_bench(executor=FOUR_THREADS)
    bench.show(picture(BOX))
    bench.hold_the_model()
    goal = bench.robot.pursue("the red cup")
    goal.cancel()
    status, _ = goal.result()
    assert status == GoalStatus.STATUS_CANCELED
    bench.predictor.gate.set()
    assert bench.robot.hear("grounded_text").status == "GROUNDED"


def test_the_example_serves_both_nodes_and_ends_when_interrupted(sides):
    robot = sides[1]
    parameters = ("max_image_age_s:=0.0", "command_timeout_s:=60.0")
    words = [word for one in parameters for word in ("-p", f"groma:{one}")]
    process = subprocess.Popen(
        [sys.executable, "-P", str(EXAMPLE), "--ros-args", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    lines, answered = [], threading.Event()

    def read():
        for line in process.stdout:
            lines.append(line)
            if "[planner]" in line:
                answered.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        robot.say("pick up the red cup")
        eventually(robot.camera.get_subscription_count, "somebody who takes images")
        image = messages.image(next(open_pictures("").frames), header(1))
        while not answered.wait(1.0):
            assert process.poll() is None, "".join(lines)
            robot.camera.publish(image)  # best effort loses some
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        reader.join(PATIENCE_S)
    assert "'pick up the red cup': GROUNDED" in "".join(lines)
    assert "Traceback" not in "".join(lines)
    robot.forget()
