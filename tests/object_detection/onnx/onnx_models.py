"""Small detectors in ONNX, in the form that each YOLO project exports; see onnx_layers.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.object_detection.onnx.onnx_layers import (
    CELLS,
    SIZE,
    STRIDES,
    Graph,
    anchor_levels,
    anchor_rows,
    boxes_from_distances,
    cells,
    flat_levels,
    name_output,
    probabilities,
)

LABELS = ("person", "dog", "bicycle")
CLASSES = len(LABELS)
MOST = 40  # rows in the output of a network with suppressed boxes


def ultralytics(**others: str) -> dict[str, str]:
    """Returns the metadata that Ultralytics' exporter writes; `others` overrides it."""
    names = str(dict(enumerate(LABELS)))
    fixed = {"author": "Ultralytics", "stride": "32", "task": "detect", "batch": "1"}
    return {**fixed, "imgsz": str([SIZE[1], SIZE[0]]), "names": names, **others}


def constant_outputs(
    *outputs: Any,
    metadata: dict[str, str] | None = None,
    size: tuple[int, int] = SIZE,
    names: tuple[str, ...] = (),
) -> bytes:
    """Makes a network that returns the same arrays for every image, `size` (width, height).

    names: of the outputs; output0 and so on if none are given.
    """
    graph = Graph()
    zero = graph.node("Mul", graph.node("ReduceMean", "images", keepdims=0), 0.0)
    shapes = {}
    for index, output in enumerate(outputs):
        values = np.asarray(output, np.float32)
        name = names[index] if names else f"output{index}"
        shapes[name_output(graph, graph.node("Add", values, zero), name)] = values.shape
    return graph.finish(shapes, metadata=metadata, shape=(1, 3, size[1], size[0]))


def yolov5(*, with_levels: bool = False, classes: int = CLASSES) -> bytes:
    """Exports like ultralytics/yolov5's export.py, and YOLOv7's with --grid.

    with_levels: old versions of YOLOv5 also export the raw levels.
    """
    graph = Graph()
    levels = anchor_levels(graph, classes)
    rows = name_output(graph, anchor_rows(graph, levels, classes), "output0")
    outputs = {rows: (1, 3 * CELLS, 5 + classes)}
    raw = _named_levels(graph, levels, classes) if with_levels else {}
    metadata = {"stride": "32", "names": str(dict(enumerate(LABELS[:classes])))}
    return graph.finish({**outputs, **raw}, metadata=metadata)


def yolov7_raw(*, flat: bool = False) -> bytes:
    """Exports like YOLOv7's export.py without --grid, with the weights of `yolov5`.

    flat: as tools export that end the graph at its convolutions.
    """
    graph = Graph()
    levels = anchor_levels(graph, CLASSES)
    if not flat:
        return graph.finish(_named_levels(graph, levels, CLASSES))
    outputs = {}
    for level, stride in zip(levels, STRIDES, strict=True):
        rows, columns = SIZE[1] // stride, SIZE[0] // stride
        joined = graph.node("Transpose", level, perm=[0, 1, 4, 2, 3])
        joined = graph.node("Reshape", joined, [1, 3 * (5 + CLASSES), rows, columns])
        outputs[name_output(graph, joined, f"level{stride}")] = (
            1,
            3 * (5 + CLASSES),
            rows,
            columns,
        )
    return graph.finish(outputs)


def _named_levels(graph: Graph, levels: list[str], classes: int) -> dict[str, tuple[int, ...]]:
    return {
        name_output(graph, level, f"level{stride}"): (
            1,
            3,
            SIZE[1] // stride,
            SIZE[0] // stride,
            5 + classes,
        )
        for level, stride in zip(levels, STRIDES, strict=True)
    }


def yolov7_end2end(
    order: tuple[str, ...] = ("batch", "box", "class", "score"), name: str = "output"
) -> bytes:
    """Exports like YOLOv7's --end2end --max-wh 640, `ONNX_ORT` in models/experimental.py: `(n, 7)`.

    Its weights are those of `yolov5`. It suppresses overlaps above 0.45 and drops confidences up
    to 0.25. order, name: of the columns, and of the output; other exporters' differ.
    """
    graph = Graph()
    rows = anchor_rows(graph, anchor_levels(graph, CLASSES), CLASSES)
    boxes, objectness, scores = graph.node("Split", rows, [4, 1, CLASSES], outputs=3, axis=2)
    corners = [[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]]
    boxes = graph.node("MatMul", boxes, corners)
    scores = graph.node("Mul", scores, objectness)
    best = graph.node("ReduceMax", scores, [2], keepdims=1)
    category = graph.node("Cast", graph.node("ArgMax", scores, axis=2, keepdims=1), to=1)
    moved = graph.node("Add", boxes, graph.node("Mul", category, 640.0))
    selected = graph.node(
        "NonMaxSuppression",
        moved,
        graph.node("Transpose", best, perm=[0, 2, 1]),
        [100],
        [0.45],
        [0.25],
    )
    batch, _, box = graph.node("Split", selected, [1, 1, 1], outputs=3, axis=1)
    where = graph.node("Concat", batch, box, axis=1)
    columns = {
        key: graph.node("GatherND", each, where)
        for key, each in (("box", boxes), ("class", category), ("score", best))
    }
    columns["batch"] = graph.node("Cast", batch, to=1)
    found = graph.node("Concat", *(columns[key] for key in order), axis=1)
    return graph.finish({name_output(graph, found, name): ("n", 7)})


def yolov6() -> bytes:
    """Exports like YOLOv6's export_onnx.py: `Detect.forward` in effidehead.py; objectness is 1."""
    graph = Graph()
    boxes = boxes_from_distances(graph, xywh=True)
    ones = graph.constant([[[1.0] * CELLS]])
    joined = graph.node("Concat", boxes, ones, probabilities(graph, CLASSES), axis=1)
    rows = graph.node("Transpose", joined, perm=[0, 2, 1])
    return graph.finish({name_output(graph, rows, "outputs"): (1, CELLS, 5 + CLASSES)})


def yolov8(*, free_size: bool = False, metadata: dict[str, str] | None = None) -> bytes:
    """Exports like Ultralytics' `Detect` (v8, 9, 11, 12): `(1, 4 + classes, N)`."""
    graph = Graph()
    boxes = boxes_from_distances(graph, xywh=True)
    joined = graph.node("Concat", boxes, probabilities(graph, CLASSES), axis=1)
    output = name_output(graph, joined, "output0")
    return graph.finish(
        {output: (1, 4 + CLASSES, "anchors" if free_size else CELLS)},
        metadata=ultralytics() if metadata is None else metadata,
        shape=("batch", 3, "height", "width") if free_size else None,
    )


def yolov9_dual() -> bytes:
    """Exports like `DualDDetect` of the original YOLOv9: the auxiliary output, then the main one.

    The main output equals that of `yolov8`.
    """
    graph = Graph()
    main = graph.node(
        "Concat",
        boxes_from_distances(graph, xywh=True),
        probabilities(graph, CLASSES),
        axis=1,
    )
    auxiliary = graph.node(
        "Concat",
        boxes_from_distances(graph, xywh=True),
        probabilities(graph, CLASSES),
        axis=1,
    )
    shape = (1, 4 + CLASSES, CELLS)
    return graph.finish(
        {
            name_output(graph, auxiliary, "output0"): shape,
            name_output(graph, main, "output1"): shape,
        }
    )


def yolov10(
    *, rows: int = MOST, classes: int = CLASSES, metadata: dict[str, str] | None = None
) -> bytes:
    """Exports like Ultralytics' `Detect.postprocess` (v10, 26): the TopK rows, `(1, rows, 6)`."""
    graph = Graph()
    boxes = graph.node("Transpose", boxes_from_distances(graph, xywh=False), perm=[0, 2, 1])
    scores = graph.node("Transpose", probabilities(graph, classes), perm=[0, 2, 1])
    best = graph.node("ReduceMax", scores, [-1], keepdims=0)
    _, index = graph.node("TopK", best, [rows], outputs=2)
    index = graph.node("Unsqueeze", index, [-1])
    boxes = graph.node("GatherElements", boxes, graph.node("Tile", index, [1, 1, 4]), axis=1)
    scores = graph.node(
        "GatherElements", scores, graph.node("Tile", index, [1, 1, classes]), axis=1
    )
    scores, index = graph.node("TopK", graph.node("Flatten", scores), [rows], outputs=2)
    box = graph.node("Unsqueeze", graph.node("Div", index, [classes]), [-1])
    boxes = graph.node("GatherElements", boxes, graph.node("Tile", box, [1, 1, 4]), axis=1)
    category = graph.node("Cast", graph.node("Mod", index, [classes]), to=1)
    columns = [graph.node("Unsqueeze", each, [-1]) for each in (scores, category)]
    found = graph.node("Concat", boxes, *columns, axis=2)
    metadata = ultralytics() if metadata is None else metadata
    return graph.finish({name_output(graph, found, "output0"): (1, rows, 6)}, metadata=metadata)


def yolov8_with_nms(*, rows: int = MOST, metadata: dict[str, str] | None = None) -> bytes:
    """Exports like Ultralytics' nms=True, `NMSModel` in exporter.py: `(1, rows, 6)`.

    Missing rows are zeros. Its weights are those of `yolov10`. It suppresses overlaps above 0.7 and
    drops confidences up to 0.25.
    """
    graph = Graph()
    boxes = graph.node("Transpose", boxes_from_distances(graph, xywh=False), perm=[0, 2, 1])
    scores = graph.node("Transpose", probabilities(graph, CLASSES), perm=[0, 2, 1])
    best = graph.node("ReduceMax", scores, [-1], keepdims=0)
    category = graph.node("Cast", graph.node("ArgMax", scores, axis=2, keepdims=1), to=1)
    moved = graph.node("Add", boxes, graph.node("Mul", category, 640.0))
    selected = graph.node(
        "NonMaxSuppression", moved, graph.node("Unsqueeze", best, [1]), [rows], [0.7], [0.25]
    )
    box = graph.node("Squeeze", graph.slice(selected, 2, 3, 1), [1])
    best = graph.node("Unsqueeze", best, [2])
    found = graph.node("Gather", graph.node("Concat", boxes, best, category, axis=2), box, axis=1)
    # as many zero rows are added, and those behind the first `rows` removed
    padded = graph.node("Pad", found, [0, 0, 0, 0, rows, 0])
    padded = graph.slice(padded, 0, rows, 1)
    metadata = ultralytics() if metadata is None else metadata
    return graph.finish({name_output(graph, padded, "output0"): (1, rows, 6)}, metadata=metadata)


def deepstream(*, anchors: bool = False, classes: int = CLASSES) -> bytes:
    """Exports like DeepStream-Yolo's `DeepStreamOutput`: `(1, N, 6)` with corners, score, class.

    Its weights are those of `yolov8` (utils/export_yolo11.py), or with anchors those of `yolov5`
    (utils/export_yoloV5.py, where the score is the objectness times the best probability).
    """
    graph = Graph()
    if anchors:
        rows = anchor_rows(graph, anchor_levels(graph, classes), classes)
        boxes, objectness, scores = graph.node("Split", rows, [4, 1, classes], outputs=3, axis=2)
        corners = [[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]]
        boxes = graph.node("MatMul", boxes, corners)
    else:
        boxes = graph.node("Transpose", boxes_from_distances(graph, xywh=False), perm=[0, 2, 1])
        scores = graph.node("Transpose", probabilities(graph, classes), perm=[0, 2, 1])
    best = graph.node("ReduceMax", scores, [2], keepdims=1)
    if anchors:
        best = graph.node("Mul", best, objectness)
    category = graph.node("Cast", graph.node("ArgMax", scores, axis=2, keepdims=1), to=1)
    found = graph.node("Concat", boxes, best, category, axis=2)
    count = 3 * CELLS if anchors else CELLS
    return graph.finish({name_output(graph, found, "output"): (1, count, 6)})


def yolox(*, decoded: bool = True) -> bytes:
    """Exports like YOLOX's tools/export_onnx.py.

    decoded: with --decode_in_inference (yolo_head.py).
    """
    graph = Graph(white=255.0)
    boxes = flat_levels(graph, 4, 0.3)
    objectness = graph.node("Sigmoid", flat_levels(graph, 1))
    joined = graph.node("Concat", boxes, objectness, probabilities(graph, CLASSES), axis=1)
    rows = graph.node("Transpose", joined, perm=[0, 2, 1])
    if decoded:
        grid, stride = cells()
        xy, wh, rest = graph.node("Split", rows, [2, 2, 1 + CLASSES], outputs=3, axis=2)
        xy = graph.node("Mul", graph.node("Add", xy, grid * 1.0), stride * 1.0)
        wh = graph.node("Mul", graph.node("Exp", wh), stride * 1.0)
        rows = graph.node("Concat", xy, wh, rest, axis=2)
    return graph.finish({name_output(graph, rows, "output"): (1, CELLS, 5 + CLASSES)})
