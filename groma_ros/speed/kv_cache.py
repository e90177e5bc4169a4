"""Keys and values of what the language model has read, in buffers with room for what comes next."""

from __future__ import annotations

import torch
from torch import Tensor

# Positions of room that a buffer gets beyond what it must hold.
_ROOM = 128


class LayerCache:
    """Keep one layer's keys and values, and write new ones behind them without copying the rest.

    `keys` and `values` (B, heads, length, size) are views of the buffers' filled part. A layer
    writes only into buffers that it made for itself; tensors that came from elsewhere, from a fork
    or by assignment, are copied first.
    """

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None) -> None:
        self.keys, self.values = keys, values
        self._buffers: tuple[Tensor, Tensor] | None = None
        self._filled: Tensor | None = None

    @property
    def length(self) -> int:
        """Number of positions that are kept."""
        return 0 if self.keys is None else self.keys.shape[2]

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append (B, heads, L, size) and return all keys and values (B, heads, length, size).

        Where gradients are computed nothing is written in place.
        """
        if torch.is_grad_enabled():
            if self.keys is not None:
                keys = torch.cat((self.keys, keys), dim=2)
                values = torch.cat((self.values, values), dim=2)
            self.keys, self.values = keys, values
            return keys, values
        start = self.length
        end = start + keys.shape[2]
        if not self._has_room(end):
            self._grow(keys, values, start, end)
        for buffer, new in zip(self._buffers, (keys, values), strict=True):
            buffer[:, :, start:end] = new
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        self._filled = self.keys
        return self.keys, self.values

    def _has_room(self, end: int) -> bool:
        if self._buffers is None or self.keys is not self._filled:
            return False
        frozen = self._buffers[0].is_inference() and not torch.is_inference_mode_enabled()
        return not frozen and end <= self._buffers[0].shape[2]

    def _grow(self, keys: Tensor, values: Tensor, start: int, end: int) -> None:
        old = (self.keys, self.values) if start else (None, None)
        buffers = []
        for known, new in zip(old, (keys, values), strict=True):
            buffer = new.new_empty((*new.shape[:2], end + _ROOM, new.shape[3]))
            if known is not None:
                buffer[:, :, :start] = known
            buffers.append(buffer)
        self._buffers = tuple(buffers)


class KeyValueCache:
    """Keep the keys and values of every layer of the language model."""

    def __init__(self, layers: list[LayerCache]) -> None:
        self.layers = layers

    @classmethod
    def empty(cls, layers: int) -> KeyValueCache:
        """Return a cache of `layers` layers that holds nothing yet."""
        return cls([LayerCache() for _ in range(layers)])

    @property
    def length(self) -> int:
        """Number of positions that are kept."""
        return self.layers[0].length

    def fork(self) -> KeyValueCache:
        """Return a cache that continues from the same positions and leaves this one as it is.

        Nothing is copied before something is appended.
        """
        return KeyValueCache([LayerCache(layer.keys, layer.values) for layer in self.layers])

    def rows(self, indices: Tensor) -> KeyValueCache:
        """Return a cache whose rows are those at `indices` (R,) of this one; rows may repeat."""
        return KeyValueCache(
            [LayerCache(layer.keys[indices], layer.values[indices]) for layer in self.layers]
        )

    def spans(self, *spans: tuple[int, int]) -> KeyValueCache:
        """Return a cache of the positions in some (start, end) of this one, behind each other."""
        return KeyValueCache(
            [
                LayerCache(*(_spans(tensor, spans) for tensor in (layer.keys, layer.values)))
                for layer in self.layers
            ]
        )


class FixedLayerCache(LayerCache):
    """Keep one layer's keys and values in buffers of one size, at one place.

    What is written, and where, depends on tensors alone, so that a CUDA graph can be recorded of it
    and `torch.compile` sees no number that changes.
    """

    def __init__(self, keys: Tensor, values: Tensor, position: Tensor) -> None:
        super().__init__(keys, values)
        self._position = position

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write (B, heads, 1, size) at `position` (1,); return the whole buffers, filled or not."""
        self.keys.index_copy_(2, self._position, keys)
        self.values.index_copy_(2, self._position, values)
        return self.keys, self.values


class FixedKeyValueCache(KeyValueCache):
    """Keep the keys and values of one row in buffers of `capacity` positions for every layer.

    `position` (1,) says where the next ones are written; it is a tensor on the device.
    """

    def __init__(self, like: KeyValueCache, capacity: int) -> None:
        """Take layers, heads, device and precision from a cache that holds something."""
        first = like.layers[0].keys  # (1, heads, length, size)
        shape = (1, first.shape[1], capacity, first.shape[3])
        with torch.inference_mode(False):  # so that it may be written to in any mode later on
            self.position = torch.zeros(1, dtype=torch.long, device=first.device)
            layers = [
                FixedLayerCache(
                    torch.zeros(shape, dtype=first.dtype, device=first.device),
                    torch.zeros(shape, dtype=first.dtype, device=first.device),
                    self.position,
                )
                for _ in like.layers
            ]
        super().__init__(layers)
        self.capacity = capacity

    @torch.no_grad()
    def fill(self, cache: KeyValueCache) -> None:
        """Copy what another cache holds to the first positions."""
        for layer, other in zip(self.layers, cache.layers, strict=True):
            layer.keys[:, :, : other.length].copy_(other.keys)
            layer.values[:, :, : other.length].copy_(other.values)


def _spans(tensor: Tensor, spans: tuple[tuple[int, int], ...]) -> Tensor:
    return torch.cat([tensor[:, :, start:end] for start, end in spans], dim=2)
