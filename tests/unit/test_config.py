"""The configuration follows the released file, and today's defaults don't leak in."""

import json
from pathlib import Path

import pytest

from groma_ros.model.config import GromaConfig

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PROPOSER = {"two_stage": True, "with_box_refine": True}


def minimal(**ddetr):
    return {"perceiver_cfg": {"ddetr_cfg": PROPOSER | ddetr}}


def test_what_the_file_omits_takes_the_old_defaults():
    config = GromaConfig.from_dict(minimal())
    assert config.proposer.num_feature_levels == 4
    assert config.proposer.num_queries == 300
    assert config.language.rms_norm_eps == 1e-6
    assert (config.vision.hidden_size, config.vision.patch_size) == (768, 16)
    assert (config.nms_thres, config.box_score_thres, config.max_region_num) == (0.6, 0.15, 100)
    assert config.vis_output_layer == -1
    assert (config.image_size, config.region_encoder.geometry) == (448, "released")


def test_whole_and_broken_numbers_of_json_mean_the_same():
    data = minimal()
    data["perceiver_cfg"]["vis_encoder_cfg"] = {"mlp_ratio": 4.0, "layerscale_value": 1}
    vision = GromaConfig.from_dict(data).vision
    assert type(vision.mlp_ratio) is int and type(vision.layerscale_value) is float


def test_the_released_file_is_read():
    config = GromaConfig.from_file(GOLDEN / "groma7b_config.json")
    assert config.grid_size == 32
    assert config.region_channels == 1024
    assert config.vocab_size == 32114
    assert config.proposer.num_labels == 1
    assert config.proposer.d_model == 256
    assert config.region_encoder.level_scales == (4, 2, 1)


@pytest.mark.parametrize("name", ["groma7b_config.json", "tiny_A_config.json"])
def test_writing_and_reading_changes_nothing(name):
    config = GromaConfig.from_file(GOLDEN / name)
    assert GromaConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_our_own_settings_are_read():
    ours = {
        "image_size": 256,
        "stem": {"channels": 8, "stages": [{"channels": 16, "stride": 2, "repeats": 2}]},
        "region_encoder": {"channels": 64, "geometry": "correct", "level_scales": [2, 1, 0.5]},
        "language": {"lowercase": True},
    }
    data = minimal() | {"groma_ros": ours}
    data["perceiver_cfg"]["vis_encoder_cfg"] = {"image_size": 256, "patch_size": 16}
    config = GromaConfig.from_dict(data)
    assert config.grid_size == 16
    assert config.stem.stride == 4 and config.stem.out_channels == 16
    assert config.lowercase
    assert config.region_encoder.geometry == "correct"
    assert GromaConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    "data, message",
    [
        ({}, "two_stage"),
        (minimal(position_embedding_type="learned"), "position_embedding_type"),
        (minimal(num_feature_levels=5), "5.*1 to 4"),
        (minimal(num_queries=10), "10.*300"),
        (minimal() | {"max_region_num": 101}, "101"),
        ({"perceiver_cfg": {"ddetr_cfg": PROPOSER, "vis_encoder_cfg": {"mlp_ratio": 2.5}}}, "2.5"),
        (minimal() | {"groma_ros": {"image_size": 456}}, "456.*16"),
        (minimal() | {"groma_ros": {"region_encoder": {"channels": 100}}}, "100"),
        (minimal() | {"groma_ros": {"region_encoder": {"geometry": "round"}}}, "round"),
        (
            minimal()
            | {"groma_ros": {"stem": {"channels": 8, "stages": [{"channels": 8, "stride": 32}]}}},
            "patch_size.*16",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        GromaConfig.from_dict(data)


def folder_of(tmp_path, processor, ours=None):
    data = minimal() | ({"groma_ros": ours} if ours else {})
    (tmp_path / "config.json").write_text(json.dumps(data))
    if processor is not None:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    return GromaConfig.from_folder(tmp_path)


def test_a_folder_without_preprocessor_takes_the_released_one(tmp_path):
    config = folder_of(tmp_path, None)
    assert config == GromaConfig.from_dict(minimal())
    assert config == folder_of(tmp_path, config.pixels.to_dict(448))


def test_size_and_values_come_from_the_preprocessors_file(tmp_path):
    config = folder_of(tmp_path, {"size": {"shortest_edge": 512}, "image_mean": 0.5, "resample": 2})
    assert config.image_size == 512
    assert (config.pixels.mean, config.pixels.resample) == ((0.5,) * 3, 2)


def test_two_sizes_that_disagree_are_refused(tmp_path):
    with pytest.raises(ValueError, match="512 pixels.*384"):
        folder_of(tmp_path, {"size": 512}, {"image_size": 384})
    assert folder_of(tmp_path, {"size": 384}, {"image_size": 384}).image_size == 384


def test_a_folder_without_configuration_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no config.json"):
        GromaConfig.from_folder(tmp_path)
