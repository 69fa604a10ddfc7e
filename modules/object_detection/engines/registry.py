"""The engines by name; start at `create_engine`.

Settings read the names before anything large is imported, so an engine's module is imported only
when the engine is created.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .engine import Engine

AUTO = "auto"
# Each engine's module in this folder, and its class there
_ENGINES = {
    "opencv": ("opencv", "OpenCvEngine"),
    "onnxruntime": ("onnxruntime", "OnnxRuntimeEngine"),
}
ENGINE_NAMES = tuple(_ENGINES)

# Engines that load weights from outside the ONNX bytes. OpenCV's Protocol Buffers reader and then
# OpenCV itself would each hold a copy, four times the model's size in all; this way there is one.
USES_EXTERNAL_WEIGHTS = frozenset({"opencv"})

# Operators that an engine must not be given. OpenCV 5.0.0 divides by zero, which ends the process,
# when one of these leaves nothing for the operators behind it (GatherND, Slice) to work on.
DANGEROUS_OPERATORS = {
    "opencv": frozenset({"NonMaxSuppression", "NonZero", "Compress", "Unique"}),
}


def choose_engine(name: str) -> str:
    """Returns the engine that a name stands for; "auto" is the one that is likely to be fastest.

    "auto" is ONNX Runtime where it is installed: it was the faster one for each of five networks,
    on one core and on two (benchmarks/RESULTS.md). Other names stand for themselves.
    """
    if name != AUTO:
        return name
    return "onnxruntime" if importlib.util.find_spec("onnxruntime") else "opencv"


def create_engine(name: str, onnx: NDArray[np.uint8], outputs: Sequence[str]) -> Engine:
    """Loads a network, `(bytes,) uint8` ONNX, into the engine of that name.

    Raises:
        ModelError: the engine is not installed, or cannot load the network.
    """
    module, engine = _ENGINES[name]
    create = getattr(importlib.import_module(f".{module}", __package__), engine)
    loaded: Engine = create(onnx, outputs)
    return loaded
