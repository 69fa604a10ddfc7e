"""Lists the public models: `MODELS`, by name, those that a user should take first.

measured.json has what benchmarks/zoo.py has measured: parameters, GFLOPs and times.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from .classifiers import CLASSIFIERS
from .copyleft import COPYLEFT
from .darknet import DARKNET
from .model import FEATURES, RemoteFile, ZooModel
from .permissive import PERMISSIVE

__all__ = ["DETECTORS", "FEATURES", "MODELS", "RemoteFile", "ZooModel"]

_MEASURED = Path(__file__).with_name("measured.json")


def _with_figures(model: ZooModel, measured: dict[str, Any]) -> ZooModel:
    figures = measured.get(model.name)
    if figures is None:
        return model
    times = figures["milliseconds"]
    return replace(
        model,
        parameters=figures["parameters"],
        gflops=figures["gflops"],
        milliseconds=times["opencv"],
        milliseconds_onnxruntime=times["onnxruntime"],
    )


def _read_catalogue() -> dict[str, ZooModel]:
    measured = json.loads(_MEASURED.read_text())
    models = (*PERMISSIVE, *DARKNET, *CLASSIFIERS, *COPYLEFT)
    return {model.name: _with_figures(model, measured) for model in models}


MODELS = _read_catalogue()
DETECTORS = {name: model for name, model in MODELS.items() if model.detects}
