"""Grounded commands for robots: the Groma model, a predictor and a ROS 2 node."""

import os
from os.path import isdir
from pkgutil import extend_path

__version__ = "0.1.0"

# Torch asks for memory in pages of 2 MB then (Linux, CPU): large feature maps are not faulted in by
# 4 kB for every picture, which is a tenth of the time. Read by torch at its first allocation.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Only the copy that colcon installs holds the generated messages. Another copy may be found first (a
# pip install, or the working directory): the copies act as one package, that one foremost.
__path__ = sorted(extend_path(__path__, __name__), key=lambda copy: not isdir(f"{copy}/msg"))
