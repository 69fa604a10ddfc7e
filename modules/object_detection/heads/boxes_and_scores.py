"""Boxes in one output and class probabilities in another: YOLO-NAS; see `BoxesAndScoresHead`.

PP-YOLOE without its suppression (`exclude_nms`) has such outputs too, the scores transposed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..model_description import Description
from ..preprocessing import Preprocessing
from .candidates import Candidates, choose_classes
from .corner_lists import are_probabilities, in_order, in_pixels, lie_at_cells
from .evidence import Evidence, Level
from .family_choice import require_family
from .form import LETTERBOX, HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .paddle import FAMILIES as PADDLE_FAMILIES
from .plausibility import require_probabilities_above
from .probe import Probe, shape_evidence
from .registry import known_outputs


@dataclass(frozen=True)
class BoxesAndScoresHead:
    """A head with a box for each cell in one output, and class probabilities in another.

    Boxes are x1, y1, x2, y2 in pixels of the input (YoloNASDFLHead's forward_eval in
    super-gradients' dfl_heads.py). transposed: whether the scores are `(1, classes, N)`, as
    PaddleDetection's ppyoloe_head.py writes them.
    """

    classes: int
    transposed: bool = False
    suppressed: bool = False

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        family = "PP-YOLOE without suppression" if self.transposed else "YOLO-NAS"
        return HeadSummary("boxes-and-scores", family)

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes two outputs, `(1, N, 4)` and `(1, N, classes)`; see `Head.decode`."""
        scores = raw[1][0].T if self.transposed else raw[1][0]
        (passed,) = np.nonzero(scores.max(axis=1) > confidence)
        require_probabilities_above(scores[passed])
        chosen = choose_classes(scores[passed], confidence, multi_label=multi_label)
        boxes = raw[0][0, passed[chosen.rows]] / np.tile(input_size, 2)
        return Candidates(
            boxes.astype(np.float32),
            chosen.confidences.astype(np.float32),
            chosen.class_ids.astype(np.int32),
        )


@dataclass(frozen=True)
class _Pair:
    """Two outputs that may be boxes and scores.

    boxes: `(N, 4)`. scores: `(N, classes)`.
    """

    names: tuple[str, str]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    transposed: bool

    @property
    def are_likely(self) -> bool:
        """Whether the values can be corners in pixels, and probabilities."""
        return in_order(self.boxes) and in_pixels(self.boxes) and are_probabilities(self.scores)


def _pairs(probe: Probe) -> list[_Pair]:
    """Returns the ways in which the two outputs can be boxes and scores: none, one or two."""
    if len(probe.outputs) != 2 or any(
        output.ndim != 3 or len(output) != 1 for output in probe.outputs.values()
    ):
        return []
    found = []
    names = list(probe.outputs)
    for boxes_name, scores_name in (names, names[::-1]):
        boxes, scores = probe.outputs[boxes_name][0], probe.outputs[scores_name][0]
        if boxes.shape[1] != 4 or len(boxes) == 0:
            continue
        if len(scores) == len(boxes):
            found.append(_Pair((boxes_name, scores_name), boxes, scores, transposed=False))
        elif scores.shape[1] == len(boxes):
            found.append(_Pair((boxes_name, scores_name), boxes, scores.T, transposed=True))
    return found


def _choose(probe: Probe) -> _Pair | None:
    """Returns the outputs as boxes and scores; None if with four classes it may be either way.

    Then the names decide, or else the values.
    """
    pairs = _pairs(probe)
    named = [pair for pair in pairs if _name_boxes(*pair.names)]
    likely = [pair for pair in named or pairs if pair.are_likely]
    for possible in (named, likely, pairs):
        if len(possible) == 1:
            return possible[0]
    return None


def _name_boxes(boxes: str, scores: str) -> bool:
    """Returns whether the names of two outputs say that they are boxes, and scores."""
    return "box" in boxes.lower() and any(
        word in scores.lower() for word in ("score", "conf", "prob", "cls", "class")
    )


def _fits(probe: Probe) -> bool:
    return bool(_pairs(probe))


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    pair = _choose(probe)
    if pair is None:
        return ()
    found = [shape_evidence(probe, pair.scores.shape[1], "the shapes of its outputs")]
    if not pair.boxes.any() and not pair.scores.any():
        return tuple(found)
    if not are_probabilities(pair.scores):
        reason = "its scores are not from 0 to 1"
    elif not (in_order(pair.boxes) and in_pixels(pair.boxes)):
        reason = "its boxes are not x1, y1, x2, y2 in pixels"
    else:
        reason = "corners in order, in pixels, and probabilities"
        if lie_at_cells(pair.boxes, probe):
            reason = "boxes at their cells, and probabilities"
        return (*found, Evidence(Level.VALUES, reason))
    return (*found, Evidence(Level.VALUES, reason, speaks_for=False))


def _create(probe: Probe, description: Description) -> RecognisedHead:
    if not _pairs(probe):
        raise ModelError(f"its outputs are {probe}; {known_outputs()}")
    pair = _choose(probe)
    if pair is None and description.outputs is not None:
        pair = _pairs(probe)[0]
    if pair is None:
        raise ModelError(
            f"its outputs are {probe}, and neither their names nor their values tell which holds "
            'the boxes; give model.json "head": "boxes-and-scores" and "outputs", the boxes first'
        )
    return RecognisedHead(
        pair.names,
        BoxesAndScoresHead(pair.scores.shape[1], pair.transposed),
        _preprocessing(pair, probe, description),
    )


def _preprocessing(pair: _Pair, probe: Probe, description: Description) -> Preprocessing:
    if pair.transposed:
        return require_family(probe, description, PADDLE_FAMILIES)
    return LETTERBOX


FORM = HeadForm(
    "boxes-and-scores",
    _create,
    _fits,
    _evidence,
    outputs="[1, N, 4] with corners and [1, N, classes] with probabilities",
    meaning="a box in one output, and class probabilities in the other",
    families={"yolo-nas": LETTERBOX},
)
