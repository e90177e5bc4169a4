"""Find out without torch whether a model can be loaded; importing torch takes seconds.

Only what is certain is refused. Everything else is left to loading.
"""

from __future__ import annotations

import ctypes
import importlib.util
import runpy
import sys
from pathlib import Path

from groma_ros.checkpoint.locate import local_folder
from groma_ros.ros.settings import Settings
from groma_ros.values.precision import NO_QUANTIZATION, TORCH

CUDA_DRIVER = "libcuda.so.1"
CUDA_SUCCESS, CUDA_ERROR_NO_DEVICE = 0, 100  # cuda.h


def check_startup(settings: Settings) -> None:
    """Raise ValueError where a model, a device or a package is certainly not there."""
    local_folder(settings.model)
    if settings.device.startswith("cuda"):
        _check_cuda(settings.device)
    if settings.quantization != NO_QUANTIZATION and importlib.util.find_spec("torchao") is None:
        raise ValueError(
            f"quantization {settings.quantization} needs torchao, which is not installed; from a "
            "checkout: pip install '.[quantized]'"
        )
    if settings.backend != TORCH and importlib.util.find_spec("openvino") is None:
        raise ValueError(
            f"backend {settings.backend} needs openvino, which is not installed; from a checkout: "
            "pip install '.[openvino]'"
        )
    if settings.target_frame and importlib.util.find_spec("tf2_ros") is None:
        raise ValueError(
            "target_frame needs tf2_ros, which is not installed (apt install "
            "ros-$ROS_DISTRO-tf2-ros); leave it empty for poses in the optical frame"
        )
    if importlib.util.find_spec("cv2") is None:
        # The model's thread imports it once the model is loaded, where its absence would end it.
        raise ValueError(
            "reading images needs OpenCV, which is not installed: "
            "pip install opencv-python-headless"
        )


def _check_cuda(device: str) -> None:
    """Raise ValueError where torch or the machine certainly has no such CUDA device."""
    build = _torch_build()
    if build.get("hip"):
        return  # AMD's torch calls its GPUs "cuda" too
    if build and build.get("cuda") is None:
        raise ValueError(
            f"device {device} needs a torch with CUDA, and torch {build.get('__version__')} has "
            'none; try "cpu"'
        )
    count = _cuda_device_count()
    index = int(device.partition(":")[2] or 0)
    if count is not None and index >= count:
        raise ValueError(f'there is no device {device}: CUDA has {count} GPUs here; try "cpu"')


def _torch_build() -> dict[str, str | None]:
    """Return the names in torch/version.py (`cuda`, `hip`, ...); empty where there is none."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return {}
    version = Path(spec.origin).parent / "version.py"
    return runpy.run_path(str(version)) if version.is_file() else {}


def _cuda_device_count() -> int | None:
    """Return how many GPUs the CUDA driver has, None where it doesn't say."""
    if sys.platform != "linux":
        return None
    try:
        driver = ctypes.CDLL(CUDA_DRIVER)
    except OSError:
        return 0
    started = driver.cuInit(0)
    if started == CUDA_ERROR_NO_DEVICE:
        return 0
    count = ctypes.c_int()
    if started != CUDA_SUCCESS or driver.cuDeviceGetCount(ctypes.byref(count)) != CUDA_SUCCESS:
        return None
    return count.value
