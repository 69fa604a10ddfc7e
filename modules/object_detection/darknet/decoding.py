"""Adds the decoding of the boxes to a Darknet network's graph; start at `add_decoding`.

The graph then has one output with the format of YOLOv5's: `[1, N, 5 + classes]`, one row per box:
centre x and y, width and height in pixels of the input, objectness, and one probability per class.
The order of the boxes is YOLOv5's, too: by level, the finest first, then by anchor, row and
column. Formulas: heads/darknet_yolo.py, darknet_gaussian_yolo.py and darknet_region.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import CfgError
from ..heads.darknet_gaussian_yolo import GaussianYoloHead
from ..heads.darknet_region import RegionHead
from ..heads.darknet_yolo import YoloHead
from ..heads.objectness import ObjectnessHead
from ..onnx.graph import Graph
from .network import NetworkBuilder

_OUTPUT = "output0"
_NUMBERS = 2  # the axis of an anchor's numbers in [1, A, numbers, cells]


def add_decoding(network: NetworkBuilder) -> None:
    """Replaces the network's outputs by one that holds the boxes that its heads would decode.

    Raises:
        CfgError: a head's boxes cannot have this format.
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
    graph.node("Concat", [boxes for _, boxes in levels], name=_OUTPUT, axis=1)
    graph.output(_OUTPUT, (1, rows, 5 + classes))
    network.outputs[:] = [_OUTPUT]
    network.heads[:] = [ObjectnessHead(classes)]


class _Level:
    """The raw output of one head, `(1, A * numbers, H, W)`, and the nodes that decode it.

    anchors: A. cells: H * W. stride: a cell's (width, height) in pixels.
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
        by_anchor = graph.integers(1, anchors, channels // anchors, self.cells)
        self._raw = graph.node("Reshape", [name, by_anchor])

    def numbers(self, start: int, stop: int, step: int = 1) -> str:
        """Returns each anchor's numbers `start:stop:step`, `[1, A, numbers, cells]`."""
        bounds = map(self.graph.integers, (start, stop, _NUMBERS, step))
        return self.graph.node("Slice", [self._raw, *bounds])

    def centres(self, offsets: str, scale_x_y: float) -> str:
        """Returns centres in pixels, from offsets of 0 to 1 within the cell.

        scale_x_y: stretches the offsets around the cell's middle, see heads/darknet_yolo.py.
        """
        stride = self.stride[np.newaxis, np.newaxis, :, np.newaxis]
        corners = (self._corners - 0.5 * (scale_x_y - 1)) * stride
        scaled = self.graph.node("Mul", [offsets, self._constant(scale_x_y * stride)])
        return self.graph.node("Add", [scaled, self._constant(corners)])

    def sizes(self, factors: str, anchors: NDArray[np.float64]) -> str:
        """Returns widths and heights in pixels: `factors` times anchors, `(A, 2)`, in pixels."""
        return self.graph.node("Mul", [factors, self._constant(anchors[np.newaxis, :, :, None])])

    def scores(self, objectness: str, probabilities: str, classes: int) -> list[str]:
        """Returns objectness and probabilities; for a single class, their product and 1.

        Either way the product of the two is the confidence. Programs that read YOLOv5's format
        differ on whether the probability of a single class counts.
        """
        if classes > 1:
            return [objectness, probabilities]
        ones = self._constant(np.ones((1, self.anchors, 1, self.cells)))
        return [self.graph.node("Mul", [objectness, probabilities]), ones]

    def join(self, parts: list[str]) -> str:
        """Concatenates each anchor's numbers into rows of boxes, `[1, A * cells, numbers]`."""
        boxes = self.graph.node("Concat", parts, axis=_NUMBERS)
        boxes = self.graph.node("Transpose", [boxes], perm=(0, 1, 3, 2))
        shape = self.graph.integers(1, self.anchors * self.cells, -1)
        return self.graph.node("Reshape", [boxes, shape])

    def _constant(self, values: NDArray[np.float64]) -> str:
        return self.graph.array(values.astype(np.float32))


def _boxes(level: _Level, head: YoloHead | GaussianYoloHead | RegionHead) -> list[str]:
    """Returns centres, sizes, objectness and probabilities."""
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
    """Returns the same; multiplies the objectness by 1 - the mean of the four uncertainties."""
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
