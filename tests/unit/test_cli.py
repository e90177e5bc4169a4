"""The `groma` command: output, exit status, and one line for every wrong input."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from groma_ros import cli
from groma_ros.cli import describe as cli_describe
from groma_ros.cli import ground as cli_ground
from groma_ros.pictures import read_picture
from groma_ros.values.answers import Grounding, Phrase, Status

TIMES = {"perceive": 12.0, "ground": 3.0}


class Fake:
    """Answer like a predictor, and remember what was asked."""

    def perceive(self, rgb):
        self.rgb = rgb
        return "perception"

    def ground(self, perception, command):
        self.asked = (perception, command)
        phrase = Phrase("the cup", (6, 13), [[10.25, 5, 30, 25]], [0.87654321])
        return Grounding(Status.GROUNDED, "Found the cup.", (phrase,), "pick", TIMES)

    def describe(self, perception, boxes_xyxy, question):
        self.asked = (boxes_xyxy.tolist(), question)
        phrase = Phrase("a red cup", (0, 9), boxes_xyxy[:1], [0.5])
        return Grounding(Status.GROUNDED, "a red cup.", (phrase,), "describe", TIMES)


@pytest.fixture
def fake(monkeypatch):
    fake = Fake()
    for module in (cli_ground, cli_describe):
        monkeypatch.setattr(module, "load", lambda args: fake)
    return fake


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(path)
    return str(path)


def test_ground_prints_the_answer_for_people(fake, photo, capsys):
    assert cli.main(["ground", photo, "pick up the cup"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "GROUNDED (pick): Found the cup.",
        "  target      the cup: x 10 to 30, y 5 to 25, score 0.88",
        "  perceive 12 ms, ground 3 ms",
    ]
    assert fake.rgb.shape == (40, 60, 3) and fake.asked == ("perception", "pick up the cup")


def test_ground_prints_one_line_of_json(fake, photo, capsys):
    assert cli.main(["ground", photo, "pick up the cup", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "status": "GROUNDED",
        "action": "pick",
        "text": "Found the cup.",
        "phrases": [
            {
                "text": "the cup",
                "span": [6, 13],
                "boxes_xyxy": [[10.25, 5.0, 30.0, 25.0]],
                "scores": [0.8765],
                "role": "target",
            }
        ],
        "timings_ms": TIMES,
        "reason": "",
    }


def test_ground_writes_the_annotated_picture(fake, photo, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert cli.main(["ground", photo, "pick up the cup", "--save", str(out)]) == 0
    assert "wrote" in capsys.readouterr().out
    shown = np.array(Image.open(out))
    assert shown.shape == (40, 60, 3) and (shown != 90).any()


def test_a_picture_that_cannot_be_written_is_told(fake, photo, tmp_path, capsys):
    """A full disk or a folder of that name: one line, not a traceback."""
    out = tmp_path / "out.png"
    out.mkdir()
    assert cli.main(["ground", photo, "pick up the cup", "--save", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"groma ground: {out} can't be written: ")


def test_describe_passes_boxes_and_question(fake, photo, capsys):
    box = ["--box", "1,2,30,20", "--box", "5,5,100,9"]
    assert cli.main(["describe", photo, *box, "what colour is it?"]) == 0
    assert fake.asked == ([[1, 2, 30, 20], [5, 5, 60, 9]], "what colour is it?")
    assert capsys.readouterr().out.startswith("GROUNDED (describe): a red cup.")


def test_a_turned_photo_is_read_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path, exif=exif)
    assert read_picture(str(path)).shape == (60, 40, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    path = tmp_path / "picture.tiff"
    Image.new(mode, (6, 4)).save(path)
    rgb = read_picture(str(path))
    assert rgb.shape == (4, 6, 3) and rgb.dtype == np.uint8


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["ground", "missing.png", "the cup"], "no picture missing.png"),
        (["ground", __file__, "the cup"], "not a picture that can be read"),
        (["ground", ".", "the cup"], "can't be read"),
        (["ground", "PHOTO", ""], "empty"),
        (["ground", "PHOTO", "x" * 600], "600 characters and at most 512"),
        (["ground", "PHOTO"], "required: command"),
        (["ground", "PHOTO", "the cup", "--model", "no/such/folder"], "no model folder"),
        (["ground", "PHOTO", "the cup", "--device", "toaster"], "toaster"),
        (["ground", "PHOTO", "the cup", "--threads", "-1"], "--threads is -1"),
        (["ground", "PHOTO", "the cup", "--save", "out.xyz"], "no known format"),
        (["ground", "PHOTO", "the cup", "--save", "no/dir/out.png"], "no folder"),
        (["ground", "PHOTO", "the cup", "--colour"], "--colour"),
        (["describe", "PHOTO"], "--box"),
        (["describe", "PHOTO", "--box", "1,2,3"], "'1,2,3' is not four numbers"),
        (["describe", "PHOTO", "--box", "9,9,5,20"], "is empty"),
        (["describe", "PHOTO", "--box", "90,9,95,20"], "60x40"),
        (["describe", "PHOTO", "--box", "1,2,30,20", ""], "empty"),
        (["dance"], "'dance' is not a subcommand; choose from ground, describe"),
        (["--dance"], "--dance"),
    ],
)
def test_wrong_input_gives_one_line_and_exit_status_2(argv, words, photo, capsys):
    argv = [photo if a == "PHOTO" else a for a in argv]
    try:
        status = cli.main(argv)
    except SystemExit as exit_:
        status = exit_.code
    out, err = capsys.readouterr()
    assert status == 2 and out == ""
    assert err.count("\n") == 1 and err.startswith("groma") and words in err


def test_help_names_every_subcommand(capsys):
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in cli.SUBCOMMANDS)


@pytest.mark.parametrize("name", cli.SUBCOMMANDS)
def test_each_subcommand_explains_itself(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    assert f"usage: groma {name}" in capsys.readouterr().out


def test_a_missing_extra_is_named(monkeypatch, tmp_path, capsys):
    def run(args):
        raise ModuleNotFoundError("No module named 'mujoco'", name="mujoco")

    monkeypatch.setattr("groma_ros.sim.dataset.run", run)
    assert cli.main(["render", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "groma render: needs mujoco; from a checkout: pip install '.[train]'\n"
    )


def test_importing_the_command_line_imports_no_model():
    heavy = {"torch", "transformers", "mujoco", "cv2"}
    code = "import sys, groma_ros.cli; print(' '.join(sys.modules))"
    import subprocess

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not heavy & set(loaded)
