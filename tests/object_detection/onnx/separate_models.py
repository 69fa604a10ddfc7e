"""Small detectors whose boxes and scores are in separate outputs, as their projects export them.

Their weights are those of the models in onnx_models.py with the same layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from tests.object_detection.onnx.onnx_layers import (
    CELLS,
    SIZE,
    Graph,
    boxes_from_distances,
    name_output,
    probabilities,
)
from tests.object_detection.onnx.onnx_models import CLASSES, MOST

NANODET_STRIDES = (8, 16, 32, 64)
NANODET_CELLS = sum(-(-SIZE[0] // stride) * -(-SIZE[1] // stride) for stride in NANODET_STRIDES)
BINS = 8


def yolo_nas(
    *,
    classes: int = CLASSES,
    names: tuple[str, str] = ("913", "904"),
    scores_first: bool = False,
    transposed: bool = False,
) -> bytes:
    """Exports like super-gradients' export(postprocessing=False), `forward_eval` in dfl_heads.py.

    names: of boxes and scores. scores_first: the other order of the outputs. transposed: the scores
    as PaddleDetection exports them with `exclude_nms`.
    """
    graph = Graph()
    boxes, scores = _boxes_and_scores(graph, classes)
    if transposed:
        scores = graph.node("Transpose", scores, perm=[0, 2, 1])
    outputs = {
        name_output(graph, boxes, names[0]): (1, CELLS, 4),
        name_output(graph, scores, names[1]): (1, classes, CELLS)
        if transposed
        else (1, CELLS, classes),
    }
    return graph.finish(dict(reversed(outputs.items())) if scores_first else outputs)


def yolo_nas_batch(names: tuple[str, ...] | None = None, *, confidence: float = 0.25) -> bytes:
    """Exports like super-gradients' export() in the batch format, with suppression inside.

    names: of the number, boxes, scores and classes.
    """
    graph = Graph()
    boxes, best, classes = _suppressed(graph, confidence)
    names = names or tuple(
        f"graph2_{name}"
        for name in ("num_predictions", "pred_boxes", "pred_scores", "pred_classes")
    )
    number = graph.node("Slice", graph.node("Shape", boxes), [1], [2])
    outputs = {
        name_output(graph, graph.node("Unsqueeze", number, [0]), names[0]): (1, 1),
        name_output(graph, _padded(graph, boxes, axes=3), names[1]): (1, MOST, 4),
        name_output(graph, _padded(graph, best, axes=2), names[2]): (1, MOST),
        name_output(graph, graph.node("Cast", _padded(graph, classes, 2), to=7), names[3]): (
            1,
            MOST,
        ),
    }
    types = {names[0]: TensorProto.INT64, names[3]: TensorProto.INT64}
    return graph.finish(outputs, types=types)


def rtmdet(*, layer: str | None = None, masks: bool = False, confidence: float = 0.05) -> bytes:
    """Exports like mmdeploy: `dets` and `labels`, suppressed; YOLOX by mmdeploy has the same.

    layer: the name of a weight, as torch.onnx.export keeps it. masks: as of an RTMDet-Ins.
    """
    graph = Graph()
    boxes, best, classes = _suppressed(graph, confidence)
    if layer:
        best = graph.node("Mul", best, graph.constant([1.0], layer))
    dets = graph.node("Concat", boxes, graph.node("Unsqueeze", best, [2]), axis=2)
    outputs: dict[str, tuple[Any, ...]] = {
        name_output(graph, dets, "dets"): (1, "n", 5),
        name_output(graph, graph.node("Cast", classes, to=7), "labels"): (1, "n"),
    }
    if masks:
        cells = graph.node("Reshape", best, [1, -1, 1, 1])
        maps = graph.node("Tile", cells, [1, 1, SIZE[1], SIZE[0]])
        outputs[name_output(graph, maps, "masks")] = (1, "n", SIZE[1], SIZE[0])
    return graph.finish(outputs, types={"labels": TensorProto.INT64})


def ppyoloe(*, confidence: float = 0.01, name: str = "multiclass_nms3_0.tmp_0") -> bytes:
    """Exports like PaddleDetection with paddle2onnx: `post_process` in ppyoloe_head.py."""
    graph = Graph()
    factor = graph.node("Gather", "scale_factor", [1, 0, 1, 0], axis=1)
    boxes, best, classes = _suppressed(graph, confidence)
    boxes = graph.node("Div", boxes, graph.node("Unsqueeze", factor, [1]))
    columns = [graph.node("Unsqueeze", each, [2]) for each in (classes, best)]
    rows = graph.node("Squeeze", graph.node("Concat", *columns, boxes, axis=2), [0])
    number = graph.node("Cast", graph.node("Slice", graph.node("Shape", rows), [0], [1]), to=6)
    outputs: dict[str, tuple[Any, ...]] = {
        name_output(graph, rows, name): ("n", 6),
        name_output(graph, number, "multiclass_nms3_0.tmp_2"): (1,),
    }
    types = {"multiclass_nms3_0.tmp_2": TensorProto.INT32}
    return graph.finish(outputs, types=types, inputs={"scale_factor": (1, 2)})


def tensorflow(*, multiclass: bool = True, suffix: str = "", in_pixels: bool = False) -> bytes:
    """Exports like TensorFlow's object detection API with tf2onnx (exporter_lib_v2.py).

    multiclass: whether there is an output with a column for each class, and one for nothing.
    in_pixels: what no such network writes.
    """
    graph = Graph()
    boxes, best, classes = _suppressed(graph, 0.01)
    if not in_pixels:
        boxes = graph.node("Div", boxes, np.tile(SIZE, 2) * 1.0)
    boxes = graph.node("Gather", boxes, [1, 0, 3, 2], axis=2)
    number = graph.node("Cast", graph.node("Slice", graph.node("Shape", boxes), [1], [2]), to=1)
    shapes: dict[str, tuple[Any, ...]] = {
        "detection_boxes": (1, "n", 4),
        "detection_classes": (1, "n"),
        "detection_scores": (1, "n"),
        "num_detections": (1,),
    }
    values = [boxes, graph.node("Add", classes, 1.0), best, number]
    if multiclass:
        shapes["raw_detection_scores"] = (1, CELLS, 1 + CLASSES)
        scores = graph.node("Transpose", probabilities(graph, 1 + CLASSES), perm=[0, 2, 1])
        values.append(scores)
    names = [name_output(graph, value, name + suffix) for value, name in zip(values, shapes)]  # noqa: B905
    return graph.finish(dict(zip(names, shapes.values(), strict=True)))


def effdet(*, classes: int = CLASSES, named: bool = True) -> bytes:
    """Exports like DetBenchPredict in efficientdet-pytorch's bench.py: rows, classes from 1.

    classes: those of the last layer. named: whether its weights keep their names.
    """
    graph = Graph()
    boxes, best, numbers = _suppressed(graph, 0.01)
    for layer, filters in (("class_net", 9 * classes), ("box_net", 36)):
        name = f"model.{layer}.predict.conv_pw.weight" if named else None
        kernel = graph.constant(np.ones((filters, 64, 1, 1)), name)
        best = graph.node("Mul", best, graph.node("ReduceMean", kernel, keepdims=0))
    columns = [
        graph.node("Unsqueeze", each, [2]) for each in (best, graph.node("Add", numbers, 1.0))
    ]
    rows = _padded(graph, graph.node("Concat", boxes, *columns, axis=2), axes=3)
    return graph.finish({name_output(graph, rows, "detections"): (1, MOST, 6)})


def nanodet(*, plus: bool = True, classes: int = CLASSES) -> bytes:
    """Exports like NanoDet-Plus, `_forward_onnx` in nanodet_plus_head.py.

    plus: False for NanoDet, gfl_head.py, which has one level less.
    """
    graph = Graph()
    levels = graph.levels()
    if plus:
        kernel = graph.rng.normal(0, 0.2, (16, 16, 2, 2))
        last = graph.node("Conv", levels[-1], kernel, strides=[2, 2], pads=[0, 0, 0, 1])
        levels.append(graph.node("Tanh", last))
    parts = []
    for level in levels:
        scores = graph.node("Sigmoid", graph.convolution(level, classes, 16, 1, 0.8))
        logits = graph.convolution(level, 4 * BINS, 16, 1, 0.6)
        joined = graph.node("Concat", scores, logits, axis=1)
        parts.append(graph.node("Reshape", joined, [1, classes + 4 * BINS, -1]))
    rows = graph.node("Transpose", graph.node("Concat", *parts, axis=2), perm=[0, 2, 1])
    count = NANODET_CELLS if plus else CELLS
    return graph.finish({name_output(graph, rows, "output"): (1, count, classes + 4 * BINS)})


def _boxes_and_scores(graph: Graph, classes: int = CLASSES) -> tuple[str, str]:
    """Adds boxes `(1, CELLS, 4)` xyxy in pixels, and probabilities `(1, CELLS, classes)`."""
    boxes = graph.node("Transpose", boxes_from_distances(graph, xywh=False), perm=[0, 2, 1])
    scores = graph.node("Transpose", probabilities(graph, classes), perm=[0, 2, 1])
    return boxes, scores


def _suppressed(graph: Graph, confidence: float) -> tuple[str, str, str]:
    """Adds the same, suppressed: boxes `(1, n, 4)`, scores `(1, n)`, classes `(1, n)` of floats.

    Overlaps above 0.6 within a class are dropped, and confidences up to `confidence`.
    """
    boxes, scores = _boxes_and_scores(graph)
    transposed = graph.node("Transpose", scores, perm=[0, 2, 1])
    selected = graph.node("NonMaxSuppression", boxes, transposed, [20], [0.6], [confidence])
    batch, category, box = graph.node("Split", selected, [1, 1, 1], outputs=3, axis=1)
    best = graph.node("GatherND", scores, graph.node("Concat", batch, box, category, axis=1))
    found = graph.node("GatherND", boxes, graph.node("Concat", batch, box, axis=1))
    classes = graph.node("Cast", graph.node("Squeeze", category, [1]), to=1)
    # by class, and then by score: in the order of the scores
    count = graph.node("Shape", best)
    best, order = graph.node("TopK", best, count, outputs=2)
    found = graph.node("Gather", found, order, axis=0)
    classes = graph.node("Gather", classes, order, axis=0)
    return (
        graph.node("Unsqueeze", found, [0]),
        graph.node("Unsqueeze", best, [0]),
        graph.node("Unsqueeze", classes, [0]),
    )


def _padded(graph: Graph, source: str, axes: int) -> str:
    """Adds zeros behind a list's `n`, its second axis, up to `MOST`; drops those behind."""
    ends = [0, MOST] + [0] * (axes - 2)
    padded = graph.node("Pad", source, [0] * axes + ends)
    return graph.slice(padded, 0, MOST, 1)
