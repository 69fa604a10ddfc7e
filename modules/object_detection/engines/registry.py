"""The engines by name; start at `create_engine`.

Settings need only the names, and read them before anything large is imported, so an engine's module
is imported when the engine is used.

To add an engine, add its module and its line in `_ENGINES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .engine import Engine, Inputs, Weights

AUTO = "auto"
# For each engine, its class in the module of the engine's name in this folder
_ENGINES = {
    "opencv": "OpenCvEngine",
    "onnxruntime": "OnnxRuntimeEngine",
}
ENGINE_NAMES = tuple(_ENGINES)
# With "auto", models/engine_choice.py tries the first one, and then the second
DEFAULT, FALLBACK = ENGINE_NAMES


def engine_class(name: str) -> type[Engine]:
    """Returns the class of the engine with that name, one of `ENGINE_NAMES`."""
    module = importlib.import_module(f".{name}", __package__)
    found: type[Engine] = getattr(module, _ENGINES[name])
    return found


def create_engine(
    name: str,
    onnx: NDArray[np.uint8],
    outputs: Sequence[str],
    inputs: Inputs | None = None,
    weights: Weights | None = None,
) -> Engine:
    """Loads a network, `(bytes,) uint8` ONNX with these outputs, into the engine of that name.

    inputs: its inputs; None for a network whose only input is the image. weights: those in memory
    files that the bytes refer to, by path; None if all are in the bytes.

    Raises:
        ModelError: the engine is not installed, or cannot load the network.
    """
    from .engine import IMAGE_ONLY, NO_WEIGHTS

    return engine_class(name)(onnx, outputs, inputs or IMAGE_ONLY, weights or NO_WEIGHTS)
