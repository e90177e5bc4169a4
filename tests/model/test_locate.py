"""A model comes from the package, a folder or the hub; anything else is explained."""

import sys
import types

import pytest

from groma_ros.checkpoint.locate import model_folder


def test_a_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert model_folder(tmp_path) == tmp_path
    assert model_folder(str(tmp_path)) == tmp_path


def test_nano_is_part_of_the_package():
    folder = model_folder("nano")
    assert folder.name == "nano" and folder.parent.name == "groma_ros"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("/no/such/folder", "no model folder /no/such/folder"),
        ("nanno", "no model folder nanno"),
        ("tests/nothing", "no model folder"),
    ],
)
def test_what_is_neither_folder_nor_hub_id_is_refused(monkeypatch, tmp_path, model, words):
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        model_folder(model)


def test_a_folder_without_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no config.json"):
        model_folder(tmp_path)


def hub(monkeypatch, snapshot_download):
    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_a_hub_id_is_fetched(monkeypatch, tmp_path):
    asked = []
    hub(monkeypatch, lambda repo, allow_patterns: asked.append(repo) or str(tmp_path))
    assert model_folder("FoundationVision/groma-7b-finetune") == tmp_path
    assert asked == ["FoundationVision/groma-7b-finetune"]


def test_a_hub_that_can_not_be_reached_is_explained(monkeypatch):
    def unreachable(repo, allow_patterns):
        raise OSError("no network")

    hub(monkeypatch, unreachable)
    with pytest.raises(ValueError, match="hf download some/model --local-dir model"):
        model_folder("some/model")
