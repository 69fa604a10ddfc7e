"""Boxes with scores in one output, classes in another: RTMDet and others; see `DetsHead`."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ModelError
from ..model_description import Description
from ..preprocessing import Preprocessing
from .candidates import Candidates
from .corner_lists import decode_lists, require_label_count, why_no_lists
from .evidence import Evidence, Level
from .family_choice import require_family
from .form import HeadForm, RecognisedHead
from .head import HeadSummary, Raw
from .objectness import YOLOX
from .probe import Probe
from .registry import known_outputs

# configs/rtmdet/rtmdet_l_8xb32-300e_coco.py of mmdetection; colours in the order of BGR
RTMDET = Preprocessing(
    scale=1.0,
    channels="bgr",
    resize="letterbox-top-left",
    mean=(103.53, 116.28, 123.675),
    std=(57.375, 57.12, 58.395),
)
_FAMILIES = {"rtmdet": RTMDET, "yolox": YOLOX}
# The layers before the scores in mmdetection's rtmdet_head.py and yolox_head.py. No batch
# normalisation follows them, so exporters do not fold them and keep their names
_LAYERS = {"rtmdet": "bbox_head.rtm_cls", "yolox": "bbox_head.multi_level_conv_cls"}


@dataclass(frozen=True)
class DetsHead:
    """A head with lists of objects: `(1, N, 5)` x1, y1, x2, y2, score, and `(1, N)` classes.

    mmdeploy's exports have these outputs, `dets` and `labels`, suppressed, with boxes in pixels of
    the input (multiclass_nms in mmdeploy/mmcv/ops/nms.py). masks: whether the file has a third
    output with masks.
    """

    classes: int
    masks: bool = False
    suppressed: bool = True

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""
        left_out = "masks" if self.masks else ""
        return HeadSummary(
            "dets-and-labels", "RTMDet, or another exported by mmdeploy", left_out=left_out
        )

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes two outputs, `(1, N, 5)` and `(1, N)`; see `Head.decode`."""
        dets, labels = raw[0][0], raw[1][0]
        return decode_lists(dets[:, :4], dets[:, 4], labels, input_size, confidence)


def _names(probe: Probe) -> tuple[str, str] | None:
    """Returns the names of the outputs with boxes and classes; None for other shapes."""
    found = {output.ndim: name for name, output in probe.outputs.items()}
    shapes = {output.ndim: output.shape for output in probe.outputs.values()}
    if len(found) != len(probe.outputs) or found.keys() not in ({2, 3}, {2, 3, 4}):
        return None
    count = shapes[2][1]
    if shapes[2] != (1, count) or shapes[3] != (1, count, 5):
        return None
    return (found[3], found[2]) if shapes.get(4, (1, count))[:2] == (1, count) else None


def _fits(probe: Probe) -> bool:
    return _names(probe) is not None


def _evidence(probe: Probe) -> tuple[Evidence, ...]:
    names = _names(probe)
    if names is None:
        return ()
    found = [Evidence(Level.SHAPES, "the shapes of its outputs")]
    if names == ("dets", "labels"):
        found.append(Evidence(Level.OUTPUT_NAMES, "the outputs' names, dets and labels"))
    if reason := _why_not(probe, names):
        found.append(Evidence(Level.VALUES, reason, speaks_for=False))
    return tuple(found)


def _why_not(probe: Probe, names: tuple[str, str]) -> str:
    dets, labels = (probe.outputs[name][0] for name in names)
    return why_no_lists(dets[:, :4], dets[:, 4], labels)


def _create(probe: Probe, description: Description) -> RecognisedHead:
    names = _names(probe)
    if names is None:
        raise ModelError(f"its outputs are {probe}; {known_outputs()}")
    if reason := _why_not(probe, names):
        raise ModelError(f"its outputs are {probe}, but {reason}")
    family = _family_in(probe)
    return RecognisedHead(
        names,
        DetsHead(require_label_count(probe), masks=len(probe.outputs) > 2),
        _FAMILIES[family] if family else require_family(probe, description, _FAMILIES),
    )


def _family_in(probe: Probe) -> str | None:
    """Returns the family that the names of the weights show; None if they show none."""
    for family, layer in _LAYERS.items():
        if any(layer in name for name in probe.weights):
            return family
    return None


FORM = HeadForm(
    "dets-and-labels",
    _create,
    _fits,
    _evidence,
    outputs="[1, N, 5] with corners and scores and [1, N] with classes",
    meaning="corners and scores in one output, classes in the other, suppressed",
    families={"rtmdet": RTMDET},
)
