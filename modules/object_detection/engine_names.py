"""The engines by name, for settings, which are read before anything large is imported."""

from __future__ import annotations

import importlib.util

AUTO = "auto"
ENGINE_NAMES = ("opencv", "onnxruntime")  # of `engines.ENGINES`


def choose_engine(name: str) -> str:
    """The engine that a name stands for: "auto" for the one that is likely to be fastest.

    That is ONNX Runtime, where it is installed: it was the faster one for each of five networks, on
    one core and on two (benchmarks/RESULTS.md). Other names stand for themselves.
    """
    if name != AUTO:
        return name
    return "onnxruntime" if importlib.util.find_spec("onnxruntime") else "opencv"
