"""The networks that earlier_forms.py makes itself; the others are onnx_models.py's."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from modules.object_detection.darknet import import_darknet
from modules.object_detection.onnx.graph import metadata
from tests import colour_model
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.onnx_layers import CELLS, Graph, cells, name_output

BOX = ("x1", "y1", "x2", "y2")
TREE_OPTION = "tree=data/a.tree\n"
YOLO = "[yolo]\nmask=0,1\nanchors=10,14,23,27,37,58\nnum=3\nclasses=3\n"
REGION = "[region]\nanchors=0.6,0.7,1.9,2.1\nnum=2\nsoftmax=1\n"
TREE = "animal -1\nthing -1\ndog 0\ncat 0\ncar 1\nbicycle 1\n"


def labels(count: int) -> tuple[str, ...]:
    """Returns names for so many classes."""
    return tuple(f"class {index}" for index in range(count))


def rows_at_cells(strides: tuple[int, ...], size: tuple[int, int], classes: int = 3) -> Any:
    """Makes `(1, N, 5 + classes)`: a box at each cell, objectness and probabilities vary."""
    grid, stride = cells(strides, size)
    count = len(grid)
    rng = np.random.default_rng(3)
    boxes = np.concatenate([(grid + 0.5) * stride, np.repeat(stride, 2, axis=1)], axis=1)
    return np.concatenate([boxes, rng.uniform(0, 1, (count, 1 + classes))], axis=1)[np.newaxis]


def columns_at_cells(strides: tuple[int, ...], size: tuple[int, int], classes: int = 3) -> Any:
    """Makes `(1, 4 + classes, N)` from the same boxes and probabilities."""
    rows = rows_at_cells(strides, size, classes)
    return np.delete(rows, 4, axis=2).transpose(0, 2, 1)


def objects(order: tuple[str, ...], count: int = 20, classes: int = 3) -> Any:
    """Makes `(count, columns)` rows of objects with falling scores; half of the rows are empty."""
    rng = np.random.default_rng(4)
    first = rng.uniform(0, 40, (count, 2))
    second = first + rng.uniform(8, 24, (count, 2))
    column = {
        "batch": np.zeros(count),
        "x1": first[:, 0], "y1": first[:, 1], "x2": second[:, 0], "y2": second[:, 1],
        "score": np.sort(rng.uniform(0.05, 0.95, count))[::-1],
        "class": rng.integers(0, classes, count) * 1.0,
    }  # fmt: skip
    rows = np.stack([column[name] for name in order], axis=1)
    return rows[: count // 2] if "batch" in order else np.pad(rows[: count // 2], ((0, 10), (0, 0)))


def found_in_noise_only() -> bytes:
    """Makes a list with as many rows as cells; it is empty for a plain image."""
    graph = Graph()
    spread = graph.node(
        "Sub",
        graph.node("ReduceMax", "images", keepdims=0),
        graph.node("ReduceMin", "images", keepdims=0),
    )
    shown = graph.node("Cast", graph.node("Greater", spread, 0.05), to=1)
    rows = np.pad(objects((*BOX, "score", "class")), ((0, CELLS - 20), (0, 0)))[np.newaxis]
    return graph.finish({name_output(graph, graph.node("Mul", shown, rows), "output0"): rows.shape})


def half_precision() -> bytes:
    """Makes the network of `onnx_models.yolov8` in half precision, its input too."""
    model = convert_float_to_float16(onnx.load_from_string(onnx_models.yolov8()))
    return bytes(model.SerializeToString())


def converted() -> bytes:
    """Makes what `models convert --decode` writes for a Darknet network."""
    cfg = colour_model.CFG
    network = import_darknet(cfg, io.BytesIO(colour_model.weights()), decoded=True)
    described = {"family": "darknet", "head": "objectness", "resize": "stretch", "padding": 127.5}
    extra = metadata(
        {
            "task": "detect",
            "names": repr(dict(enumerate(colour_model.LABELS))),
            "imgsz": "[64, 64]",
            "stride": "8",
            "model.json": json.dumps(described),
        }
    )
    return network.onnx.tobytes() + extra


def darknet(filters: int, head: str, *, letterbox: bool = False, activation: str = "linear") -> str:
    """Returns the cfg of three convolutions and a head."""
    net = f"[net]\nwidth=96\nheight=64\nchannels=3\n{'letter_box=1' if letterbox else ''}\n"
    hidden = "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=4\npad=1\n"
    last = f"[convolutional]\nfilters={filters}\nsize=1\nstride=1\nactivation={activation}\n"
    return f"{net}{hidden}activation=leaky\n{hidden}activation=mish\n{last}{head}"
