"""Run a training stage for a set time: schedule, gradient averaging, checkpoints, progress."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

CHECKPOINT_EVERY_S = 180.0
REPORT_EVERY_S = 20.0
DECAY = 0.05
GENTLE = 0.35


def spawn(worker: Callable, workers: int, *args) -> None:
    """Run worker(rank, *args) in `workers` single-threaded processes that share gradients.

    On a CPU, processes of one thread each outrun one process of many threads: nothing waits for
    anything but the gradient, once a step.
    """
    with tempfile.TemporaryDirectory() as rendezvous:
        mp.spawn(_enter, (worker, workers, f"file://{rendezvous}/store", args), nprocs=workers)


def _enter(rank: int, worker: Callable, workers: int, store: str, args) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    torch.set_flush_denormal(True)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=workers)
    try:
        worker(rank, *args)
    finally:
        dist.destroy_process_group()


def fast_numbers() -> torch.autocast:
    """Return a context of bfloat16 products where they are twice as fast.

    That takes a processor with matrix tiles (AMX); with vector instructions alone (AVX512-BF16) a
    step takes nearly twice as long as in float32.
    """
    able = getattr(torch.cpu, "_is_amx_tile_supported", bool)()
    return torch.autocast("cpu", torch.bfloat16, enabled=able)


def cosine(done: float, warmup: float = 0.02, floor: float = 0.01) -> float:
    """Return the learning rate factor at `done` in [0, 1]: linear warm-up, then half a cosine."""
    if done < warmup:
        return max(done / warmup, 0.02)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def part(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the entries of one module in a checkpoint's state, without its name."""
    prefix = name + "."
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


class Trainer:
    """AdamW under a time budget, with a checkpoint that resumes where it stopped.

    Args:
        modules: what is trained and saved, by name.
        minutes: training time over all runs of this checkpoint; the schedule ends with it.
        checkpoint: the file that is written every few minutes and read again on a restart.
        gentle: a part that knows something already; it learns at a fraction of the rate.
    """

    def __init__(
        self,
        modules: nn.ModuleDict,
        lr: float,
        minutes: float,
        checkpoint: Path,
        gentle: nn.Module | None = None,
    ):
        self.modules, self.lr, self.budget_s = modules, lr, minutes * 60
        self.checkpoint = checkpoint
        self.parameters = [p for p in modules.parameters() if p.requires_grad]
        careful = set(gentle.parameters()) if gentle is not None else set()
        groups = [
            {
                "params": [
                    p for p in self.parameters if (p.ndim >= 2) is wide and (p in careful) is slow
                ],
                "weight_decay": DECAY if wide and not slow else 0.0,
                "pace": GENTLE if slow else 1.0,
            }
            for wide in (True, False)
            for slow in (True, False)
        ]
        self.optimiser = torch.optim.AdamW(
            [g for g in groups if g["params"]], lr=lr, betas=(0.9, 0.98), fused=True
        )
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.steps, self.spent_s, self.seen = 0, 0.0, 0
        self._means: dict[str, float] = {}
        if checkpoint.exists():
            self._load()
        else:
            for p in modules.state_dict().values():
                dist.broadcast(p, 0)
        self._tick = self._reported = self._saved = time.monotonic()

    @property
    def done(self) -> float:
        """The spent part of the budget, the same number in every process."""
        return min(self.spent_s / self.budget_s, 1.0)

    def step(self, losses: dict[str, Tensor], count: int, figures: dict[str, float] | None = None):
        """Take one optimiser step on the sum of `losses`; `count` examples were seen."""
        sum(losses.values()).backward()
        now = time.monotonic()
        shared = torch.cat(
            [
                (p.grad if p.grad is not None else torch.zeros_like(p)).reshape(-1)
                for p in self.parameters
            ]
            + [torch.tensor([now - self._tick, float(count)])]
        )
        self._tick = now
        dist.all_reduce(shared)
        self.spent_s += float(shared[-2]) / self.world
        self.seen += int(shared[-1])
        shared /= self.world
        offset = 0
        for p in self.parameters:
            p.grad = shared[offset : offset + p.numel()].view_as(p)
            offset += p.numel()
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.lr * group["pace"] * cosine(self.done)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.steps += 1
        self._note({k: v.item() for k, v in losses.items()} | (figures or {}))

    def _note(self, figures: dict[str, float]) -> None:
        for key, value in figures.items():
            old = self._means.get(key, value)
            self._means[key] = 0.97 * old + 0.03 * value
        now = time.monotonic()
        if self.rank:
            return
        if now - self._reported > REPORT_EVERY_S or self.done >= 1:
            self._reported = now
            left = (self.budget_s - self.spent_s) / 60
            means = "  ".join(f"{k} {v:.3f}" for k, v in self._means.items())
            print(
                f"{100 * self.done:5.1f} %  {left:5.1f} min left  {self.seen} seen  "
                f"{self.seen / max(self.spent_s, 1):.1f}/s  {means}",
                flush=True,
            )
        if now - self._saved > CHECKPOINT_EVERY_S or self.done >= 1:
            self._saved = now
            self._save()

    def _save(self) -> None:
        state = {
            "modules": self.modules.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "counters": (self.steps, self.spent_s, self.seen),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.modules.load_state_dict(state["modules"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.spent_s, self.seen = state["counters"]
        if self.rank == 0:
            print(f"resuming {self.checkpoint} at {100 * self.done:.1f} %", flush=True)
