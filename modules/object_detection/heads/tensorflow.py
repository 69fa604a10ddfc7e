"""The outputs of TensorFlow's detection API: EfficientDet and others; see `TensorflowHead`."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ModelError
from ..model_description import Description
from ..preprocessing import Preprocessing
from .candidates import Candidates
from .corner_lists import are_whole, decode_lists, in_order, in_pixels, require_label_count
from .counted_from_one import class_of_numbers, number_from_zero
from .evidence import Evidence, Level
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Probe

# The file itself resizes and normalises images: EfficientDet's with their proportions, padded at
# the right and below with the mean colour (`preprocess` of ssd_meta_arch.py normalises first)
EFFICIENTDET = Preprocessing(scale=1.0, resize="letterbox-top-left", padding=116)
_NAMES = ("detection_boxes", "detection_scores", "detection_classes")
# Outputs that have a column for each class, and one for "nothing" before them
_WITH_COLUMNS = ("raw_detection_scores", "detection_multiclass_scores")


@dataclass(frozen=True)
class TensorflowHead:
    """A head with lists of objects: boxes `(1, N, 4)`, scores and classes `(1, N)`, suppressed.

    Boxes are y1, x1, y2, x2 in units of the image, 0 to 1; classes are counted from 1
    (object_detection/exporter_lib_v2.py). class_of_number: the class of each number, -1 for numbers
    without one.
    """

    classes: int
    class_of_number: tuple[int, ...]
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary(
            "tensorflow", "EfficientDet, or another of TensorFlow's object detection API"
        )

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes the boxes, scores and classes; see `Head.decode`."""
        boxes, scores, classes = (output[0] for output in raw)
        found = decode_lists(boxes[:, [1, 0, 3, 2]], scores, classes, (1, 1), confidence)
        return number_from_zero(found, self.class_of_number)


def _names(probe: Probe) -> dict[str, str]:
    """Returns the outputs' names by their usual names, without scope and number ("...:0")."""
    return {name.split(":")[0].split("/")[-1]: name for name in probe.outputs}


def _find(probe: Probe) -> tuple[str, ...] | None:
    """Returns the names of boxes, scores and classes; None if the outputs are others."""
    names = _names(probe)
    if not names.keys() >= set(_NAMES):
        return None
    found = tuple(names[name] for name in _NAMES)
    boxes, scores, classes = (probe.outputs[name].shape for name in found)
    return found if boxes == (1, boxes[1], 4) and scores == classes == boxes[:2] else None


def _fits(probe: Probe) -> bool:
    return _find(probe) is not None


def _evidence(_: Probe) -> tuple[Evidence, ...]:
    return (Evidence(Level.OUTPUT_NAMES, "the outputs' names, detection_boxes and others"),)


def _create(probe: Probe, _: Description) -> RecognisedHead:
    names = _find(probe)
    if names is None:
        raise ModelError(
            f"its outputs are {probe}, not {', '.join(_NAMES)} as TensorFlow's object detection "
            "API names them"
        )
    boxes, scores, classes = (probe.outputs[name][0] for name in names)
    found = scores > 0
    if found.any() and (in_pixels(boxes[found]) or not in_order(boxes[found])):
        raise ModelError(
            f"its outputs are {probe}, but its boxes are not y1, x1, y2, x2 from 0 to 1; if they "
            'are x1, y1, x2, y2 in pixels, give model.json "head": "object-lists"'
        )
    if not are_whole(classes):
        raise ModelError(f"its outputs are {probe}, but its classes are not whole numbers")
    count = require_label_count(probe)
    head = TensorflowHead(count, class_of_numbers(_numbers(probe), count))
    return RecognisedHead(names, head, EFFICIENTDET)


def _numbers(probe: Probe) -> int | None:
    """Returns the number of classes, if an output has a column for each of them."""
    names = _names(probe)
    for name in _WITH_COLUMNS:
        if name in names and probe.outputs[names[name]].ndim == 3:
            return int(probe.outputs[names[name]].shape[2]) - 1
    return None


FORM = HeadForm(
    "tensorflow",
    _create,
    _fits,
    _evidence,
    outputs="TensorFlow's detection_boxes, detection_scores and detection_classes",
    meaning="TensorFlow's lists of boxes, scores and classes, suppressed",
    families={"efficientdet": EFFICIENTDET},
)
