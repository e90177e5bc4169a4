"""`groma train` and `groma train finetune`: what is settled before anything runs."""

import argparse

import pytest

from groma_ros.train.cli import add_arguments, settle


def settled(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_intermixed_args(words)
    settle(args)
    return args


def test_a_run_has_the_recipe_s_defaults(tmp_path):
    args = settled(str(tmp_path), "--photos", "a", "--language-minutes", "5")
    assert (args.run, args.photos, args.start) == (tmp_path, ["a"], "nano")
    assert (args.views, args.perceiver_minutes, args.language_minutes) == (12288, 60, 5)
    assert args.detector == "yolox_nano.onnx"


def test_finetune_takes_a_folder_and_is_gentler(tmp_path):
    args = settled("finetune", str(tmp_path), "--out", "mine", "--pictures", "scenes")
    assert (str(args.run), args.photos, args.pictures) == ("mine", [str(tmp_path)], ["scenes"])
    assert (args.views, args.detector, args.perceiver_lr) == (2048, "", 1e-4)


def test_finetune_without_a_folder_says_so(tmp_path):
    with pytest.raises(ValueError, match="say which folder"):
        settled("finetune")
    with pytest.raises(FileNotFoundError, match="takes a folder of labelled photographs"):
        settled("finetune", str(tmp_path / "missing"))


def test_a_folder_without_finetune_is_one_word_too_many(tmp_path):
    with pytest.raises(ValueError, match="one word too many"):
        settled(str(tmp_path), "photographs")
