"""EfficientDet of efficientdet-pytorch, with its suppression inside; see `EffdetHead`."""

from __future__ import annotations

from dataclasses import dataclass

from ..model_description import Description
from ..preprocessing import Preprocessing
from .candidates import Candidates
from .corner_lists import decode_lists, require_label_count
from .counted_from_one import class_of_numbers, number_from_zero
from .evidence import Evidence, Level
from .family_choice import require_family
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Probe, require_table

# ResizePad in effdet/data/transforms.py pads with the mean colour, or lite networks with black
# (model_config.py)
_FAMILIES = {
    "effdet": Preprocessing(
        resize="letterbox-top-left",
        padding=116,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    "effdet-lite": Preprocessing(
        resize="letterbox-top-left", padding=0, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    ),
}
# The last layers of effdet/efficientdet.py. No batch normalisation follows them, so exporters keep
# their names
_LAYERS = ("class_net.predict.", "box_net.predict.")
_COLUMNS = 6
_ANCHORS = 9  # boxes of a cell, each with a number for each class


@dataclass(frozen=True)
class EffdetHead:
    """A head with `(1, N, 6)`: x1, y1, x2, y2 in pixels, score, class, suppressed.

    It looks like `EndToEndHead`, but classes are counted from 1 (`generate_detections` in
    effdet/anchors.py). class_of_number: the class of each number, -1 for numbers without one.
    """

    classes: int
    class_of_number: tuple[int, ...]
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("effdet", "EfficientDet of efficientdet-pytorch")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output; see `Head.decode`."""
        rows = raw[0][0]
        found = decode_lists(rows[:, :4], rows[:, 4], rows[:, 5], input_size, confidence)
        return number_from_zero(found, self.class_of_number)


def _fits(probe: Probe) -> bool:
    named = all(any(layer in name for name in probe.weights) for layer in _LAYERS)
    return named and probe.table is not None and probe.table.shape[1] == _COLUMNS


def _evidence(_: Probe) -> tuple[Evidence, ...]:
    return (Evidence(Level.OUTPUT_NAMES, "the names of its weights, class_net and box_net"),)


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name, _ = require_table(probe, columns=_COLUMNS)
    names = require_label_count(probe)
    head = EffdetHead(names, class_of_numbers(_numbers(probe), names))
    return RecognisedHead((name,), head, require_family(probe, description, _FAMILIES))


def _numbers(probe: Probe) -> int | None:
    """Returns the number of classes, from the shape of the last layer; None if it has no name."""
    kernels = (shape for name, shape in probe.weights.items() if _LAYERS[0] in name)
    filters = max((shape[0] for shape in kernels if len(shape) == 4 and shape[1] > 1), default=0)
    return filters // _ANCHORS or None


FORM = HeadForm(
    "effdet",
    _create,
    _fits,
    _evidence,
    meaning="a list of objects, suppressed, with classes counted from 1",
    families=_FAMILIES,
)
