"""The demo with the real weights: three processes, any command, any picture."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

DEMO = [sys.executable, "-P", "-m", "groma_ros.ros.demo"]
PATIENCE_S = 400


def run(*arguments):
    return subprocess.run(
        [*DEMO, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_the_shipped_sequence(tmp_path):
    out = tmp_path / "new" / "demo.png"
    done = run("--out", str(out), "--timeout", "300")
    assert done.returncode == 0, done.stderr
    assert "command     pick up the red cup" in done.stdout
    assert "latency     " in done.stdout
    assert Image.open(out).size == (640, 480)


def test_a_photo_and_a_command_of_ones_own(tmp_path):
    Image.fromarray(np.full((90, 160, 3), 128, np.uint8)).save(tmp_path / "gray wall.png")
    out = tmp_path / "demo.png"
    command = "find the yellow banana"
    done = run(
        "--image",
        str(tmp_path / "gray wall.png"),
        "--command",
        command,
        "--out",
        str(out),
        "--timeout",
        "300",
    )
    assert done.returncode == 0, done.stderr
    assert f"command     {command}" in done.stdout
    assert "status      NOT_FOUND" in done.stdout
    assert Image.open(out).size == (160, 90)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ["--image", "/no/such/photo.jpg"],
            "there is no picture, video or folder /no/such/photo.jpg",
        ),
        (["--model", "/no/such/model"], "there is no model folder /no/such/model"),
    ],
)
def test_what_cannot_work_is_said_and_is_no_success(arguments, words):
    done = run(*arguments, "--timeout", "300")
    assert done.returncode != 0
    assert words in done.stderr
    assert done.stderr.count("Traceback") == 0
    assert done.stderr.splitlines()[-1].startswith("demo stopped: ")
