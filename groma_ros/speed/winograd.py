"""3x3 convolutions with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Sixteen neighbouring outputs need 36 products instead of 144 (arXiv 1509.09308): an input tile of
6x6 values is transformed, multiplied by the transformed filter, and transformed back. Nothing is
left out; only the order of the additions differs, by a few float32 roundings. On a CPU, where
nothing but arithmetic limits a wide convolution, it takes a third of the time of a direct one.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

TILE, SPAN = 4, 6
# Tiles in flight: their 36 planes should stay in the cache of a core or two.
_TILES = 96
# Five points and infinity. The rounding error is a quarter of that of the usual 0, 1, -1, 2, -2.
_POINTS = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0), -math.sqrt(2.0))


def is_faster_for(features: Tensor) -> bool:
    """Tell whether a convolution of `features` is faster this way: float32, CPU, no gradient."""
    plain = features.device.type == "cpu" and features.dtype == torch.float32
    return plain and not torch.is_grad_enabled()


def conv3x3(parts: Sequence[Tensor], convs: Sequence[nn.Conv2d]) -> Tensor:
    """Convolve `parts` [(N, I_i, H, W)], one behind the other in channels, with padding 1.

    `convs` split the channels among them in their own way; their results are summed, without
    their biases, to (N, O, H, W). Channels last in memory is best, and what is returned.
    """
    count, _, height, width = parts[0].shape
    rows, columns = (-(-side // TILE) for side in (height, width))
    transformed = filters(convs)
    out = parts[0].new_empty((count, rows, TILE, columns, TILE, transformed.shape[2]))
    step = max(1, _TILES // (rows * columns))
    for first in range(0, count, step):
        maps = slice(first, first + step)
        _convolve(_padded([part[maps] for part in parts]), transformed, out[maps])
    # (N, rows, 4, columns, 4, O) to (N, H, W, O) to (N, O, H, W)
    return out.flatten(3, 4).flatten(1, 2)[:, :height, :width].permute(0, 3, 1, 2)


def _padded(parts: Sequence[Tensor]) -> Tensor:
    """Put maps behind each other as (N, rows, columns, I) with a frame of zeros for whole tiles."""
    count, _, height, width = parts[0].shape
    rows, columns = (TILE * -(-side // TILE) + 2 for side in (height, width))
    channels = [part.shape[1] for part in parts]
    padded = parts[0].new_empty((count, rows, columns, sum(channels)))
    padded[:, 0], padded[:, height + 1 :] = 0, 0
    padded[:, :, 0], padded[:, :, width + 1 :] = 0, 0
    inner = padded[:, 1 : height + 1, 1 : width + 1].split(channels, dim=-1)
    for place, part in zip(inner, parts, strict=True):
        place.copy_(part.permute(0, 2, 3, 1))
    return padded


def _convolve(padded: Tensor, transformed: Tensor, out: Tensor) -> None:
    """Convolve (N, H + 2, W + 2, I) with `transformed` (36, I, O) into `out`.

    H and W are multiples of 4, `padded` is contiguous, and `out` is (N, H / 4, 4, W / 4, 4, O).
    """
    into, back = (matrix.to(padded) for matrix in _transforms()[:2])
    count, rows, _, columns = out.shape[:4]
    height = max(1, _TILES // (count * columns))
    for top in range(0, rows, height):
        lines = slice(top, min(top + height, rows))
        tiles = _tiles(padded, lines, columns)
        shape = tiles.shape[2:]  # (N, tile rows, tile columns, I)
        planes = (into @ tiles.reshape(SPAN**2, -1)).view(SPAN**2, -1, shape[-1])  # (36, tiles, I)
        summed = back @ torch.bmm(planes, transformed).view(SPAN**2, -1)  # (16, tiles * O)
        summed = summed.view(TILE, TILE, *shape[:-1], -1)  # (4, 4, N, tile rows, tile columns, O)
        out[:, lines] = summed.permute(2, 3, 0, 4, 1, 5)


def _tiles(padded: Tensor, lines: slice, columns: int) -> Tensor:
    """Return the overlapping tiles of some tile rows as a view (6, 6, N, rows, columns, I)."""
    image, row, cell, _ = padded.stride()
    shape = (SPAN, SPAN, len(padded), lines.stop - lines.start, columns, padded.shape[3])
    strides = (row, cell, image, TILE * row, TILE * cell, 1)
    return padded.as_strided(shape, strides, padded.storage_offset() + lines.start * TILE * row)


def filters(convs: Sequence[nn.Conv2d]) -> Tensor:
    """Return the transformed weights (36, sum of I, O) of `convs`, kept until they change."""
    first = convs[0]
    weights = [conv.weight.detach() for conv in convs]
    state = [
        (weight.data_ptr(), 0 if weight.is_inference() else weight._version) for weight in weights
    ]
    kept = first.__dict__.get("_winograd")
    if kept is None or kept[0] != state:
        whole = torch.cat(weights, dim=1).double()
        side = _transforms()[2]
        planes = torch.einsum("ia,jb,ocab->ijco", side, side, whole)
        # The weights are kept too: their memory is not given to others while it is compared with.
        kept = state, planes.flatten(0, 1).to(weights[0].dtype).contiguous(), weights
        first.__dict__["_winograd"] = kept
    return kept[1]


@lru_cache(maxsize=1)
def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Return the transforms of a tile (36, 36), its result (16, 36) and a filter (6, 3), float64.

    Toom and Cook's construction: filter and result are polynomials, multiplied by their values at
    the points; a tile's transform is the transpose of the interpolation.
    """
    points = torch.tensor(_POINTS, dtype=torch.float64)
    powers = torch.linalg.vander(points, N=SPAN)
    result = torch.cat((powers[:, :TILE], torch.eye(TILE, dtype=powers.dtype)[-1:]))
    weight = torch.cat((powers[:, :3], torch.eye(3, dtype=powers.dtype)[-1:]))
    tile = torch.linalg.inv(torch.cat((powers, torch.eye(SPAN, dtype=powers.dtype)[-1:]))).T
    return torch.kron(tile, tile), torch.kron(result.T.contiguous(), result.T.contiguous()), weight
