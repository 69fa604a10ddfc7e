"""Layers of the YOLO families in ONNX, with seeded weights; onnx_models.py builds models of them.

The arithmetic of each family's head is copied from its own project, as the exporter traces it. The
layers before the head are simplified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIZE = (96, 64)  # of the input, (width, height)
STRIDES = (8, 16, 32)
ANCHORS = (  # YOLOv5's and v7-tiny's; the input here has a tenth of their side
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
_BINS = 16  # of the distribution of a distance, `reg_max`
Array = NDArray[Any]


class Graph:
    """An ONNX graph that is being built; `white` is the highest value of a pixel."""

    def __init__(self, white: float = 1.0) -> None:
        self.white = white
        self.rng = np.random.default_rng(1)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any, name: str | None = None) -> str:
        """Adds a constant; returns its name."""
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.constants.append(
            numpy_helper.from_array(array, name or f"constant_{len(self.constants)}")
        )
        return str(self.constants[-1].name)

    def node(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Adds a node; inputs that are not names become constants. Returns its outputs' names."""
        names = [item if isinstance(item, str) else self.constant(item) for item in inputs]
        made = [f"{operator}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, names, made, **attributes))
        return made[0] if outputs == 1 else made

    def convolution(
        self, source: str, filters: int, channels: int, side: int, spread: float
    ) -> str:
        """Adds a convolution with random weights; its kernel and its stride are `side`."""
        kernel = self.rng.normal(0, spread, (filters, channels, side, side))
        return str(self.node("Conv", source, kernel, strides=[side, side]))

    def slice(self, source: str, start: int, stop: int, axis: int) -> str:
        """Adds a slice from `start` up to `stop` along an axis; returns its output."""
        return str(self.node("Slice", source, [start], [stop], [axis]))

    def levels(self) -> list[str]:
        """Adds 16 channels of features for each of `STRIDES`, from the input `images`."""
        features = self.node("Tanh", self.convolution("images", 16, 3, 8, 0.12 / self.white))
        found = [features]
        for _ in STRIDES[1:]:
            features = self.node("Tanh", self.convolution(features, 16, 16, 2, 0.2))
            found.append(features)
        return found

    def finish(
        self,
        outputs: Mapping[str, Sequence[int | str]],
        *,
        metadata: dict[str, str] | None = None,
        shape: Sequence[int | str] | None = None,
        element: int = TensorProto.FLOAT,
        types: Mapping[str, int] | None = None,
        inputs: Mapping[str, Sequence[int | str]] | None = None,
    ) -> bytes:
        """Returns the file's bytes.

        outputs: names and shapes. types: of the outputs that have another than `element`. inputs:
        those besides the image, of single precision.
        """
        width, height = SIZE
        shape = shape or (1, 3, height, width)
        graph = helper.make_graph(
            self.nodes,
            "detector",
            [
                helper.make_tensor_value_info("images", element, shape),
                *(
                    helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
                    for name, dims in (inputs or {}).items()
                ),
            ],
            [
                helper.make_tensor_value_info(name, (types or {}).get(name, element), dims)
                for name, dims in outputs.items()
            ],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        helper.set_model_props(model, metadata or {})
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def name_output(graph: Graph, source: str, name: str) -> str:
    """Gives the value `source` the name of an output."""
    graph.nodes.append(helper.make_node("Identity", [source], [name]))
    return name


def cells(strides: Sequence[int] = STRIDES, size: tuple[int, int] = SIZE) -> tuple[Array, Array]:
    """Returns each cell's column and row, level after level, `(N, 2)`, and its stride, `(N, 1)`."""
    grids, strides_of = [], []
    for stride in strides:
        columns, rows = size[0] // stride, size[1] // stride
        rows_of, columns_of = np.meshgrid(range(rows), range(columns), indexing="ij")
        grids.append(np.stack([columns_of.ravel(), rows_of.ravel()], axis=1))
        strides_of.append(np.full((rows * columns, 1), stride))
    return np.concatenate(grids), np.concatenate(strides_of)


CELLS = len(cells()[0])


def flat_levels(graph: Graph, channels: int, spread: float = 1.0) -> str:
    """Adds a convolution for each level; returns them joined, `(1, channels, CELLS)`."""
    parts = [graph.convolution(level, channels, 16, 1, spread) for level in graph.levels()]
    flat = [graph.node("Reshape", part, [1, channels, -1]) for part in parts]
    return str(graph.node("Concat", *flat, axis=2))


def anchor_levels(graph: Graph, classes: int) -> list[str]:
    """Adds YOLOv5's `Detect` up to its last step: `(1, 3, H, W, 5 + classes)` logits per level."""
    found = []
    for level, stride in zip(graph.levels(), STRIDES, strict=True):
        rows, columns = SIZE[1] // stride, SIZE[0] // stride
        raw = graph.convolution(level, 3 * (5 + classes), 16, 1, 0.8)
        split = graph.node("Reshape", raw, [1, 3, 5 + classes, rows, columns])
        found.append(graph.node("Transpose", split, perm=[0, 1, 3, 4, 2]))
    return found


def anchor_rows(graph: Graph, levels: list[str], classes: int) -> str:
    """Adds the last step of `Detect` (models/yolo.py): `(1, 3 * CELLS, 5 + classes)`."""
    parts = []
    for level, stride, anchors in zip(levels, STRIDES, ANCHORS, strict=True):
        rows, columns = SIZE[1] // stride, SIZE[0] // stride
        y, x = np.meshgrid(range(rows), range(columns), indexing="ij")
        grid = np.stack([x, y], axis=2)[np.newaxis, np.newaxis] - 0.5
        anchor_grid = np.array(anchors, float).reshape(1, 3, 1, 1, 2)
        xy, wh, rest = graph.node(
            "Split", graph.node("Sigmoid", level), [2, 2, 1 + classes], outputs=3, axis=4
        )
        xy = graph.node("Mul", graph.node("Add", graph.node("Mul", xy, 2.0), grid), float(stride))
        wh = graph.node("Mul", graph.node("Pow", graph.node("Mul", wh, 2.0), 2.0), anchor_grid)
        y_all = graph.node("Concat", xy, wh, rest, axis=4)
        parts.append(graph.node("Reshape", y_all, [1, 3 * rows * columns, 5 + classes]))
    return str(graph.node("Concat", *parts, axis=1))


def distances(graph: Graph) -> str:
    """Adds Ultralytics' `DFL`: distances to the four sides in cells, `(1, 4, CELLS)`."""
    bins = graph.node("Reshape", flat_levels(graph, 4 * _BINS, 0.6), [1, 4, _BINS, CELLS])
    weights = graph.node("Softmax", graph.node("Transpose", bins, perm=[0, 2, 1, 3]), axis=1)
    ramp = np.arange(_BINS, dtype=np.float32).reshape(1, _BINS, 1, 1)
    found = graph.node("Conv", weights, ramp)
    return str(graph.node("Reshape", graph.node("Mul", found, 0.2), [1, 4, CELLS]))


def boxes_from_distances(graph: Graph, *, xywh: bool) -> str:
    """Adds Ultralytics' `dist2bbox` and the strides: `(1, 4, CELLS)` in pixels."""
    grid, stride = cells()
    anchors = (grid.T + 0.5)[np.newaxis]
    left_top, right_bottom = graph.node("Split", distances(graph), [2, 2], outputs=2, axis=1)
    first = graph.node("Sub", anchors, left_top)
    second = graph.node("Add", anchors, right_bottom)
    if xywh:
        centre = graph.node("Div", graph.node("Add", first, second), 2.0)
        first, second = centre, graph.node("Sub", second, first)
    joined = graph.node("Concat", first, second, axis=1)
    return str(graph.node("Mul", joined, stride.T[np.newaxis].astype(np.float32)))


def probabilities(graph: Graph, classes: int) -> str:
    """Adds class probabilities, `(1, classes, CELLS)`."""
    return str(graph.node("Sigmoid", flat_levels(graph, classes, 0.8)))
