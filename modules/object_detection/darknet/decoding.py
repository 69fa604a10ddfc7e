"""Puts the decoding of a Darknet network's boxes into its graph; start at `add_decoding`.

The graph then has one output, as YOLOv5's has: `[1, N, 5 + classes]`, a row a box: centre x and y,
width and height in pixels of the input, objectness, a probability a class. Boxes stand in YOLOv5's
order: levels from the finest on, then anchors, rows and columns. Formulas: heads.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import CfgError
from ..heads.darknet_heads import GaussianYoloHead, RegionHead, YoloHead
from ..heads.head import Candidates, best_class
from ..onnx.graph import Graph
from .network import NetworkBuilder

OUTPUT = "output0"
_NUMBERS = 2  # the axis of an anchor's numbers in [1, anchors, numbers, cells]


def add_decoding(network: NetworkBuilder) -> None:
    """Replaces the network's outputs by one, of the boxes that its heads would decode from them.

    Raises:
        CfgError: a head whose boxes have no such form.
    """
    graph = network.graph
    size = (network.input.width, network.input.height)
    classes = network.heads[0].classes
    levels = []
    for name, head in zip(network.outputs, network.heads, strict=True):
        if not isinstance(head, YoloHead | GaussianYoloHead | RegionHead):
            raise CfgError(f"the boxes of a {type(head).__name__} cannot be decoded in the graph")
        if isinstance(head, RegionHead) and head.tree is not None:
            raise CfgError("classes that form a tree cannot be decoded in the graph")
        level = _Level(graph, name, graph.outputs[name], len(head.anchors), size)
        levels.append((level, level.join(_boxes(level, head))))
    levels.sort(key=lambda pair: -pair[0].cells)
    rows = sum(level.anchors * level.cells for level, _ in levels)
    graph.outputs.clear()
    graph.node("Concat", [boxes for _, boxes in levels], name=OUTPUT, axis=1)
    graph.output(OUTPUT, (1, rows, 5 + classes))
    network.outputs[:] = [OUTPUT]
    network.heads[:] = [BoxesHead(classes)]


@dataclass(frozen=True)
class BoxesHead:
    """The head of what `add_decoding` makes: rows of boxes in pixels of the input."""

    classes: int

    def decode(
        self, raw: NDArray[np.float32], input_size: tuple[int, int], confidence: float
    ) -> Candidates:
        """Decodes `raw`, `(1, N, 5 + classes)` float32; see `OutputHead.decode`."""
        rows = raw[0][raw[0, :, 4] > confidence]
        class_ids, best = best_class(rows[:, 5:])
        confidences = rows[:, 4] * best
        centres, sizes = rows[:, 0:2] / input_size, rows[:, 2:4] / input_size
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
        passed = confidences > confidence
        return Candidates(
            boxes[passed].astype(np.float32),
            confidences[passed].astype(np.float32),
            class_ids[passed].astype(np.int32),
        )


class _Level:
    """The raw output of one head, `(1, A * numbers, H, W)`, and what is made of it.

    cells: H * W. stride: a cell's (width, height) in pixels.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        shape: tuple[int, ...],
        anchors: int,
        input_size: tuple[int, int],
    ) -> None:
        _, channels, height, width = shape
        self.graph, self.anchors, self.cells = graph, anchors, height * width
        self.stride = np.array(input_size) / (width, height)
        rows, columns = np.divmod(np.arange(self.cells), width)
        self._corners = np.stack([columns, rows])
        self._shape = graph.integers(1, anchors, channels // anchors, self.cells)
        self._raw = graph.node("Reshape", [name, self._shape])

    def numbers(self, start: int, stop: int, step: int = 1) -> str:
        """Some of each anchor's numbers, `[1, A, numbers, cells]`, counted as in a slice."""
        bounds = map(self.graph.integers, (start, stop, _NUMBERS, step))
        return self.graph.node("Slice", [self._raw, *bounds])

    def centres(self, offsets: str, scale_x_y: float) -> str:
        """Centres in pixels, of offsets from their cell's corner, 0 to 1."""
        stride = self.stride[np.newaxis, np.newaxis, :, np.newaxis]
        corners = (self._corners - 0.5 * (scale_x_y - 1)) * stride
        scaled = self.graph.node("Mul", [offsets, self._constant(scale_x_y * stride)])
        return self.graph.node("Add", [scaled, self._constant(corners)])

    def sizes(self, factors: str, anchors: NDArray[np.float64]) -> str:
        """Widths and heights in pixels: multiples of anchors, `(A, 2)`, in pixels."""
        return self.graph.node("Mul", [factors, self._constant(anchors[np.newaxis, :, :, None])])

    def scores(self, objectness: str, probabilities: str, classes: int) -> list[str]:
        """Objectness and probabilities; where there is one class, their product and 1.

        The product is the confidence either way, and readers of YOLOv5's form differ on whether
        the probability of the only class counts.
        """
        if classes > 1:
            return [objectness, probabilities]
        ones = self._constant(np.ones((1, self.anchors, 1, self.cells)))
        return [self.graph.node("Mul", [objectness, probabilities]), ones]

    def join(self, parts: list[str]) -> str:
        """Parts with an anchor's numbers each, as rows of boxes, `[1, A * cells, numbers]`."""
        boxes = self.graph.node("Concat", parts, axis=_NUMBERS)
        boxes = self.graph.node("Transpose", [boxes], perm=(0, 1, 3, 2))
        shape = self.graph.integers(1, self.anchors * self.cells, -1)
        return self.graph.node("Reshape", [boxes, shape])

    def _constant(self, values: NDArray[np.float64]) -> str:
        return self.graph.array(values.astype(np.float32))


def _boxes(level: _Level, head: YoloHead | GaussianYoloHead | RegionHead) -> list[str]:
    """Centres, sizes, objectness and probabilities."""
    if isinstance(head, YoloHead):
        return _yolo_boxes(level, head)
    if isinstance(head, GaussianYoloHead):
        return _gaussian_boxes(level, head)
    return _region_boxes(level, head)


def _yolo_boxes(level: _Level, head: YoloHead) -> list[str]:
    node = level.graph.node
    anchors = np.array(head.anchors, np.float64)
    offsets, sizes = level.numbers(0, 2), level.numbers(2, 4)
    objectness, probabilities = level.numbers(4, 5), level.numbers(5, 5 + head.classes)
    if head.new_coords:
        factors = node("Mul", [sizes, sizes])
        anchors = 4 * anchors
    else:
        factors = node("Exp", [sizes])
        offsets, objectness, probabilities = (
            node("Sigmoid", [logits]) for logits in (offsets, objectness, probabilities)
        )
    return [
        level.centres(offsets, head.scale_x_y),
        level.sizes(factors, anchors),
        *level.scores(objectness, probabilities, head.classes),
    ]


def _gaussian_boxes(level: _Level, head: GaussianYoloHead) -> list[str]:
    """As of a `[yolo]`; the objectness is lowered by the mean of the four uncertainties."""
    graph, node = level.graph, level.graph.node
    sides = node("Sigmoid", [level.numbers(1, 8, 2)])
    mean = node("ReduceMean", [sides, graph.integers(_NUMBERS)])
    certainty = node("Sub", [graph.floats(1.0), mean])
    objectness = node("Mul", [node("Sigmoid", [level.numbers(8, 9)]), certainty])
    return [
        level.centres(node("Sigmoid", [level.numbers(0, 4, 2)]), head.scale_x_y),
        level.sizes(node("Exp", [level.numbers(4, 8, 2)]), np.array(head.anchors)),
        *level.scores(
            objectness, node("Sigmoid", [level.numbers(9, 9 + head.classes)]), head.classes
        ),
    ]


def _region_boxes(level: _Level, head: RegionHead) -> list[str]:
    node = level.graph.node
    probabilities = node("Softmax", [level.numbers(5, 5 + head.classes)], axis=_NUMBERS)
    return [
        level.centres(node("Sigmoid", [level.numbers(0, 2)]), 1.0),
        level.sizes(node("Exp", [level.numbers(2, 4)]), np.array(head.anchors) * level.stride),
        *level.scores(node("Sigmoid", [level.numbers(4, 5)]), probabilities, head.classes),
    ]
