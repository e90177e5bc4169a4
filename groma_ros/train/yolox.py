"""Read YOLOX-nano's published weights into the stem that has its layers.

The file is `yolox_nano.onnx` of the YOLOX project's releases (Apache-2.0, trained on COCO), its
batch normalisation already part of the convolutions.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from groma_ros.encoding.pixels import DEVIATION, MEAN
from groma_ros.model.naming import DetectorHead
from groma_ros.model.stem import YoloxStem


@torch.no_grad()
def load_yolox_stem(stem: YoloxStem, file: str | Path) -> None:
    """Fill a stem from the graph's convolutions, which come in the order of its modules.

    The network was trained on BGR from 0 to 255; Groma reads RGB by ImageNet's mean and deviation.
    The difference becomes part of the first convolution.

    Raises ModuleNotFoundError, saying what to install, without onnx, ValueError where the file is
    another network.
    """
    weights = convolutions(file)[0]
    layers = [module for module in stem.modules() if isinstance(module, nn.Conv2d)]
    if [tuple(w.shape) for w, _ in weights] != [tuple(layer.weight.shape) for layer in layers]:
        raise ValueError(f"{file} is not YOLOX-nano: its convolutions have other sizes")
    for layer, (weight, bias) in zip(layers, weights, strict=True):
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    first = layers[0]
    kernel = first.weight.unflatten(1, (4, 3)).flip(2)  # four corners, BGR to RGB
    mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
    first.weight.copy_((kernel * 255 * deviation[:, None, None]).flatten(1, 2))
    stem.black.copy_((-mean / deviation)[:, None, None])


def detector_head(file: str | Path) -> DetectorHead:
    """Return the graph's last layers that say what a thing is, which the stem lacks."""
    head, layers = DetectorHead(), convolutions(file)[1]
    head.load_state_dict({name: layers[name] for name in head.state_dict()})
    return head.requires_grad_(False)


def convolutions(
    file: str | Path,
) -> tuple[list[tuple[Tensor, Tensor]], dict[str, Tensor]]:
    """Return the (weight, bias) of a graph's nameless convolutions in order, and the named ones."""
    try:
        import onnx
        from onnx import numpy_helper
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"training afresh needs {error.name}: pip install .[train]"
        ) from None
    graph = onnx.load(str(file)).graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    nameless, named = [], {}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        _, weight, bias = node.input
        if weight.startswith("head."):
            named |= {n.removeprefix("head."): values[n] for n in (weight, bias)}
        else:
            nameless.append((values[weight], values[bias]))
    return nameless, named
