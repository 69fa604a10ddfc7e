"""Chooses the engine for a network by trying it; start at `load_with`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TypeVar

from ..errors import EngineError, ModelError
from ..object_detection.engines.registry import AUTO, DEFAULT, FALLBACK

T = TypeVar("T")


def load_with(engine: str, load: Callable[[str], T]) -> tuple[T, str]:
    """Loads a network with the engine of that name; "auto" takes the first one that runs it.

    With "auto", ONNX Runtime is imported only if OpenCV cannot run the network.

    Args:
        engine: "auto", or a name in `ENGINE_NAMES`.
        load: loads the network, and runs it once, with an engine of that name.

    Returns:
        What `load` returned, and the name of the engine.

    Raises:
        ModelError: no engine can run the network, or it cannot be used with any engine.
    """
    if engine != AUTO:
        return load(engine), engine
    try:
        return load(DEFAULT), DEFAULT
    except EngineError as error:
        first = error
    if importlib.util.find_spec(FALLBACK) is None:
        raise ModelError(
            f"{first}, but the package {FALLBACK} is not installed: install it, or deploy the "
            f"function with its layer (--param engine={FALLBACK})"
        ) from first
    try:
        loaded = load(FALLBACK)
    except EngineError as second:
        raise ModelError(f"no engine runs it: {first.reason}; {second.reason}") from second
    return loaded, FALLBACK
