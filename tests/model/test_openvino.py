"""The backend openvino: one graph that sees what the plain path sees."""

import numpy as np
import pytest
import torch

from groma_ros.predictor import Predictor
from groma_ros.speed.openvino_graph import OpenVinoFunction

openvino = pytest.importorskip("openvino", reason="needs the extra `openvino`")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)


def test_a_graph_finds_the_regions_of_the_plain_path(tiny, pixels):
    plain, graph = tiny(), tiny()
    graph.use_openvino("openvino")
    for wanted, found in zip(plain.perceive(pixels[:2]), graph.perceive(pixels[:2]), strict=True):
        torch.testing.assert_close(found.boxes_cxcywh_norm, wanted.boxes_cxcywh_norm)
        torch.testing.assert_close(found.scores, wanted.scores, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.region_tokens, wanted.region_tokens, rtol=1e-3, atol=1e-3)


def test_the_shipped_model_answers_alike(picture):
    plain, graph = (
        Predictor.from_pretrained("nano-photos", "cpu", "float32", backend=backend, warm_up=False)
        for backend in ("torch", "openvino")
    )
    wanted, found = plain.perceive(picture), graph.perceive(picture)
    np.testing.assert_allclose(found.boxes_xyxy, wanted.boxes_xyxy, atol=0.02)
    phrases = ["the cup", "the red thing"]
    np.testing.assert_allclose(graph.point(found, phrases), plain.point(wanted, phrases), atol=1e-3)


def test_a_graph_that_computes_something_else_is_refused():
    class OtherWhenTraced(torch.nn.Module):
        def forward(self, x):
            return (x + 1 if torch.jit.is_tracing() else x,)

    with pytest.raises(ValueError, match="backend openvino is off by 1 of the mean value"):
        OpenVinoFunction(OtherWhenTraced(), torch.ones(1, 2), "openvino")


def test_another_precision_is_refused_with_what_to_do(tiny):
    model = tiny().to(torch.bfloat16)
    with pytest.raises(ValueError, match="float32 model on the CPU.*set device cpu and dtype"):
        model.use_openvino("openvino")
