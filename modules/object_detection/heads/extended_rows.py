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
from .corner_lists import require_label_count
from .corner_rows import BOX, decode
from .evidence import Evidence, Level
from .form import RecognisedHead
from .grid import Grid
from .head import Head, HeadSummary, Raw
from .objectness import ObjectnessHead
from .probe import Probe, require_pixels, require_probabilities, unknown_output

Task = Literal["segment", "pose", "obb"]
EXTENDED_TASKS: tuple[Task, ...] = get_args(Task)
Values = NDArray[np.float32]
_LISTED = 6  # numbers of an object in a list, without what is behind them
_LEFT_OUT = {"segment": "masks", "pose": "keypoints"}


@dataclass(frozen=True)
class Layout:
    """Where an output has its boxes.

    name: of the output. classes: None for a list, which does not show their number. rows:
    `(N, numbers)`: a row for each cell or anchor, or for each object of a list. objectness: whether
    a box has an objectness before its classes, as in YOLOv5 and v7.
    """

    name: str
    classes: int | None
    rows: Values
    objectness: bool = False

    @property
    def listed(self) -> bool:
        """Whether the rows are objects that the network has suppressed itself."""
        return self.classes is None


@dataclass(frozen=True)
class ExtendedHead:
    """A head like `ClassHead`, or a list like `EndToEndHead`, with more numbers behind a box's own.

    Only the boxes are read. suppressed: whether the output is a list, `(1, N, 6 + extra)`: x1, y1,
    x2, y2, score, class; or else it is `(1, 4 + classes + extra, N)`. objectness: whether it is
    `(1, N, 5 + classes + extra)` instead, as for `ObjectnessHead`.
    """

    task: Literal["segment", "pose"]
    classes: int
    suppressed: bool = False
    objectness: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        found = _LEFT_OUT[self.task]
        family = "YOLOv5 or YOLOv7" if self.objectness else "YOLOv8 to YOLO26"
        return HeadSummary(self.task, f"{family} with {found}", left_out=found)

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
            table = raw[0][0, :, :_LISTED]
            return decode(table, (*BOX, "score", "class"), input_size, confidence)
        head: Head = ClassHead(self.classes)
        values = raw[0][:, : 4 + self.classes]
        if self.objectness:
            head = ObjectnessHead(self.classes, objectness_only=self.classes == 1)
            values = raw[0][:, :, : 5 + self.classes]
        return head.decode([values], input_size, confidence, multi_label=multi_label)


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


def find_rows(probe: Probe, name: str, extra: int) -> Layout | None:
    """Returns the same for an output with a row for each anchor, and an objectness."""
    output = probe.outputs[name]
    if output.ndim != 3 or len(output) != 1:
        return None
    rows, numbers = output.shape[1:]
    classes = numbers - 5 - extra
    if classes < 1 or Grid.with_boxes(rows, probe.input_size, 3) is None:
        return None
    return Layout(name, classes, output[0], objectness=True)


def check_layout(probe: Probe, layout: Layout) -> None:
    """Checks the values of an output: scores are probabilities, and boxes lie at their cells.

    Raises:
        ModelError: they do not.
    """
    if layout.classes is None:
        require_probabilities(layout.rows[:, 4], probe)
        return
    scores = layout.classes + layout.objectness
    require_probabilities(layout.rows[:, 4 : 4 + scores], probe)
    grid = Grid.with_boxes(len(layout.rows), probe.input_size, 3 if layout.objectness else 1)
    if grid is not None:
        require_pixels(layout.rows[:, :2], grid, probe)


def create(task: Literal["segment", "pose"], probe: Probe, layout: Layout | None) -> RecognisedHead:
    """Makes the head for an output.

    Raises:
        ModelError: there is no such output, or it holds other values; or it is a list and the
            classes have no names.
    """
    if layout is None:
        raise unknown_output(probe)
    check_layout(probe, layout)
    classes = layout.classes or require_label_count(probe)
    head = ExtendedHead(task, classes, layout.listed, layout.objectness)
    return RecognisedHead((layout.name,), head)


def task_evidence(probe: Probe, task: Task) -> tuple[Evidence, ...]:
    """Returns what the metadata says about a task, "detect" and others."""
    stated = probe.metadata.get("task")
    if stated is None:
        return ()
    return (Evidence(Level.METADATA, f"`task` in the metadata, {stated}", stated == task),)
