"""Keys and values of what the language model has read, in buffers with room for what comes next."""

import copy

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# Positions of room that a buffer gets beyond what it must hold.
_ROOM = 128


class GrowingLayer(DynamicLayer):
    """Write new keys and values behind the old ones instead of copying all of them every token.

    `keys` and `values` (B, heads, length, size) are views of the buffers' filled part. A layer
    writes only into buffers that it made for itself; tensors that came from elsewhere, from a fork
    or by assignment, are copied first.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[Tensor, Tensor] | None = None
        self._filled: Tensor | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Append (B, heads, L, size) and return all keys and values."""
        if torch.is_grad_enabled():
            return super().update(key_states, value_states, *args, **kwargs)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if not self._has_room(end):
            self._grow(key_states, value_states, start, end)
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = new
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        self._filled = self.keys
        return self.keys, self.values

    def share(self) -> "GrowingLayer":
        """Return a layer that continues from the same tensors and never writes into them."""
        twin = copy.copy(self)
        twin._buffers = twin._filled = None
        return twin

    def _has_room(self, end: int) -> bool:
        if self._buffers is None or self.keys is not self._filled:
            return False
        frozen = self._buffers[0].is_inference() and not torch.is_inference_mode_enabled()
        return not frozen and end <= self._buffers[0].shape[2]

    def _grow(self, keys: Tensor, values: Tensor, start: int, end: int) -> None:
        old = (self.keys, self.values) if start else (None, None)
        self.lazy_initialization(keys, values)
        buffers = []
        for known, new in zip(old, (keys, values), strict=True):
            buffer = new.new_empty((*new.shape[:2], end + _ROOM, new.shape[3]))
            if known is not None:
                buffer[:, :, :start] = known
            buffers.append(buffer)
        self._buffers = tuple(buffers)


def empty_cache(layers: int) -> DynamicCache:
    """Return a cache of `layers` growing layers that holds nothing yet."""
    cache = DynamicCache()
    cache.layers = [GrowingLayer() for _ in range(layers)]
    return cache


def fork(cache: DynamicCache) -> DynamicCache:
    """Return a cache that continues from the same prefix and leaves the original as it is.

    Nothing is copied before something is appended.
    """
    twin = copy.copy(cache)
    twin.layers = [
        layer.share() if isinstance(layer, GrowingLayer) else copy.copy(layer)
        for layer in cache.layers
    ]
    return twin
