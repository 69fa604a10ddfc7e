"""Which family a network is of, told from its outputs on a first image; start at `tell_family`.

Shapes tell most families apart. Where they do not, values do:

- `(1, N, 5 + classes)` with a row a cell is YOLOv6's where the objectness of every row is 1, which
  its exporter writes there, and YOLOX's otherwise.
- Its boxes are decoded where centres follow their cells over the input, one pixel a pixel; where
  they do not depend on the cell's place, they are offsets within the cell.
- `(1, N, 6)` is a list of objects where the last column holds whole numbers, the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..model_description import FAMILIES, YOLOX, Description
from ..preprocessing import Preprocessing
from .grid import Grid
from .head import Head
from .onnx_heads import AnchorHead, ClassHead, EndToEndHead, ObjectnessHead, as_corner_rows

_CENTRED = FAMILIES["yolov8"]
_KNOWN = (
    "known are [1, N, 5 + classes] and [1, 4 + classes, N] with a box a cell or anchor, "
    "[1, N, 6] and [N, 7] with suppressed boxes; model.json may say `head` and `outputs`"
)

_Output = NDArray[np.float32]


@dataclass(frozen=True)
class Family:
    """How a network is fed and read: `outputs` are those that `head` decodes."""

    outputs: tuple[str, ...]
    head: Head
    preprocessing: Preprocessing = _CENTRED


@dataclass(frozen=True)
class Probe:
    """What is known of a network.

    outputs: those on a first image, by name. size: the input's (width, height). labels: for how
    many classes there are names; None where there are none.
    """

    outputs: Mapping[str, _Output]
    size: tuple[int, int]
    labels: int | None

    def __str__(self) -> str:
        shapes = (f"{name} {list(output.shape)}" for name, output in self.outputs.items())
        return ", ".join(shapes)


def tell_family(probe: Probe, description: Description) -> Family:
    """Tells the family.

    Raises:
        ModelError: the outputs are none of a known detector, or could be several's.
    """
    if description.anchors is not None or description.head == "anchors":
        return _raw_levels(probe, description)
    name = _main_output(probe)
    output = probe.outputs[name]
    head = description.head or _head_of(output, probe)
    if head == "classes":
        return Family((name,), _class_head(output, probe, sure=description.head is not None))
    if head == "end-to-end":
        return Family((name,), _end_to_end_head(output, probe))
    return _objectness_family(name, output, probe, description.head)


def _main_output(probe: Probe) -> str:
    """The output to read, of those that there are."""
    names, outputs = list(probe.outputs), list(probe.outputs.values())
    dimensions = [output.ndim for output in outputs]
    if len(names) == 1:
        return names[0]
    if len(names) == 2 and dimensions == [3, 3] and outputs[0].shape == outputs[1].shape:
        return names[1]  # YOLOv9's DualDDetect: the auxiliary branch comes first
    if dimensions[0] == 3 and set(dimensions[1:]) == {5}:
        return names[0]  # YOLOv5's and v7's raw levels come along
    if set(dimensions) in ({4}, {5}):
        raise ModelError(
            f"its outputs ({probe}) look like raw levels; export it with the last step (YOLOv7: "
            "--grid), or give model.json the `anchors` of YOLOv5 or v7, a list for each output"
        )
    raise ModelError(f"its outputs are {probe}; {_KNOWN}")


def _head_of(output: _Output, probe: Probe) -> str:
    """The form of the one output, a word of `HEADS`, by its shape."""
    if output.ndim == 2 and output.shape[1] == 7:
        return "end-to-end"
    found = []
    if output.ndim == 3 and len(output) == 1:
        _, rows, columns = output.shape
        if rows > 4 and Grid.with_boxes(columns, probe.size, 1):
            found.append("classes")
        if columns > 5 and any(Grid.with_boxes(rows, probe.size, each) for each in (1, 3)):
            found.append("objectness")
        if columns == 6 and not found:
            found.append("end-to-end")
    if len(found) != 1:
        width, height = probe.size
        raise ModelError(f"its output is {probe} at {width} x {height}; {_KNOWN}")
    return found[0]


def _class_head(output: _Output, probe: Probe, *, sure: bool) -> Head:
    _require_dimensions(output, 3, probe)
    _require_probabilities(output[0, 4:], probe)
    grid = Grid.with_boxes(output.shape[2], probe.size, 1)
    if grid is not None and not sure:
        _require_pixels(output[0, :2].T, grid, probe)
    return ClassHead(output.shape[1] - 4)


def _objectness_family(name: str, output: _Output, probe: Probe, head: str | None) -> Family:
    _require_dimensions(output, 3, probe)
    rows = output[0]
    _require_probabilities(rows[:, 4:], probe)
    classes = rows.shape[1] - 5
    cells = Grid.with_boxes(len(rows), probe.size, 1)
    grid = cells or Grid.with_boxes(len(rows), probe.size, 3)
    if head is None and cells is not None and _units(rows[:, :2], cells) == "offsets":
        head = "yolox"
    if head is None and grid is not None:
        _require_pixels(rows[:, :2], grid, probe)
    if head == "yolox":
        if cells is None:
            raise ModelError(f"its output {probe} has no row for each cell, as YOLOX has")
        return Family((name,), ObjectnessHead(classes, cells), YOLOX)
    if cells is None:
        # nobody but YOLOv5 and v7 has several boxes a cell, if nobody says otherwise
        alone = head is None and classes == 1
        return Family((name,), ObjectnessHead(classes, objectness_alone=alone))
    is_yolov6 = (rows[:, 4] > 0.999).all()
    return Family((name,), ObjectnessHead(classes), _CENTRED if is_yolov6 else YOLOX)


def _end_to_end_head(output: _Output, probe: Probe) -> Head:
    if probe.labels is None:
        raise ModelError(
            f"its output is {probe}, which does not say how many classes there are; "
            "put their names beside it, one a line, in a *.names"
        )
    _require_dimensions(output, 2 if output.shape[-1] == 7 else 3, probe)
    rows = as_corner_rows(output)
    found = rows[rows[:, 4] > 0]
    _require_probabilities(rows[:, 4], probe)
    whole = (found[:, 5] == np.round(found[:, 5])).all() and (found[:, 5] >= 0).all()
    if not whole or (len(found) and found[:, :4].max() <= 2):
        raise ModelError(
            f"its output {probe} is not rows of x0, y0, x1, y1 in pixels, confidence and class; "
            f"{_KNOWN}"
        )
    return EndToEndHead(probe.labels)


def _raw_levels(probe: Probe, description: Description) -> Family:
    anchors = description.anchors
    if anchors is None or len(anchors) != len(probe.outputs):
        raise ModelError(
            f"model.json must give `anchors`, a list for each of the outputs {probe}; "
            f"it has {len(anchors or ())}"
        )
    sizes = set()
    for output, level in zip(probe.outputs.values(), anchors, strict=True):
        _, channels, *rest = output.shape if output.ndim in (4, 5) else (0, 0)
        each = channels * (rest[2] if output.ndim == 5 else 1) / len(level)
        fits = output.ndim == 4 or channels == len(level)
        sizes.add(int(each) if fits and each == int(each) else 0)
    if len(sizes) != 1 or min(sizes) < 6:
        raise ModelError(
            f"the outputs {probe} are not [1, anchors, H, W, 5 + classes], or "
            "[1, anchors * (5 + classes), H, W], with the anchors of model.json"
        )
    return Family(tuple(probe.outputs), AnchorHead(anchors, sizes.pop() - 5))


def _require_dimensions(output: _Output, dimensions: int, probe: Probe) -> None:
    if output.ndim != dimensions or (dimensions == 3 and len(output) != 1):
        raise ModelError(f"its output is {probe}; {_KNOWN}")


def _require_probabilities(scores: _Output, probe: Probe) -> None:
    if scores.size and not (scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3):
        raise ModelError(
            f"its output {probe} holds scores from {scores.min():.3g} to {scores.max():.3g}, which "
            "are no probabilities; a network with masks, keypoints or angles is no plain detector"
        )


def _require_pixels(centres: _Output, grid: Grid, probe: Probe) -> None:
    if _units(centres, grid) != "pixels":
        raise ModelError(
            f"the boxes of its output {probe} do not lie at their cells, in pixels of the input; "
            "if another exporter wrote it, export it with the family's own"
        )


def _units(centres: _Output, grid: Grid) -> Literal["pixels", "offsets", "other"]:
    """What boxes' centres, `(N, 2)`, are counted in: how they follow their cells tells.

    Fits centre = slope * cell + rest, by least squares: in pixels, the slope is about 1.
    """
    cells = grid.corners - grid.corners.mean(axis=0, dtype=np.float64)
    spread = centres - centres.mean(axis=0, dtype=np.float64)
    slope = (cells * spread).sum(axis=0) / (cells**2).sum(axis=0)
    if ((slope > 0.5) & (slope < 2)).all():
        return "pixels"
    explained = slope**2 * (cells**2).sum(axis=0)
    if (explained > 0.8 * (spread**2).sum(axis=0)).any():
        return "other"
    return "offsets"
