"""Read tokens with everything at a fixed place: as one CUDA graph, or one compiled function.

Both are optional. A step is compared with the plain path before it is used. Where they differ, or
a step can't be recorded or compiled, the log says so and the plain path goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from groma_ros.inference.decode import decode_one
from groma_ros.model.groma import Groma
from groma_ros.speed.cuda_graph import RecordedFunction
from groma_ros.speed.kv_cache import FixedKeyValueCache, KeyValueCache

log = logging.getLogger(__name__)
_TOLERANCES = {torch.float32: 1e-3}
_TOLERANCE_IN_HALF_PRECISION = 3e-2


class FixedDecoder:
    """Read the tokens of one answer at a time into buffers as long as the model's longest text.

    A step is a function of one tensor, (2,) int64: token id and position. Everything else that it
    reads and writes stays where it is: weights, buffers, tables of the rotary positions. Buffers
    of groma-7b take 1 GB in bfloat16. All calls come from one thread.
    """

    def __init__(
        self,
        model: Groma,
        record: bool = False,
        compile_step: bool = False,
        backend: str = "inductor",
    ) -> None:
        """Take a model; a step is recorded as a CUDA graph, compiled by `backend`, or both."""
        self._model, self._record = model, record
        self._compile, self._backend = compile_step, backend
        self._cache: FixedKeyValueCache | None = None
        self._step: Callable[[Tensor], Tensor] = self._plain_step
        self._length, self._busy, self._given_up = 0, False, False

    def acquire(self, cache: KeyValueCache) -> bool:
        """Go on from what `cache` holds, which stays as it is; return whether that is possible.

        It is not while another answer is decoded, nor after the steps were given up.
        """
        if self._busy or self._given_up:
            return False
        if self._cache is None and not self._prepare(cache):
            self._given_up = True
            return False
        self._cache.fill(cache)
        self._length, self._busy = cache.length, True
        return True

    def release(self) -> None:
        """Let the next answer be decoded."""
        self._busy = False

    def read(self, token_id: int) -> Tensor:
        """Read one token and return its hidden state (1, D), which the next call overwrites."""
        hidden = self._step(self._state(token_id, self._length))
        self._length += 1
        return hidden

    def _state(self, token_id: int, position: int) -> Tensor:
        return torch.tensor([token_id, position]).to(self._model.device, non_blocking=True)

    def _prepare(self, cache: KeyValueCache) -> bool:
        """Make buffers and the step; tell whether it computes what the plain path does."""
        language, rotary = self._model.config.language, self._model.llm.model.rotary
        try:
            if rotary.dynamic:
                raise RuntimeError("its rope_scaling depends on the length of the text")
            self._cache = FixedKeyValueCache(cache, language.max_position_embeddings)
            with torch.inference_mode(False), torch.no_grad():
                self._positions = torch.arange(self._cache.capacity, device=self._model.device)
            self._tables = rotary.up_to(self._cache.capacity, cache.layers[0].keys)
            self._cache.fill(cache)
            if self._compile:
                self._step = torch.compile(
                    self._plain_step, fullgraph=True, dynamic=False, backend=self._backend
                )
            if self._record:
                self._step = RecordedFunction(self._step, lambda h: [h], subject="decoding steps")
            self._compare(cache)
        except (RuntimeError, AssertionError, ImportError, OSError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("tokens are read without fixed buffers: %s", reason)
            self._cache = None
            return False
        return True

    def _compare(self, cache: KeyValueCache) -> None:
        """Raise RuntimeError where the step and the plain path differ in the next token."""
        token_id = self._model.config.language.eos_token_id
        plain, _ = decode_one(self._model, token_id, cache.fork())
        state = self._state(token_id, cache.length)
        fixed = self._step(state)
        if isinstance(self._step, RecordedFunction) and not self._step.has_recorded(state):
            raise RuntimeError("no CUDA graph could be recorded of a step")
        difference = float((fixed - plain).float().norm() / plain.float().norm())
        most = _TOLERANCES.get(plain.dtype, _TOLERANCE_IN_HALF_PRECISION)
        if not difference <= most:
            raise RuntimeError(f"a step differs from the plain path by {difference:.2g} of {most}")

    @torch.no_grad()
    def _plain_step(self, state: Tensor) -> Tensor:
        """Read token `state[0]` at position `state[1]`; return the hidden state (1, D)."""
        cache, position = self._cache, state[1:]
        cache.position.copy_(position)
        embeds = self._model.embed_ids(state[:1])[None]  # (1, 1, D)
        rotation = tuple(table.index_select(0, position) for table in self._tables)  # (1, size)
        mask = (self._positions <= position)[None, None, None]  # (1, 1, 1, capacity)
        return self._model.llm.model.run(embeds, cache, rotation, mask).hidden[:, 0]
