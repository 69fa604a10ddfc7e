"""Lists of labels, boxes and scores: RT-DETR, D-FINE and DEIM by their own export; see `FORM`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..model_description import Description
from .candidates import Candidates
from .corner_lists import decode_lists, require_label_count, why_no_lists
from .detr_feeding import detr_feeding
from .evidence import Evidence, Level
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Output, Probe, unknown_output

_NAMES = ("labels", "boxes", "scores")
_SIZE_INPUT = "orig_target_sizes"


@dataclass(frozen=True)
class DetrBoxHead:
    """A head with `(1, N)` labels, `(1, N, 4)` boxes as corners in pixels and `(1, N)` scores.

    The network has chosen the most probable pairs of a query and a class, most probable first; see
    `deploy` in postprocessor.py of RT-DETR, D-FINE and DEIM. Its boxes are in pixels of the size
    that it is told, which is its input's (onnx/extra_inputs.py).
    """

    classes: int
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("detr-boxes", "RT-DETR, D-FINE or DEIM by their own export")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes the labels, boxes and scores; see `Head.decode`.

        Raises:
            ModelError: a label is not a whole number.
        """
        labels, boxes, scores = (output[0] for output in raw)
        return decode_lists(boxes, scores, labels, input_size, confidence)


def _find(probe: Probe) -> dict[str, str] | None:
    """Returns the names of the outputs with labels, boxes and scores; None if there are none.

    They have these names, or else, of a network that is told the image's size, these shapes. Then
    the scores are the list without whole numbers, which no score of a sigmoid is.
    """
    outputs = probe.outputs
    if set(_NAMES) <= set(outputs):
        names = dict(zip(_NAMES, _NAMES, strict=True))
    elif len(outputs) == 3 and _SIZE_INPUT in probe.inputs:
        boxes = [name for name, output in outputs.items() if output.ndim == 3]
        lists = sorted(set(outputs) - set(boxes), key=lambda name: not _are_whole(outputs[name]))
        if len(boxes) != 1:
            return None
        names = {"labels": lists[0], "boxes": boxes[0], "scores": lists[1]}
    else:
        return None
    shapes = {key: outputs[name].shape for key, name in names.items()}
    count = shapes["scores"][-1] if len(shapes["scores"]) == 2 else -1
    wanted = {"labels": (1, count), "boxes": (1, count, 4), "scores": (1, count)}
    return names if shapes == wanted else None


def _are_whole(values: Output) -> bool:
    return bool((values == values.round()).all())


def _fits(probe: Probe) -> bool:
    return _find(probe) is not None


def _evidence(probe: Probe) -> Sequence[Evidence]:
    names = _find(probe) or {}
    boxes, scores, labels = (probe.outputs[names[key]][0] for key in ("boxes", "scores", "labels"))
    if reason := why_no_lists(boxes, scores, labels):
        return (Evidence(Level.VALUES, reason, speaks_for=False),)
    if _SIZE_INPUT in probe.inputs:
        return (Evidence(Level.OUTPUT_NAMES, f"the input {_SIZE_INPUT}"),)
    return (Evidence(Level.VALUES, "whole labels, corners in order and probabilities"),)


def _create(probe: Probe, description: Description) -> RecognisedHead:
    names = _find(probe)
    if names is None:
        raise unknown_output(probe)
    head = DetrBoxHead(require_label_count(probe))
    outputs = tuple(names[key] for key in _NAMES)
    return RecognisedHead(outputs, head, detr_feeding(probe, description))


FORM = HeadForm(
    "detr-boxes",
    _create,
    _fits,
    _evidence,
    outputs="labels [1, N], boxes [1, N, 4] and scores [1, N] of RT-DETR, D-FINE and DEIM",
    meaning="lists of labels, boxes in pixels and scores",
)
