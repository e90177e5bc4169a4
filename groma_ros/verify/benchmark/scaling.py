"""Measure how cost grows with regions, commands, pictures in a batch and tokens of an answer."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from groma_ros.inference.decode import decode_one, prefill
from groma_ros.inference.shared_prefix import read_questions
from groma_ros.model.groma import Groma
from groma_ros.verify.benchmark.memory import extra_mb
from groma_ros.verify.benchmark.middle_model import QUESTION, picture, prompt

if TYPE_CHECKING:
    from groma_ros.verify.benchmark.parts import Clock

REGIONS, COMMANDS = (10, 25, 50, 75, 100), (1, 2, 4, 8, 16)
PICTURES, TOKENS = (1, 2, 3, 4), (5, 20, 50, 100, 200)
PHRASE = 20
"""Tokens of a command that asks for one thing, up to the region token of its answer."""
Row = dict[str, float]


def tables(model: Groma, clock: Clock, reps: int) -> Iterator[tuple[str, list[Row]]]:
    """Print and yield the rows of each table, under the name of what grows."""
    for rows in (regions, commands, pictures, tokens):
        title = rows.__name__
        print(f"  cost by number of {title}", flush=True)
        done = []
        with torch.inference_mode():
            for row in rows(model, clock, reps):
                if not done:
                    print("  " + "".join(f"{key:>22}" for key in row))
                print("  " + "".join(f"{value:>22.1f}" for value in row.values()), flush=True)
                done.append(row)
        yield title, done


def regions(model: Groma, clock: Clock, reps: int) -> Iterator[Row]:
    """Yield the cost of encoding and reading 10 to 100 regions of one picture."""
    seen = model.perceiver.see(picture(model))
    proposed, ids = model.perceiver.propose(seen.states), prompt(model)
    for count in REGIONS:
        keep_all = {"nms_thres": 1.0, "box_score_thres": 0.0, "max_region_num": count}
        chosen = model.with_settings(**keep_all).select(proposed)
        percept = model.encode(seen, chosen)[0]
        embeds = model.embed_prompt(ids, percept)[None]
        yield {
            "regions": len(percept.scores),
            **_cost("region_encoder", clock, reps, lambda c=chosen: model.encode(seen, c)),
            **_cost("prefill", clock, reps, lambda e=embeds: prefill(model, e)),
        }


def commands(model: Groma, clock: Clock, reps: int) -> Iterator[Row]:
    """Yield the cost of asking for 1 to 16 things in one kept picture, all in one forward."""
    percept = model.perceive(picture(model))[0]
    words = prompt(model)[-PHRASE:]
    _, prefix = prefill(model, model.embed_prompt(prompt(model), percept)[None, :-QUESTION])
    first = model.ids.first_region
    regions = torch.arange(first, first + len(percept.scores), device=model.device)

    def point(count: int) -> Tensor:
        turns = [model.embed_ids(words.roll(i)) for i in range(count)]
        hidden, _ = read_questions(model, turns, prefix)
        return model.added_logits(hidden, regions).softmax(-1).cpu()

    for count in COMMANDS:
        row = _cost("point", clock, reps, lambda c=count: point(c))
        yield {"commands": count, **row, "each_ms": row["point_ms"] / count}


def pictures(model: Groma, clock: Clock, reps: int) -> Iterator[Row]:
    """Yield the cost of perceiving 1 to 4 pictures in one batch."""
    for count in PICTURES:
        batch = torch.cat([picture(model).roll(56 * i, -1) for i in range(count)])
        row = _cost("perceive", clock, reps, lambda b=batch: model.perceive(b))
        yield {"pictures": count, **row, "each_ms": row["perceive_ms"] / count}


def tokens(model: Groma, clock: Clock, reps: int) -> Iterator[Row]:
    """Yield the cost of answers of 5 to 200 tokens after a kept picture."""
    percept = model.perceive(picture(model))[0]
    hidden, prefix = prefill(model, model.embed_prompt(prompt(model), percept)[None])

    def answer(count: int) -> None:
        state, cache = hidden, prefix.fork()
        for _ in range(count):
            token = int(model.logits(state).argmax())
            state, cache = decode_one(model, token, cache)

    for count in TOKENS:
        row = _cost("answer", clock, reps, lambda c=count: answer(c))
        yield {"tokens": count, **row, "each_ms": row["answer_ms"] / count}


def _cost(name: str, clock: Clock, reps: int, call: Callable[[], object]) -> Row:
    """Return the median time of a call in ms, and the most memory that it adds in MiB."""
    memory = extra_mb(clock.device, call)
    clock.ms.pop(name, None)
    for _ in range(reps):
        clock.time(name, call)
    return {f"{name}_ms": statistics.median(clock.ms[name]), f"{name}_mb": memory}
