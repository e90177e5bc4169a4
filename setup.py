"""Make the library and the `groma` command installable without ROS: `pip install .`

The ROS package (messages, node, launch files) is built by colcon from CMakeLists.txt.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "groma_ros/__init__.py").read_text()).group(1)

setup(
    name="groma_ros",
    version=VERSION,
    description="Grounds natural-language commands in camera images with Groma, for ROS 2",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["groma_ros", "groma_ros.*"]),
    package_data={"groma_ros": ["nano/*", "nano_photos/*", "data/*", "data/**/*", "**/*.yaml"]},
    zip_safe=False,
    install_requires=[
        "huggingface_hub>=0.30",
        "numpy>=1.26",
        "pillow>=10.0",
        "safetensors>=0.4.3",
        "sentencepiece>=0.2",
        "torch>=2.4",
    ],
    extras_require={
        "quantized": ["torchao>=0.18,<0.19"],
        "openvino": ["openvino>=2025.0"],
        "ros": ["opencv-python-headless>=4.8", "pyyaml>=6.0"],
        "sim": [
            "gymnasium-robotics>=1.3",
            "mujoco>=3.3",
            "opencv-python-headless>=4.8",
        ],
        "train": [
            "mujoco>=3.3",
            "onnx>=1.16",
            "opencv-python-headless>=4.8",
        ],
        "test": [
            "hypothesis>=6.100",
            "import-linter>=2.1",
            "openvino>=2025.0",
            "psutil>=5.9",
            "pytest>=8.0",
            "pyyaml>=6.0",
            "ruff>=0.9",
            "scikit-image>=0.24",
            "torchao>=0.18,<0.19",
            "transformers>=4.45",  # what the layers are held equal to
        ],
    },
    entry_points={"console_scripts": ["groma = groma_ros.cli:main"]},
)
