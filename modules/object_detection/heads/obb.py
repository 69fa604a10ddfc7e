"""Ultralytics' -obb networks, read as detectors: the upright box around each angled one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..model_description import Description
from .candidates import Candidates, choose_classes
from .corner_lists import are_probabilities, decode_lists, require_label_count
from .evidence import Evidence, Level
from .extended_rows import Layout, Values, check_layout, find_layout, task_evidence
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .plausibility import require_probabilities_above
from .probe import Probe, unknown_output

_MIDDLE, _SPREAD = math.pi / 4, math.pi / 2  # from -pi/4 to 3pi/4, `OBB.forward_head`
_ROUNDING = 0.01


@dataclass(frozen=True)
class AngledHead:
    """A head like `ClassHead`, or a list like `EndToEndHead`, with an angle for each box.

    Boxes are centre x, centre y, width and height in pixels in both forms; the angle, in radians,
    is the last number. suppressed: whether the output is a list, `(1, N, 7)`: box, score, class and
    angle; or else it is `(1, 4 + classes + 1, N)`.
    """

    classes: int
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("obb", "YOLOv8 to YOLO26 with angles", left_out="angles")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output; see `Head.decode`."""
        if self.suppressed:
            rows = raw[0][0]
            boxes = corners(upright(rows[:, :4], rows[:, -1]))
            return decode_lists(boxes, rows[:, 4], rows[:, 5], input_size, confidence)
        rows = raw[0][0].T
        scores = rows[:, 4 : 4 + self.classes]
        (passed,) = np.nonzero(scores.max(axis=1) > confidence)
        require_probabilities_above(scores[passed])
        chosen = choose_classes(scores[passed], confidence, multi_label=multi_label)
        rows = rows[passed[chosen.rows]]
        angled = np.concatenate([rows[:, :4], rows[:, -1:]], axis=1).astype(np.float64)
        found = upright(rows[:, :4], rows[:, -1])
        return replace(
            Candidates.from_centres(
                found[:, :2], found[:, 2:], chosen.confidences, chosen.class_ids, unit=input_size
            ),
            angled=angled,
        )


def upright(boxes: Values, angles: Values) -> Values:
    """Returns the smallest upright boxes around angled ones.

    Args:
        boxes: `(N, 4)`, centre x, centre y, width, height, in any unit.
        angles: `(N,)`, in radians.

    Returns:
        `(N, 4)` in the form of `boxes`; the sides are |w cos| + |h sin| and |w sin| + |h cos|.

    >>> upright(np.array([[10, 20, 4, 2]]), np.array([np.pi / 2])).round().tolist()
    [[10.0, 20.0, 2.0, 4.0]]
    """
    cos, sin = np.abs(np.cos(angles)), np.abs(np.sin(angles))
    width, height = boxes[:, 2], boxes[:, 3]
    sides = [width * cos + height * sin, width * sin + height * cos]
    return np.concatenate([boxes[:, :2], np.stack(sides, axis=1)], axis=1)


def corners(boxes: Values) -> Values:
    """Converts boxes, `(N, 4)`, from centres and sizes to xyxy."""
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


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
        raise unknown_output(probe)
    check_layout(probe, layout)
    classes = layout.classes or require_label_count(probe)
    return RecognisedHead((layout.name,), AngledHead(classes, suppressed=layout.listed))


FORM = HeadForm("obb", _create, _fits, _evidence, meaning="boxes with angles")
