"""Ultralytics' -pose networks, read as detectors: their keypoints are left out."""

from __future__ import annotations

from ..model_description import Description
from .corner_lists import are_probabilities
from .evidence import Evidence, Level
from .exporter_metadata import literal
from .extended_rows import Layout, create, find_layout, task_evidence
from .form import HeadForm, RecognisedHead
from .grid import Grid
from .probe import Probe, unit_of_centres


def _keypoint_shape(probe: Probe) -> tuple[int, int] | None:
    """Returns the metadata's `kpt_shape`: keypoints, and numbers of each, 2 or 3; or None."""
    shape = literal(probe.metadata, "kpt_shape")
    if not isinstance(shape, list) or len(shape) != 2:
        return None
    count, numbers = shape
    if type(count) is not int or count < 1 or numbers not in (2, 3):
        return None
    return count, numbers


def _layout(probe: Probe) -> Layout | None:
    """Returns where the boxes are: `kpt_shape` or the number of names shows it; None if neither."""
    if len(probe.outputs) != 1:
        return None
    (name,) = probe.outputs
    shape = _keypoint_shape(probe)
    if shape is not None:
        return find_layout(probe, name, shape[0] * shape[1])
    output = probe.outputs[name]
    if probe.label_count is None or output.ndim != 3:
        return None
    extra = output.shape[1] - 4 - probe.label_count
    if extra < 2 or (extra % 2 and extra % 3):
        return None
    layout = find_layout(probe, name, extra)
    return layout if layout is not None and _follow_cells(probe, layout) else None


def _follow_cells(probe: Probe, layout: Layout) -> bool:
    """Returns whether the numbers behind the classes are points near their cells, in pixels."""
    grid = Grid.with_boxes(len(layout.rows), probe.input_size, 1)
    if grid is None or layout.classes is None:
        return False
    numbers = layout.rows[:, 4 + layout.classes :]
    for step in (2, 3):
        if numbers.shape[1] % step:
            continue
        points = numbers.reshape(len(numbers), -1, step)
        near = all(
            unit_of_centres(points[:, index, :2], grid.corners) == "pixels"
            for index in range(points.shape[1])
        )
        if near and (step == 2 or are_probabilities(points[:, :, 2])):
            return True
    return False


def _fits(probe: Probe) -> bool:
    return _layout(probe) is not None


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    layout = _layout(probe)
    if layout is None:
        return ()
    if _keypoint_shape(probe) is not None:
        found = Evidence(Level.METADATA, "`kpt_shape` in the metadata")
    else:
        found = Evidence(Level.VALUES, "keypoints near their cells")
    return (*task_evidence(probe, "pose"), found)


def _create(probe: Probe, _: Description) -> RecognisedHead:
    return create("pose", probe, _layout(probe))


FORM = HeadForm("pose", _create, _fits, _evidence, meaning="boxes with keypoints")
