"""Physics judges what the robot did, never its own word."""

import pytest

from groma_ros.ros.robot.planner import Outcome
from groma_ros.ros.robot.run import judge
from groma_ros.sim.robot.cases import ASK, HOLD, PUT, REFUSE, Case


def thing(name, at=(0.0, 0.0, 0.0), to=None, held=False):
    return {
        "name": name,
        "start_m": list(at),
        "position_m": list(to or at),
        "radius_m": 0.08,
        "held": held,
    }


UP = (0.0, 0.0, 0.2)
CUP, HELD_CUP = thing("red cup"), thing("red cup", to=UP, held=True)
CAN, HELD_CAN = thing("blue can"), thing("blue can", to=UP, held=True)
BOWL = thing("white bowl", at=(0.3, 0.0, 0.0))
DONE, GAVE_UP, ASKED = Outcome(True, "done"), Outcome(False, "no"), Outcome(False, "which?", True)


def case(right, **more):
    return Case(0, "", (("red", "cup"), ("blue", "can")), right, **more)


@pytest.mark.parametrize(
    ("asked", "outcome", "truth", "wrong"),
    [
        (case(HOLD), DONE, [HELD_CUP, CAN], ""),
        (case(HOLD), DONE, [CUP, CAN], "nothing is held"),
        (case(HOLD), DONE, [CUP, HELD_CAN], "blue can is held"),
        (case(HOLD), DONE, [HELD_CUP, thing("blue can", to=(0.1, 0, 0))], "moved: blue can"),
        (case(REFUSE, target=-1), GAVE_UP, [CUP, CAN], ""),
        (case(REFUSE, target=-1), DONE, [HELD_CUP, CAN], "red cup was taken"),
        (case(ASK, target=-1), ASKED, [CUP, CAN], ""),
        (case(ASK, target=-1), GAVE_UP, [CUP, CAN], "it did not ask"),
        (case(PUT, destination=1), DONE, [thing("red cup", to=(0.28, 0, 0.05)), BOWL], ""),
        (case(PUT, destination=1), DONE, [CUP, BOWL], "red cup is not at white bowl"),
        (case(PUT, destination=1), DONE, [HELD_CUP, BOWL], "red cup is not at white bowl"),
    ],
)
def test_the_judge(asked, outcome, truth, wrong):
    assert judge(asked, outcome, truth).startswith(wrong) and bool(
        judge(asked, outcome, truth)
    ) == bool(wrong)


def test_the_leftmost_is_told_by_where_things_lay():
    left, right = thing("red can", at=(0.1, 0, 0)), thing("blue can", at=(-0.1, 0, 0), to=UP)
    right["held"] = True
    wanted = (("red", "can"), ("blue", "can"))
    assert judge(Case(0, "", wanted, HOLD, side="right"), DONE, [left, right]) == ""
    assert judge(Case(0, "", wanted, HOLD, side="left"), DONE, [left, right]) != ""
