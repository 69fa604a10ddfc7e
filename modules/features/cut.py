"""Cuts an ONNX network off at a layer, and makes that its output; start at `cut`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..object_detection.onnx.checks import MOST_PIXELS, image_input
from ..object_detection.onnx.message import Message, value_info
from ..object_detection.onnx.parts import Fields, Part, Parts, take_apart
from ..object_detection.onnx.reader import Tensor, read_onnx, refusing_malformed
from ..object_detection.onnx.top import find_value

_SIDE = 224  # of most networks that were trained on ImageNet, in pixels
_WEIGHTS_APART = 4  # the first IR version in which weights need not be inputs too

# Of the graph, what it says of values that may be gone: value_info and quantization_annotation
_STALE_IN_GRAPH = frozenset({13, 14})
# Of the model, what is written anew (ir_version, graph), and what it says of the whole network:
# metadata_props and training_info
_STALE_IN_MODEL = frozenset({1, 7, 14, 20})


@dataclass(frozen=True)
class Cut:
    """A network that ends at a layer.

    onnx: `(bytes,) uint8`; its one input is `[1, 3, H, W]` float32, its one output float32.
    input_size: (width, height) in pixels. output: the output's name.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    output: str


def cut(
    onnx: NDArray[np.uint8],
    *,
    layer: str | None = None,
    input_size: tuple[int, int] | None = None,
    dimensions: int | None = None,
) -> Cut:
    """Keeps of a network what a layer needs, and drops the rest.

    Args:
        onnx: the file, `(bytes,) uint8`, with its weights in it.
        layer: the name of a node or a value; None is under the network's top, see top.py.
        input_size: (width, height), also where the file has a fixed one; None takes the file's,
            or else 224 x 224.
        dimensions: how many the output is said to have; None says nothing of its shape, which
            OpenCV refuses.

    Raises:
        ModelError: it is no ONNX, there is no such layer, or what it needs is not one image.
    """
    read_onnx(onnx)  # refuses what is no model
    with refusing_malformed(onnx):
        parts = take_apart(onnx)
    output = find_value(parts, layer)
    nodes, needed = _needed(parts, output)
    inputs = [tensor for tensor in parts.inputs if tensor.name in needed]
    if not inputs:
        raise ModelError(f"its layer {output} is a constant; name one that hangs on the image")
    image = image_input(inputs)
    size = input_size or _own_size(image)
    if min(size) < 1 or max(size) > MOST_PIXELS:
        raise ModelError(
            f"its input cannot be {size[0]} x {size[1]}; a side has 1 to {MOST_PIXELS} pixels"
        )
    graph = Message()
    for part in nodes:
        graph.raw(1, part.data)
    for name, weight in parts.weights.items():
        if name in needed:
            graph.raw(5, weight)
    graph.message(11, value_info(image.name, (1, 3, size[1], size[0])))
    graph.message(12, value_info(output, None if dimensions is None else (-1,) * dimensions))
    _copy(graph, parts.graph, _STALE_IN_GRAPH)
    return Cut(_model(parts, graph), size, output)


def _needed(parts: Parts, output: str) -> tuple[list[Part], set[str]]:
    """The nodes that a value comes of, in their order, and the names of all that they need."""
    nodes, needed = [], {output}
    for part in reversed(parts.nodes):
        if not needed.isdisjoint(part.node.outputs):
            nodes.append(part)
            needed |= part.needs
    return nodes[::-1], needed


def _own_size(image: Tensor) -> tuple[int, int]:
    """The file's own (width, height); a side that is left open is that of ImageNet."""
    height, width = (image.shape or (None,) * 4)[2:]
    return width or _SIDE, height or _SIDE


def _model(parts: Parts, graph: Message) -> NDArray[np.uint8]:
    """The model's bytes. Its weights are constants, and so not among its inputs."""
    versions = [value for field, value in parts.model if field == 1 and isinstance(value, int)]
    model = Message()
    model.integer(1, max([*versions, _WEIGHTS_APART]))
    _copy(model, parts.model, _STALE_IN_MODEL)
    model.message(7, graph)
    return model.serialise()[0]


def _copy(message: Message, fields: Fields, without: frozenset[int]) -> None:
    for field, value in fields:
        if field in without:
            continue
        if isinstance(value, int):
            message.integer(field, value)
        else:
            message.raw(field, value)
