"""Networks with masks by Ultralytics (-seg) and YOLOv7, read as detectors: masks are left out."""

from __future__ import annotations

from ..model_description import Description
from .corner_lists import are_whole
from .evidence import Evidence, Level
from .extended_rows import Layout, create, find_layout, find_rows, task_evidence
from .form import HeadForm, RecognisedHead
from .probe import Probe, shape_evidence


def _layout(probe: Probe) -> Layout | None:
    """Returns where the boxes are; None if there are no masks besides, or other outputs.

    The prototypes of the masks, `(1, coefficients, h, w)`, show how many coefficients a box has.
    """
    names = {output.ndim: name for name, output in probe.outputs.items()}
    if len(probe.outputs) != 2 or names.keys() != {3, 4}:
        return None
    prototypes = probe.outputs[names[4]]
    width, height = probe.input_size
    # prototypes are maps with a quarter of the input's sides; those of other tasks are no maps
    if len(prototypes) != 1 or prototypes.shape[2] > height or prototypes.shape[3] > width:
        return None
    extra = prototypes.shape[1]
    found, rows = (find(probe, names[3], extra) for find in (find_layout, find_rows))
    if found is None or rows is None:
        return found or rows
    # a list has as many columns as rows of one class; the last one's scores are no whole numbers
    return found if are_whole(found.rows[:, 5]) else rows


def _fits(probe: Probe) -> bool:
    return _layout(probe) is not None


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    layout = _layout(probe)
    if layout is None:
        return ()
    stated = task_evidence(probe, "segment")
    reason = "a coefficient for each prototype of a mask"
    if layout.classes is None:
        return (*stated, Evidence(Level.SHAPES, reason))
    return (*stated, shape_evidence(probe, layout.classes, reason))


def _create(probe: Probe, _: Description) -> RecognisedHead:
    return create("segment", probe, _layout(probe))


FORM = HeadForm(
    "segment",
    _create,
    _fits,
    _evidence,
    outputs="those of Ultralytics' -seg, -pose and -obb networks",
    meaning="boxes with coefficients of masks",
)
