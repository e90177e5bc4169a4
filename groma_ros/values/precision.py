"""Name the number formats, quantizations and backends that a model can run in.

Options of the command line, parameters of the node and the modules that know torch all take their
names from here; nothing has to be imported to read them.
"""

from __future__ import annotations

AUTO = "auto"
DTYPES = ("float32", "bfloat16", "float16")
NO_QUANTIZATION = "none"
QUANTIZATIONS = (NO_QUANTIZATION, "int8", "int4")
TORCH = "torch"
BACKENDS = (TORCH, "openvino", "openvino_bf16")
