"""The number, boxes, scores and classes of objects in four outputs: YOLO-NAS's "batch format".

See `ObjectListsHead`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..model_description import Description
from .candidates import Candidates
from .corner_lists import (
    are_probabilities,
    are_whole,
    decode_lists,
    require_label_count,
    why_no_lists,
)
from .evidence import Evidence, Level
from .form import LETTERBOX, HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Probe
from .registry import known_outputs


@dataclass(frozen=True)
class ObjectListsHead:
    """A head with lists of objects, suppressed, of which the first ones count.

    Outputs are a number, `(1, 1)` or `(1,)`; boxes `(1, N, 4)` x1, y1, x2, y2 in pixels of the
    input; scores `(1, N)`; and classes `(1, N)` (ConvertFlatTensorToTRTFormat in super-gradients'
    conversion/onnx/nms.py).
    """

    classes: int
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("object-lists", "YOLO-NAS, or another with suppression inside")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes the number, boxes, scores and classes; see `Head.decode`."""
        number, boxes, scores, classes = raw
        count = int(number.reshape(-1)[0])
        return decode_lists(
            boxes[0, :count], scores[0, :count], classes[0, :count], input_size, confidence
        )


def _split(probe: Probe) -> tuple[str, str, list[str]] | None:
    """Returns the names of the number, of the boxes, and of the two other lists.

    Returns None for other shapes.
    """
    outputs = probe.outputs
    boxes = [name for name, output in outputs.items() if output.ndim == 3]
    if len(outputs) != 4 or len(boxes) != 1:
        return None
    count = outputs[boxes[0]].shape[1]
    if outputs[boxes[0]].shape != (1, count, 4):
        return None
    lists = [name for name, output in outputs.items() if output.shape == (1, count)]
    numbers = [name for name, output in outputs.items() if output.shape in ((1,), (1, 1))]
    if count == 1:  # a list of one object has the shape of a number
        numbers = [name for name in numbers if "num" in name.lower()]
        lists = [name for name in lists if name not in numbers]
    return (numbers[0], boxes[0], lists) if len(numbers) == 1 and len(lists) == 2 else None


def _scores_and_classes(probe: Probe, lists: list[str]) -> tuple[str, str] | None:
    """Returns the names of the scores and of the classes: by the names, or else by the values."""
    orders = ((lists[0], lists[1]), (lists[1], lists[0]))
    for scores, classes in orders:
        if "score" in scores.lower() and "score" not in classes.lower():
            return scores, classes
    possible = [
        (scores, classes)
        for scores, classes in orders
        if are_probabilities(probe.outputs[scores]) and are_whole(probe.outputs[classes])
    ]
    return possible[0] if len(possible) == 1 else None


def _fits(probe: Probe) -> bool:
    return _split(probe) is not None


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    split = _split(probe)
    if split is None:
        return ()
    found = [Evidence(Level.SHAPES, "the shapes of its outputs")]
    if split[1].endswith("pred_boxes"):
        found.append(Evidence(Level.OUTPUT_NAMES, f"the output's name, {split[1]}"))
    names = _scores_and_classes(probe, split[2])
    if names and (reason := why_no_lists(*_lists(probe, (*split[:2], *names)))):
        found.append(Evidence(Level.VALUES, reason, speaks_for=False))
    return tuple(found)


def _lists(probe: Probe, names: tuple[str, ...]) -> list[NDArray[np.float32]]:
    """Returns the boxes, scores and classes of the objects that count."""
    number, *lists = (probe.outputs[name] for name in names)
    return [values[0, : int(number.reshape(-1)[0])] for values in lists]


def _create(probe: Probe, description: Description) -> RecognisedHead:
    split = _split(probe)
    if split is None:
        raise ModelError(f"its outputs are {probe}; {known_outputs()}")
    found = _scores_and_classes(probe, split[2])
    if found is None and description.outputs is not None:
        found = split[2][0], split[2][1]
    if found is None:
        raise ModelError(
            f"its outputs are {probe}, and neither their names nor their values tell which holds "
            'the scores; give model.json "head": "object-lists" and "outputs", the scores before '
            "the classes"
        )
    names = (*split[:2], *found)
    if reason := why_no_lists(*_lists(probe, names)):
        raise ModelError(f"its outputs are {probe}, but {reason}")
    return RecognisedHead(names, ObjectListsHead(require_label_count(probe)), LETTERBOX)


FORM = HeadForm(
    "object-lists",
    _create,
    _fits,
    _evidence,
    outputs="a number, [1, N, 4] with corners, [1, N] with scores and [1, N] with classes",
    meaning="lists of corners, scores and classes, suppressed",
)
