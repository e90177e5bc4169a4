"""The forty cases of the simulated robot, and the judge that looks at physics alone."""

from collections import Counter

import numpy as np
import pytest

from groma_ros.sim.robot.cases import ASK, CASES, HOLD, PUT, REFUSE, case_for, things_of
from groma_ros.sim.robot.table import GAP_M, HALF_REACH_M, WIDEST_M


def test_there_are_forty_cases_of_every_kind():
    assert Counter(case.right for case in CASES) == {HOLD: 20, PUT: 8, REFUSE: 6, ASK: 6}
    assert [case.number for case in CASES] == list(range(40))


@pytest.mark.parametrize("number", [0, 7, 16, 22, 30, 36])
def test_a_table_is_laid_the_same_way_each_time_and_within_reach(number):
    things, again = things_of(CASES[number]), things_of(CASES[number])
    assert [t.name for t in things] == [" ".join(wanted) for wanted in CASES[number].wanted]
    for thing, other in zip(things, again, strict=True):
        np.testing.assert_array_equal(thing.position, other.position)
        assert (np.abs(thing.position[:2]) <= HALF_REACH_M).all()
        assert thing.kind.carries or min(thing.size_m[:2]) <= WIDEST_M + 1e-9
    for n, thing in enumerate(things):
        for other in things[:n]:
            apart = np.linalg.norm(thing.position[:2] - other.position[:2])
            assert apart - thing.radius_m - other.radius_m > GAP_M


def test_what_is_to_be_refused_is_not_on_the_table():
    for case in CASES:
        if case.right == REFUSE:
            assert case.command.split()[-1] not in {kind for _, kind in case.wanted}


def test_a_command_lays_the_table_that_it_needs():
    case = case_for("put the red apple into the white bowl", 3)
    assert case.wanted[:2] == (("red", "apple"), ("white", "bowl"))
    assert (case.right, case.target, case.destination) == (PUT, 0, 1)
    assert case_for("pick up the red cup", 3).right == HOLD
    with pytest.raises(ValueError, match="the simulator has cup, can"):
        case_for("pick up the piano", 3)
