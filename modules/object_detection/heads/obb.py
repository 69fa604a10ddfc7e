"""Ultralytics' -obb networks, read as detectors: the upright box around each angled one."""

from __future__ import annotations

import math

import numpy as np

from ...errors import ModelError
from ..model_description import Description
from .corner_lists import are_probabilities, require_label_count
from .evidence import Evidence, Level
from .extended_rows import Layout, create, find_layout, task_evidence
from .form import HeadForm, RecognisedHead
from .probe import Probe
from .registry import known_outputs

_MIDDLE, _SPREAD = math.pi / 4, math.pi / 2  # from -pi/4 to 3pi/4, `OBB.forward_head`
_ROUNDING = 0.01


def _layout(probe: Probe) -> Layout | None:
    """Returns where the boxes are; None for other shapes.

    Without the metadata's task, the shape is that of a detector with one more class. Then the last
    numbers must be angles and no probabilities, and there must be one class less by the names.
    """
    if len(probe.outputs) != 1:
        return None
    (name,) = probe.outputs
    layout = find_layout(probe, name, 1)
    if layout is None or probe.metadata.get("task") == "obb":
        return layout
    if layout.listed or layout.classes != probe.label_count:
        return None
    angles = layout.rows[:, -1]
    near = bool(np.abs(angles - _MIDDLE).max() <= _SPREAD + _ROUNDING)
    return layout if near and not are_probabilities(angles) else None


def _fits(probe: Probe) -> bool:
    return _layout(probe) is not None


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    stated = task_evidence(probe, "obb")
    return stated or (Evidence(Level.VALUES, "angles behind the probabilities"),)


def _create(probe: Probe, _: Description) -> RecognisedHead:
    layout = _layout(probe)
    if layout is None:
        raise ModelError(f"its output is {probe}; {known_outputs()}")
    return create("obb", probe, layout, require_label_count(probe) if layout.listed else 0)


FORM = HeadForm("obb", _create, _fits, _evidence, meaning="boxes with angles")
