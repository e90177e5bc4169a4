"""The full 7B architecture has the names, shapes and ties of the released checkpoint."""

import json
from collections import defaultdict

import pytest
import torch

from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma


@pytest.fixture(scope="module")
def golden(golden_folder):
    return json.loads((golden_folder / "groma7b_state_dict.json").read_text())


@pytest.fixture(scope="module")
def state(golden_folder):
    config = GromaConfig.from_file(golden_folder / "groma7b_config.json")
    with torch.device("meta"):
        return Groma(config).state_dict(keep_vars=True)


def test_names_and_shapes_are_the_released_ones(golden, state):
    ours = {name: list(tensor.shape) for name, tensor in state.items()}
    assert ours == {name: entry["shape"] for name, entry in golden["keys"].items()}


def test_ties_are_the_released_ones(golden, state):
    groups = defaultdict(set)
    for name, tensor in state.items():
        groups[id(tensor)].add(name)
    ours = {frozenset(names) for names in groups.values() if len(names) > 1}
    assert ours == {frozenset(group) for group in golden["tied_groups"]}


def test_official_names_load_into_the_installed_dinov2(tiny):
    source, target = tiny(seed=1), tiny(seed=2)
    state = source.state_dict()
    assert any(".attention.attention.query." in name for name in state)
    assert not any(".q_proj." in name for name in state if name.startswith("perceiver.vis_encoder"))
    target.load_state_dict(state)
    for name, parameter in source.named_parameters():
        torch.testing.assert_close(target.get_parameter(name), parameter)


def test_a_model_with_other_thresholds_shares_the_weights_and_leaves_the_first_alone(tiny):
    model = tiny()
    other = model.with_settings(max_region_num=3)
    assert (model.config.max_region_num, other.config.max_region_num) == (100, 3)
    assert all(a is b for a, b in zip(model.parameters(), other.parameters(), strict=True))
    with pytest.raises(ValueError, match="weights depend on image_size"):
        model.with_settings(image_size=224)
