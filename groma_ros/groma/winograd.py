"""3x3 convolutions with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Sixteen neighbouring outputs need 36 products instead of 144 (arXiv 1509.09308): an input tile of
6x6 values is transformed, multiplied by the transformed filter, and transformed back. Nothing is
left out; only the order of the additions differs, by a few float32 roundings. On a CPU, where
nothing but arithmetic limits a wide convolution, it takes a third of the time of a direct one.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TILE, SPAN = 4, 6
# Tiles in flight: their 36 planes should stay in the cache of a core or two.
_TILES = 96
# Five points and infinity; these keep the rounding error four times below the usual 0, 1, -1, 2, -2.
_POINTS = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0), -math.sqrt(2.0))


def serves(features: Tensor) -> bool:
    """Tell whether a convolution of ``features`` is faster this way: float32, CPU, no gradient."""
    plain = features.device.type == "cpu" and features.dtype == torch.float32
    return plain and not torch.is_grad_enabled()


def conv3x3(features: Tensor, convs: Sequence[nn.Conv2d]) -> Tensor:
    """Convolve (N, I, H, W) as ``convs`` do, with padding 1 and without their biases.

    The channels are those of all ``convs`` one after the other, and their results are summed. As
    input and output, channels last in memory is best.
    """
    height, width = features.shape[-2:]
    rows, columns = -(-height // TILE), -(-width // TILE)
    below, right = rows * TILE - height + 1, columns * TILE - width + 1
    padded = F.pad(features.permute(0, 2, 3, 1), (0, 0, 1, right, 1, below))
    out = convolve(padded, filters(convs))
    return out[:, :height, :width].permute(0, 3, 1, 2)


def convolve(padded: Tensor, transformed: Tensor) -> Tensor:
    """Convolve (N, H + 2, W + 2, I) with ``transformed`` (36, I, O) to (N, H, W, O).

    H and W are multiples of 4, and ``padded`` is contiguous.
    """
    count, rows, columns = len(padded), padded.shape[1] // TILE, padded.shape[2] // TILE
    into, back = (matrix.to(padded) for matrix in _transforms()[:2])
    out = padded.new_empty((count, rows, TILE, columns, TILE, transformed.shape[2]))
    for images, lines in _blocks(count, rows, columns):
        tiles = _tiles(padded[images], lines, columns)
        shape = tiles.shape[2:]
        planes = (into @ tiles.reshape(SPAN**2, -1)).view(SPAN**2, -1, shape[-1])
        summed = back @ torch.bmm(planes, transformed).view(SPAN**2, -1)
        summed = summed.view(TILE, TILE, *shape[:-1], -1)
        out[images, lines] = summed.permute(2, 3, 0, 4, 1, 5)
    return out.view(count, rows * TILE, columns * TILE, -1)


def _tiles(padded: Tensor, lines: slice, columns: int) -> Tensor:
    """Return the overlapping tiles of some tile rows as a view (6, 6, N, rows, columns, I)."""
    image, row, cell, _ = padded.stride()
    shape = (SPAN, SPAN, len(padded), lines.stop - lines.start, columns, padded.shape[3])
    strides = (row, cell, image, TILE * row, TILE * cell, 1)
    return padded.as_strided(shape, strides, padded.storage_offset() + lines.start * TILE * row)


def _blocks(count: int, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Cut a batch into blocks of about ``_TILES`` tiles: whole pictures, or rows of one."""
    height = min(rows, max(1, _TILES // columns))
    step = max(1, _TILES // (rows * columns))
    for first in range(0, count, step):
        for top in range(0, rows, height):
            yield slice(first, min(first + step, count)), slice(top, min(top + height, rows))


def filters(convs: Sequence[nn.Conv2d]) -> Tensor:
    """Return the transformed weights (36, sum of I, O) of ``convs``, kept until they change."""
    first = convs[0]
    weights = [conv.weight.detach() for conv in convs]
    state = [(weight.data_ptr(), 0 if weight.is_inference() else weight._version)
             for weight in weights]  # fmt: skip
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
    """Return the float64 transforms: of a tile (36, 36), of its result (16, 36), of a filter (6, 3).

    Toom and Cook's construction: filter and result are polynomials, multiplied by their values at
    the points; a tile's transform is the transpose of the interpolation.
    """
    points = torch.tensor(_POINTS, dtype=torch.float64)
    powers = torch.linalg.vander(points, N=SPAN)
    result = torch.cat((powers[:, :TILE], torch.eye(TILE, dtype=powers.dtype)[-1:]))
    weight = torch.cat((powers[:, :3], torch.eye(3, dtype=powers.dtype)[-1:]))
    tile = torch.linalg.inv(torch.cat((powers, torch.eye(SPAN, dtype=powers.dtype)[-1:]))).T
    return torch.kron(tile, tile), torch.kron(result.T.contiguous(), result.T.contiguous()), weight
