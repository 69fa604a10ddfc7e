"""Small detectors that find masks, keypoints or angles too, as Ultralytics exports them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.object_detection.onnx.onnx_layers import (
    CELLS,
    SIZE,
    Graph,
    anchor_levels,
    anchor_rows,
    boxes_from_distances,
    cells,
    flat_levels,
    name_output,
    probabilities,
)
from tests.object_detection.onnx.onnx_models import CLASSES, MOST, ultralytics

COEFFICIENTS = 32  # of each mask
KEYPOINTS = 17
_PROTOTYPES = (1, COEFFICIENTS, SIZE[1] // 4, SIZE[0] // 4)
_Metadata = dict[str, str] | None


def segment(*, listed: bool = False, metadata: _Metadata = None) -> bytes:
    """Exports like `Segment`: `(1, 4 + classes + 32, N)` and `(1, 32, H / 4, W / 4)`.

    listed: as YOLO26 end to end, and as with nms=True: `(1, MOST, 6 + 32)`.
    """
    graph = Graph()
    extra = flat_levels(graph, COEFFICIENTS)
    mean = graph.node("ReduceMean", "images", [1], keepdims=1)
    small = graph.node("AveragePool", mean, kernel_shape=[4, 4], strides=[4, 4])
    prototypes = graph.node("Tile", small, [1, COEFFICIENTS, 1, 1])
    outputs = _outputs(graph, extra, COEFFICIENTS, listed=listed)
    outputs[name_output(graph, prototypes, "output1")] = _PROTOTYPES
    return graph.finish(outputs, metadata=_stated("segment", metadata))


def yolov5_segment(*, classes: int = CLASSES) -> bytes:
    """Exports like `Segment` of ultralytics/yolov5: `(1, 3 * N, 5 + classes + 32)`, no metadata."""
    graph = Graph()
    rows = anchor_rows(graph, anchor_levels(graph, classes), classes)
    spread = graph.rng.normal(0, 1, (5 + classes, COEFFICIENTS))
    joined = graph.node("Concat", rows, graph.node("MatMul", rows, spread), axis=2)
    mean = graph.node("ReduceMean", "images", [1], keepdims=1)
    small = graph.node("AveragePool", mean, kernel_shape=[4, 4], strides=[4, 4])
    prototypes = graph.node("Tile", small, [1, COEFFICIENTS, 1, 1])
    return graph.finish(
        {
            name_output(graph, joined, "output0"): (1, 3 * CELLS, 5 + classes + COEFFICIENTS),
            name_output(graph, prototypes, "output1"): _PROTOTYPES,
        }
    )


def pose(*, listed: bool = False, numbers: int = 3, metadata: _Metadata = None) -> bytes:
    """Exports like `Pose`: `(1, 4 + classes + 17 * numbers, N)`, x, y and for 3 visibility."""
    graph = Graph()
    grid, stride = cells()
    strides = stride.T[np.newaxis].astype(np.float32)
    parts = []
    for axis in [0, 1] * KEYPOINTS:
        shift = graph.node("Tanh", flat_levels(graph, 1, 0.3))
        point = graph.node("Add", shift, grid[:, axis][np.newaxis, np.newaxis] * 1.0)
        parts.append(graph.node("Mul", point, strides))
        if axis == 1 and numbers == 3:
            parts.append(probabilities(graph, 1))
    extra = graph.node("Concat", *parts, axis=1)
    stated = {"kpt_shape": f"[{KEYPOINTS}, {numbers}]"}
    outputs = _outputs(graph, extra, KEYPOINTS * numbers, listed=listed)
    return graph.finish(outputs, metadata=_stated("pose", metadata, **stated))


def obb(*, listed: bool = False, metadata: _Metadata = None) -> bytes:
    """Exports like `OBB`: `(1, 4 + classes + 1, N)`, the angle last.

    listed: boxes are centre x, centre y, width and height there too.
    """
    graph = Graph()
    turn = graph.node("Sigmoid", flat_levels(graph, 1, 2.0))
    angle = graph.node("Mul", graph.node("Sub", turn, 0.25), math.pi)
    outputs = _outputs(graph, angle, 1, listed=listed, xywh=True)
    return graph.finish(outputs, metadata=_stated("obb", metadata))


def _stated(task: str, metadata: _Metadata, **others: str) -> dict[str, str]:
    return ultralytics(task=task, **others) if metadata is None else metadata


def _outputs(
    graph: Graph, extra: str, numbers: int, *, listed: bool, xywh: bool | None = None
) -> dict[str, tuple[Any, ...]]:
    """Adds the first output, `output0`: boxes, probabilities and `extra`, `(1, numbers, CELLS)`."""
    boxes = boxes_from_distances(graph, xywh=not listed if xywh is None else xywh)
    scores = probabilities(graph, CLASSES)
    if not listed:
        joined = graph.node("Concat", boxes, scores, extra, axis=1)
        return {name_output(graph, joined, "output0"): (1, 4 + CLASSES + numbers, CELLS)}
    best = graph.node("ReduceMax", scores, [1], keepdims=0)
    best, index = graph.node("TopK", best, [MOST], outputs=2)
    category = graph.node("Cast", graph.node("ArgMax", scores, axis=1, keepdims=0), to=1)
    category = graph.node("GatherElements", category, index, axis=1)
    picked = []
    for source in (boxes, extra):
        rows = graph.node("Transpose", source, perm=[0, 2, 1])
        picked.append(graph.node("Gather", rows, graph.node("Squeeze", index, [0]), axis=1))
    columns = [graph.node("Unsqueeze", each, [-1]) for each in (best, category)]
    found = graph.node("Concat", picked[0], *columns, picked[1], axis=2)
    return {name_output(graph, found, "output0"): (1, MOST, 6 + numbers)}
