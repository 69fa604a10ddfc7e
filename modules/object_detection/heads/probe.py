"""A network's outputs on a first image, and the checks that heads make on them; see `Probe`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .evidence import Evidence, Level
from .grid import Grid
from .registry import known_outputs

Output = NDArray[np.float32]
_LIST_COLUMNS = 7  # of the widest list of objects


@dataclass(frozen=True)
class Probe:
    """What is known about a network when its head is recognised.

    outputs: those on a first image, by name. input_size: (width, height) in pixels. label_count:
    the number of class names; None if there are no names. metadata: what the exporter wrote into
    the file. weights: the shapes of the weights, by name. inputs: the names of the inputs. stem:
    the sides of the kernels of the convolutions that take the image; empty if other operators do.
    """

    outputs: Mapping[str, Output]
    input_size: tuple[int, int]
    label_count: int | None
    metadata: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: Collection[str] = ()
    stem: frozenset[int] = frozenset()

    def __str__(self) -> str:
        shapes = (f"{name} {list(output.shape)}" for name, output in self.outputs.items())
        return ", ".join(shapes)

    @property
    def main_output(self) -> str | None:
        """The name of the one output that holds all boxes; None if no output clearly does."""
        names, outputs = list(self.outputs), list(self.outputs.values())
        dimensions = [output.ndim for output in outputs]
        if len(names) == 1:
            return names[0]
        if len(names) == 2 and dimensions == [3, 3] and outputs[0].shape == outputs[1].shape:
            return names[1]  # YOLOv9's DualDDetect: the auxiliary branch comes first
        if dimensions[0] == 3 and set(dimensions[1:]) == {5}:
            return names[0]  # old exports of YOLOv5 and v7 have the raw levels as further outputs
        return None

    @property
    def table(self) -> Output | None:
        """The main output without its batch axis of 1, `(rows, columns)`; None for other shapes."""
        output = None if self.main_output is None else self.outputs[self.main_output]
        return output[0] if output is not None and output.ndim == 3 and len(output) == 1 else None


def require_main_output(probe: Probe) -> str:
    """Returns the name of the main output.

    Raises:
        ModelError: there are several outputs, and none clearly holds all boxes.
    """
    name = probe.main_output
    if name is not None:
        return name
    if {output.ndim for output in probe.outputs.values()} in ({4}, {5}):
        raise ModelError(
            f"its outputs ({probe}) look like raw levels; export it with the last step (YOLOv7: "
            "--grid), or give model.json the `anchors` of YOLOv5 or v7, a list for each output"
        )
    raise ModelError(f"its outputs are {probe}; {known_outputs()}")


def require_table(probe: Probe, *, rows: int = 0, columns: int = 0) -> tuple[str, Output]:
    """Returns the name of the main output and its table, of at least so many rows and columns.

    Raises:
        ModelError: there is no main output, or it has another shape.
    """
    name = require_main_output(probe)
    table = probe.table
    if table is None or table.shape[0] < rows or table.shape[1] < columns:
        raise unknown_output(probe)
    return name, table


def unknown_output(probe: Probe) -> ModelError:
    """Makes the error for a main output of a shape that no head reads."""
    width, height = probe.input_size
    shape = next(iter(probe.outputs.values())).shape
    if len(probe.outputs) == 1 and len(shape) == 2 and shape[0] == 1 and shape[1] > _LIST_COLUMNS:
        return ModelError(
            f"its output is {probe}: it looks like a classifier, which has one class for a whole "
            f"image and no boxes; {known_outputs()}"
        )
    return ModelError(
        f"its output is {probe} at {width} x {height}; {known_outputs()}{advice(probe)}"
    )


def advice(probe: Probe) -> str:
    """Names the head that may read a table with an unknown number of cells.

    If there are names, their number must be that of the classes.
    """
    shape = (0, 0) if probe.table is None else probe.table.shape
    for head, boxes, numbers in (("objectness", *shape), ("classes", *shape[::-1])):
        classes = numbers - (5 if head == "objectness" else 4)
        fits = classes > 0 if probe.label_count is None else classes == probe.label_count
        if fits and boxes > numbers:
            return f'; if it holds {boxes} boxes in pixels, give model.json "head": "{head}"'
    return ""


def require_probabilities(scores: Output, probe: Probe) -> None:
    """Checks that all of `scores`, of any shape, are from 0 to 1.

    Raises:
        ModelError: they are not.
    """
    if scores.size and not (scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3):
        raise ModelError(
            f"its output {probe} holds scores from {scores.min():.3g} to {scores.max():.3g}, which "
            "are not probabilities; networks with masks, keypoints or angles are not supported"
        )


def require_pixels(centres: Output, grid: Grid, probe: Probe) -> None:
    """Checks that `centres`, `(N, 2)`, are in pixels of the input, near the cells of `grid`.

    Raises:
        ModelError: they are not.
    """
    if unit_of_centres(centres, grid.corners) != "pixels":
        raise ModelError(
            f"the boxes of its output {probe} are not at their cells, in pixels of the input; "
            "if another exporter wrote it, export it with the family's own"
        )


def shape_evidence(probe: Probe, classes: int, reason: str) -> Evidence:
    """Returns the evidence of a shape that holds `classes` probabilities for each box.

    reason: what to say unless there are names for another number of classes.
    """
    if probe.label_count in (None, classes):
        return Evidence(Level.SHAPES, reason)
    reason = f"its shape is that of {classes} classes, and there are names for {probe.label_count}"
    return Evidence(Level.SHAPES, reason, speaks_for=False)


def unit_of_centres(centres: Output, corners: Output) -> Literal["pixels", "offsets", "other"]:
    """Finds the unit of the boxes' centres from how they depend on their cells' corners.

    Both are `(N, 2)`; the corners are in pixels, of several cells.

    Fits centre = slope * cell + rest by least squares. In pixels, the slope is about 1; offsets
    within the cell hardly depend on where the cell is.
    """
    cells = corners - corners.mean(axis=0, dtype=np.float64)
    spread = centres - centres.mean(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # of cells in one row or column, whose slope is unknown
        slope = (cells * spread).sum(axis=0) / (cells**2).sum(axis=0)
    if ((slope > 0.5) & (slope < 2)).all():
        return "pixels"
    explained = slope**2 * (cells**2).sum(axis=0)
    if (explained > 0.8 * (spread**2).sum(axis=0)).any():
        return "other"
    return "offsets"
