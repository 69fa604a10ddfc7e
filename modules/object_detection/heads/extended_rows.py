"""Boxes and classes of networks that find masks, keypoints or angles too; see `ExtendedHead`.

Ultralytics' heads for these tasks write the same numbers for a box as for a detector, and more
behind them (`Segment`, `Pose` and `OBB` in ultralytics/nn/modules/head.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .candidates import Candidates
from .classes import ClassHead
from .corner_rows import BOX, decode
from .evidence import Evidence, Level
from .form import RecognisedHead
from .grid import Grid
from .head import HeadSummary, Raw
from .probe import Probe, require_pixels, require_probabilities

Task = Literal["segment", "pose", "obb"]
EXTENDED_TASKS: tuple[Task, ...] = get_args(Task)
Values = NDArray[np.float32]
_LISTED = 6  # numbers of an object in a list, without what is behind them
_FAMILIES = {
    "segment": "YOLOv8 to YOLO26 with masks (-seg)",
    "pose": "YOLOv8 to YOLO26 with keypoints (-pose)",
    "obb": "YOLOv8 to YOLO26 with angles (-obb)",
}
_LEFT_OUT = {"segment": "masks", "pose": "keypoints", "obb": "angles"}


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


@dataclass(frozen=True)
class Layout:
    """Where an output has its boxes.

    name: of the output. classes: None for a list, which does not show their number. rows:
    `(N, numbers)`: a row for each cell, or for each object of a list.
    """

    name: str
    classes: int | None
    rows: Values

    @property
    def listed(self) -> bool:
        """Whether the rows are objects that the network has suppressed itself."""
        return self.classes is None


@dataclass(frozen=True)
class ExtendedHead:
    """A head like `ClassHead`, or a list like `EndToEndHead`, with more numbers behind a box's own.

    Only the boxes are read. suppressed: whether the output is a list, `(1, N, 6 + extra)`: x1, y1,
    x2, y2, score, class; or else it is `(1, 4 + classes + extra, N)`. With angles, the last number
    is the angle in radians, boxes are centre x, centre y, width and height in both forms, and the
    upright box around the angled one is returned.
    """

    task: Task
    classes: int
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary(self.task, _FAMILIES[self.task], left_out=_LEFT_OUT[self.task])

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
            table = rows[rows[:, 4] > confidence, :_LISTED]
            if self.task == "obb":
                boxes = upright(table[:, :4], rows[rows[:, 4] > confidence, -1])
                corners = [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2]
                table = np.concatenate([*corners, table[:, 4:]], axis=1)
            return decode(table, (*BOX, "score", "class"), input_size, confidence)
        columns = raw[0][0, : 4 + self.classes]
        if self.task == "obb":
            columns = columns[:, columns[4:].max(axis=0) > confidence]
            angles = raw[0][0, -1, raw[0][0, 4 : 4 + self.classes].max(axis=0) > confidence]
            columns = np.concatenate([upright(columns[:4].T, angles).T, columns[4:]])
        head = ClassHead(self.classes)
        return head.decode([columns[np.newaxis]], input_size, confidence, multi_label=multi_label)


def find_layout(probe: Probe, name: str, extra: int) -> Layout | None:
    """Returns where an output has its boxes, if it can have `extra` numbers behind each of them.

    Returns None for other shapes.
    """
    output = probe.outputs[name]
    if output.ndim != 3 or len(output) != 1:
        return None
    numbers, columns = output.shape[1:]
    classes = numbers - 4 - extra
    if classes > 0 and Grid.with_boxes(columns, probe.input_size, 1) is not None:
        return Layout(name, classes, output[0].T)
    return Layout(name, None, output[0]) if columns == _LISTED + extra else None


def create(task: Task, probe: Probe, layout: Layout, labels: int) -> RecognisedHead:
    """Makes the head for an output; `labels` is the number of class names.

    Raises:
        ModelError: the output holds scores that are no probabilities, or boxes that are not at
            their cells.
    """
    if layout.classes is None:
        require_probabilities(layout.rows[:, 4], probe)
        return RecognisedHead((layout.name,), ExtendedHead(task, labels, suppressed=True))
    require_probabilities(layout.rows[:, 4 : 4 + layout.classes], probe)
    grid = Grid.with_boxes(len(layout.rows), probe.input_size, 1)
    if grid is not None:
        require_pixels(layout.rows[:, :2], grid, probe)
    return RecognisedHead((layout.name,), ExtendedHead(task, layout.classes))


def task_evidence(probe: Probe, task: Task) -> tuple[Evidence, ...]:
    """Returns what the metadata says about a task, "detect" and others."""
    stated = probe.metadata.get("task")
    if stated is None:
        return ()
    return (Evidence(Level.METADATA, f"`task` in the metadata, {stated}", stated == task),)
