"""What certainly can't be loaded is refused without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from groma_ros.ros import startup_checks
from groma_ros.ros.settings import Settings
from groma_ros.ros.startup_checks import check_startup

ROOT = Path(__file__).parents[2]


@pytest.fixture
def torch_version(monkeypatch):
    """Give a function that says how torch was built."""

    def built(**names):
        monkeypatch.setattr(startup_checks, "_torch_build", lambda: names)

    return built


def test_the_defaults_can_be_loaded():
    check_startup(Settings())


def test_opencv_is_asked_for_before_the_model_loads(monkeypatch):
    monkeypatch.setattr(startup_checks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs OpenCV.*pip install opencv-python-headless"):
        check_startup(Settings())


@pytest.mark.parametrize("model", ["nonsense", "/no/such/folder"])
def test_a_model_that_is_nowhere_is_refused(model):
    with pytest.raises(ValueError, match=f"there is no model folder {model}"):
        check_startup(Settings(model=model))


def test_a_hub_id_is_left_to_loading():
    check_startup(Settings(model="FoundationVision/groma-7b-finetune"))


def test_cuda_is_refused_where_torch_has_none(torch_version):
    torch_version(__version__="2.13.0+cpu", cuda=None, hip=None)
    with pytest.raises(ValueError, match=r'needs a torch with CUDA, .*2\.13\.0\+cpu .*try "cpu"'):
        check_startup(Settings(device="cuda"))


@pytest.mark.parametrize("gpus, device", [(0, "cuda"), (0, "cuda:0"), (2, "cuda:2")])
def test_a_gpu_that_is_not_there_is_refused(torch_version, monkeypatch, gpus, device):
    torch_version(__version__="2.13.0", cuda="12.8", hip=None)
    monkeypatch.setattr(startup_checks, "_cuda_device_count", lambda: gpus)
    with pytest.raises(ValueError, match=f"there is no device {device}: CUDA has {gpus} GPUs"):
        check_startup(Settings(device=device))


@pytest.mark.parametrize(
    "build, gpus, device",
    [
        ({"cuda": "12.8", "hip": None}, 2, "cuda:1"),
        ({"cuda": "12.8", "hip": None}, None, "cuda:7"),  # the driver doesn't say
        ({"cuda": None, "hip": "6.4"}, 0, "cuda"),  # AMD
        ({}, None, "cuda"),  # no torch, or one that doesn't say
    ],
)
def test_what_may_be_there_is_left_to_loading(torch_version, monkeypatch, build, gpus, device):
    torch_version(**build)
    monkeypatch.setattr(startup_checks, "_cuda_device_count", lambda: gpus)
    check_startup(Settings(device=device))


def test_without_a_driver_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(startup_checks.sys, "platform", "linux")
    monkeypatch.setattr(startup_checks, "CUDA_DRIVER", "libno-such-driver.so.1")
    assert startup_checks._cuda_device_count() == 0


def test_quantization_without_torchao_is_refused(monkeypatch):
    monkeypatch.setattr(startup_checks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="int8 needs torchao, which is not installed"):
        check_startup(Settings(quantization="int8"))


def test_a_backend_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setattr(startup_checks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="backend openvino needs openvino.*pip install"):
        check_startup(Settings(backend="openvino"))


def test_the_build_of_torch_is_read_and_torch_is_not_imported():
    code = (
        "import sys\n"
        "from groma_ros.ros.settings import Settings\n"
        "from groma_ros.ros.startup_checks import _torch_build, check_startup\n"
        "check_startup(Settings())\n"
        "print(_torch_build()['__version__'], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    import torch

    assert done.stdout.split() == [str(torch.__version__), "False"]
