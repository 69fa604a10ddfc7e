"""What an ONNX file says of its network, and what a run of it shows; see `onnx_facts`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ...object_detection.engines.registry import create_engine
from ...object_detection.network import Network
from ...object_detection.onnx.graph import more_outputs
from ...object_detection.onnx.nodes import Node, Nodes, read_nodes
from .facts import HeadFacts, NetworkFacts

_FAMILIES = {
    "ObjectnessHead": "YOLOv5, YOLOv6, YOLOv7 or YOLOX",
    "ClassHead": "YOLOv8, YOLOv9, YOLO11 or YOLO12",
    "AnchorHead": "YOLOv5 or YOLOv7 without their last step",
    "EndToEndHead": "YOLOv10, YOLO26, or another that suppresses by itself",
}
_COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")

_Shapes = Mapping[str, tuple[int, ...]]


def onnx_facts(network: Network, engine: str) -> NetworkFacts:
    """Reads the network's file, and runs it once.

    Raises:
        ModelError: the engine cannot run it.
    """
    file = read_nodes(network.onnx)
    counted = [node for node in file.nodes if node.operator in _COUNTED]
    known = all(node.operator == "MatMul" or node.inputs[1] in file.weights for node in counted)
    shapes = _shapes(network, file, engine)
    kind = type(network.head).__name__
    anchors: Sequence[tuple[tuple[float, float], ...]] = getattr(network.head, "anchors", ())
    heads = tuple(
        HeadFacts(
            kind.removesuffix("Head").lower(),
            name,
            shapes[name],
            anchors=anchors[place] if place < len(anchors) else (),
        )
        for place, name in enumerate(network.outputs)
    )
    return NetworkFacts(
        "onnx",
        _FAMILIES.get(kind, kind),
        len(file.nodes),
        sum(math.prod(shape) for shape in file.weights.values()),
        sum(_multiply_adds(node, shapes) for node in counted) if known else None,
        network.input_size,
        heads,
        network.preprocessing,
    )


def _shapes(network: Network, file: Nodes, engine: str) -> _Shapes:
    """The shapes of the network's outputs, and of the values that multiply-adds depend on.

    A file need not hold them, so the values are made outputs, and an engine is asked for them.
    """
    needed = dict.fromkeys(
        name
        for node in file.nodes
        if node.operator in _COUNTED
        for name in (node.outputs[0], node.inputs[0])
        if name not in file.weights and name not in file.inputs
    )
    extra = [name for name in needed if name not in file.outputs]
    # OpenCV wants to be told some shape, and asks no more; ONNX Runtime believes what it is told
    more = more_outputs(extra, dimensions=4 if engine == "opencv" else None)
    names = [*file.outputs, *extra]
    onnx = np.concatenate([network.onnx, np.frombuffer(more, np.uint8)])
    loaded = create_engine(engine, onnx, names)
    width, height = network.input_size
    image = np.full((1, 3, height, width), 0.5, np.float32)
    outputs = zip(names, loaded.forward(image), strict=True)
    shapes = {name: output.shape for name, output in outputs}
    return {**shapes, **dict.fromkeys(file.inputs, image.shape), **file.weights}


def _multiply_adds(node: Node, shapes: _Shapes) -> int:
    """Of one node; of a convolution, a product a number of its output and a weight of its filter.

    A transposed convolution spreads its input as another gathers its output.
    """
    source, output = shapes[node.inputs[0]], shapes[node.outputs[0]]
    if node.operator == "MatMul":
        return math.prod(output) * source[-1]
    kernel = shapes[node.inputs[1]]
    if node.operator == "Gemm":
        return output[0] * math.prod(kernel)
    return math.prod(output if node.operator == "Conv" else source) * math.prod(kernel[1:])
