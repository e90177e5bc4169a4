"""What the robot is asked to do on which table, and what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from groma_ros.sim.library import Library, make_library
from groma_ros.sim.robot.table import TableThing, lay_table
from groma_ros.sim.scene import COLOURS

GRASPABLE = ("cup", "can", "apple", "banana", "cube", "ball")
CARRYING = ("bowl", "plate")
NATURAL = {"apple": "red", "banana": "yellow"}
HOLD, PUT, REFUSE, ASK = "hold", "put", "refuse", "ask"
THINGS = 5


@dataclass(frozen=True)
class Case:
    """Describe one table and one command.

    number   seeds the table
    command  what the robot is told
    wanted   (colour, kind) of the things on the table
    right    HOLD: thing `target` is held above the table; PUT: it lies in or on `destination`;
             REFUSE: there is no such thing, nothing is touched; ASK: several fit, the robot asks
    side     "left" or "right": the target is the outermost of its kind on that side of the picture
    """

    number: int
    command: str
    wanted: tuple[tuple[str, str], ...]
    right: str = HOLD
    target: int = 0
    destination: int = -1
    side: str = ""


@lru_cache(maxsize=1)
def _library() -> Library:
    return make_library()


def things_of(case: Case) -> list[TableThing]:
    """Return the things on the table of a case; the same ones on every call."""
    return lay_table(np.random.default_rng([1303, case.number]), _library(), case.wanted)


def case_for(command: str, seed: int) -> Case:
    """Return a table for any command: the things that it names, and others beside them.

    The first thing that is named is the target; one behind "in", "into", "on" or "onto" is the
    destination. Raises ValueError for a command that names nothing that the simulator has.
    """
    rng = np.random.default_rng([77, seed])
    words = [word.strip(".,!?").lower() for word in command.split()]
    named, places = [], []
    for at, word in enumerate(words):
        kind = next((k for k in (*GRASPABLE, *CARRYING) if word in (k, f"{k}s")), "")
        if kind:
            colour = words[at - 1] if at and words[at - 1] in COLOURS else _colour(rng, kind)
            named.append((colour, kind))
            places.append(
                any(w in ("in", "into", "on", "onto") for w in words[max(at - 4, 0) : at])
            )
    if not named:
        raise ValueError(
            f"the simulator has {', '.join((*GRASPABLE, *CARRYING))}; name one of them"
        )
    destination = next((n for n, is_place in enumerate(places) if is_place and n), -1)
    wanted = _with_others(rng, named, THINGS)
    right = PUT if destination > 0 else HOLD
    return Case(1000 + seed, command, wanted, right, 0, destination)


def _colour(rng: np.random.Generator, kind: str, not_in: Sequence[str] = ()) -> str:
    """Return a colour that a thing of the kind may have, and that is easily named."""
    if kind in NATURAL:
        return NATURAL[kind]
    choices = [c for c in ("red", "green", "blue", "yellow", "white", "orange") if c not in not_in]
    return str(rng.choice(choices))


def _with_others(
    rng: np.random.Generator,
    named: Sequence[tuple[str, str]],
    count: int,
    without: Sequence[str] = (),
) -> tuple[tuple[str, str], ...]:
    """Return the named things and others of further kinds, `count` in all."""
    kinds = [k for k in GRASPABLE if k not in {kind for _, kind in named} | set(without)]
    others = rng.permutation(kinds)[: max(count - len(named), 0)].tolist()
    return (*named, *((_colour(rng, kind), kind) for kind in others))


def _table_cases() -> list[Case]:
    """Return the forty cases of `make sim-table`: the same on every call."""
    cases: list[Case] = []
    rng = np.random.default_rng(40)

    def add(command: str, named: Sequence[tuple[str, str]], right: str = HOLD, **more) -> None:
        without = more.pop("without", ())
        wanted = _with_others(rng, named, THINGS, without)
        cases.append(Case(len(cases), command, wanted, right, **more))

    for kind in ("cup", "can", "cube", "ball", "apple", "banana", "cup", "can", "cube", "ball"):
        colour = _colour(rng, kind)
        add(f"pick up the {colour} {kind}", [(colour, kind)])
    for kind in GRASPABLE:
        add(f"take the {kind}", [(_colour(rng, kind), kind)])
    for kind, side in (("can", "left"), ("cube", "right"), ("ball", "left"), ("can", "right")):
        first = _colour(rng, kind)
        both = [(first, kind), (_colour(rng, kind, (first,)), kind)]
        add(f"pick up the {side}most {kind}", both, side=side)
    for kind, place in zip(("apple", "cube", "ball", "banana", "can", "cube", "apple", "ball"),
                           ("bowl", "plate") * 4, strict=True):  # fmt: skip
        thing, holder = (_colour(rng, kind), kind), (_colour(rng, place), place)
        preposition = "into" if place == "bowl" else "on"
        command = f"put the {kind} {preposition} the {place}"
        add(command, [thing, holder], PUT, destination=1)
    for kind in ("cup", "can", "ball", "banana", "cube", "apple"):
        add(f"pick up the {kind}", [], REFUSE, without=(kind,), target=-1)
    for kind in ("cup", "can", "cube", "ball", "cup", "can"):
        first = _colour(rng, kind)
        both = [(first, kind), (_colour(rng, kind, (first,)), kind)]
        add(f"pick up the {kind}", both, ASK, target=-1)
    return cases


CASES = _table_cases()
