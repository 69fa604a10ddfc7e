"""Rows of class, score and box, and their number: PP-YOLOE and others; see `PaddleHead`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..model_description import Description
from ..preprocessing import Preprocessing
from .candidates import Candidates
from .corner_lists import decode_lists, require_label_count, why_no_lists
from .evidence import Evidence, Level
from .family_choice import require_family
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .probe import Probe
from .registry import known_outputs

# Configurations: ppyoloe_reader.yml and ppyoloe_plus_reader.yml in configs/ppyoloe/_base_ of
# PaddleDetection; its NormalizeImage divides by 255 first (`is_scale`)
FAMILIES = {
    "ppyoloe": Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "ppyoloe-plus": Preprocessing(),
}
_COLUMNS = 6


@dataclass(frozen=True)
class PaddleHead:
    """A head with a row for each object: class, score, x1, y1, x2, y2, suppressed.

    PaddleDetection's exports have such rows and, in a second output, their number, which is not
    needed (deploy/third_engine/onnx/infer.py reads the rows alone). Boxes are in pixels of the
    image that the input `scale_factor` speaks of; it is told the network's own input. A class of -1
    fills a list up.
    """

    classes: int
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        return HeadSummary("paddle", "PP-YOLOE, or another of PaddleDetection")

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one output, `(N, 6)`; see `Head.decode`."""
        rows = _objects(raw[0])
        return decode_lists(rows[:, 2:], rows[:, 1], rows[:, 0], input_size, confidence)


def _objects(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the rows of objects, without those of class -1."""
    found: NDArray[np.float32] = rows[rows[:, 0] != -1]
    return found


def _rows_name(probe: Probe) -> str | None:
    """Returns the name of the output with the rows; None if the outputs have other shapes."""
    rows = [
        name
        for name, output in probe.outputs.items()
        if output.ndim == 2 and output.shape[1] == _COLUMNS
    ]
    numbers = [output for output in probe.outputs.values() if output.shape == (1,)]
    return rows[0] if len(rows) == len(numbers) == 1 and len(probe.outputs) == 2 else None


def _fits(probe: Probe) -> bool:
    return _rows_name(probe) is not None


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    name = _rows_name(probe)
    if name is None:
        return ()
    found = [Evidence(Level.SHAPES, "the shapes of its outputs")]
    if name.startswith("multiclass_nms"):
        found.append(Evidence(Level.OUTPUT_NAMES, f"the output's name, {name}"))
    if reason := _why_not(probe, name):
        found.append(Evidence(Level.VALUES, reason, speaks_for=False))
    return tuple(found)


def _why_not(probe: Probe, name: str) -> str:
    rows = _objects(probe.outputs[name])
    return why_no_lists(rows[:, 2:], rows[:, 1], rows[:, 0])


def _create(probe: Probe, description: Description) -> RecognisedHead:
    name = _rows_name(probe)
    if name is None and description.head is not None and len(probe.outputs) == 1:
        ((name, output),) = probe.outputs.items()
        name = name if output.ndim == 2 and output.shape[1] == _COLUMNS else None
    if name is None:
        raise ModelError(f"its outputs are {probe}; {known_outputs()}")
    if reason := _why_not(probe, name):
        raise ModelError(f"its output {name} does not hold class, score and box: {reason}")
    preprocessing = require_family(probe, description, FAMILIES)
    return RecognisedHead((name,), PaddleHead(require_label_count(probe)), preprocessing)


FORM = HeadForm(
    "paddle",
    _create,
    _fits,
    _evidence,
    outputs="[N, 6] with class, score and corners, and their number",
    meaning="class, score and corners in each row, suppressed",
    families=FAMILIES,
)
