"""What the package never does: run a shell or text as code, unpickle, use the network unasked."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import groma_ros

PACKAGE = Path(groma_ros.__file__).parent
CODE_FROM_TEXT = {"eval", "exec", "compile", "__import__"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
UNPICKLERS = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}
OWN_FILES = {"train/language.py"}
"""Training reads back the pictures that it looked at itself, from its own output folder."""


def modules():
    source = Path(__file__).resolve().parents[2] / "groma_ros"
    return sorted((source if source.is_dir() else PACKAGE).rglob("*.py"))


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


@pytest.mark.parametrize("path", modules(), ids=lambda p: "/".join(p.parts[-2:]))
def test_no_shell_no_code_from_text_and_no_pickle(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not {called(c) for c in calls} & (CODE_FROM_TEXT | SHELLS)
    assert not [c for c in calls if any(k.arg == "shell" for k in c.keywords)]
    read = {name for c in calls if (name := called(c)).partition(".")[0] in UNPICKLERS}
    assert not read, "reading a pickle runs what is in it"
    for call in calls:
        if called(call) == "torch.load" and "/".join(path.parts[-2:]) not in OWN_FILES:
            weights_only = [k.value for k in call.keywords if k.arg == "weights_only"]
            assert weights_only and ast.literal_eval(weights_only[0]) is True
        if called(call) in ("np.load", "numpy.load"):
            assert not any(k.arg == "allow_pickle" for k in call.keywords)


WITHOUT_NETWORK = """
import socket

def refuse(*args, **kwargs):
    raise AssertionError("something used the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from groma_ros.cli import main
raise SystemExit(main(["ground", {picture!r}, "pick up the red cup", "--json"]))
"""


def test_a_picture_is_grounded_without_the_network():
    """Only a hub id may use it; the shipped weights are on the disk."""
    picture = PACKAGE / "data" / "tabletop" / "000.jpg"
    code = WITHOUT_NETWORK.format(picture=str(picture))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"GROUNDED"' in done.stdout
