"""Cuts an ONNX network at a layer and makes that layer its output; start at `extract_subgraph`.

`onnx.utils.Extractor` is not used: it needs the shape of the layer's value, drops the weights that
only branches and loop bodies use, and refuses quantised networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, helper

from ..errors import ModelError
from ..object_detection.input_form import InputForm
from ..object_detection.onnx.checks import MAX_INPUT_SIDE, form_of, image_input, sides_of
from ..object_detection.onnx.reader import Tensor, read_onnx, read_tensor, refusing_malformed
from .layer import find_value, values_used

_SIDE = 224  # pixels, of most networks that were trained on ImageNet
_IR_VERSION = 4  # the first one in which weights need not be listed among the inputs


@dataclass(frozen=True)
class Subgraph:
    """A network that ends at a layer.

    onnx: `(bytes,) uint8`; its one input has the form `form`, its one output is float32.
    input_size: (width, height) in pixels. output: the output's name.
    """

    onnx: NDArray[np.uint8]
    input_size: tuple[int, int]
    output: str
    form: InputForm


def extract_subgraph(
    onnx: NDArray[np.uint8],
    *,
    layer: str | None = None,
    input_size: tuple[int, int] | None = None,
    dimensions: int | None = None,
) -> Subgraph:
    """Keeps the part of a network that computes a layer, and drops the rest.

    Args:
        onnx: the file, `(bytes,) uint8`, including its weights.
        layer: the name of a node or a value; None takes the classifier's input, see layer.py.
        input_size: (width, height); overrides a fixed size in the file. None takes the file's
            size, or 224 x 224 if the file leaves it open.
        dimensions: the number of dimensions to declare for the output; None declares no shape,
            which OpenCV refuses.

    Raises:
        ModelError: the file is not ONNX, there is no such layer, or computing the layer needs
            something other than one image.
    """
    model = _parse(onnx)
    graph = model.graph
    output = find_value(graph, layer)
    _drop_unused(graph, output)
    with refusing_malformed(onnx):
        inputs = [read_tensor(memoryview(info.SerializeToString())) for info in graph.input]
    if not inputs:
        raise ModelError(f"its layer {output} is a constant; name one that depends on the image")
    image = image_input(inputs)
    form = replace(form_of(image), batch=1)
    width, height = size = input_size or _file_size(image)
    if min(size) < 1 or max(size) > MAX_INPUT_SIDE:
        raise ModelError(
            f"its input cannot be {width} x {height}; a side has 1 to {MAX_INPUT_SIDE} pixels"
        )
    del graph.input[:]
    element = TensorProto.UINT8 if form.is_uint8 else TensorProto.FLOAT
    graph.input.append(helper.make_tensor_value_info(image.name, element, form.shape(size)))
    del graph.output[:]
    open_shape = None if dimensions is None else [-1] * dimensions
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, open_shape))
    model.ir_version = max(model.ir_version, _IR_VERSION)
    return Subgraph(np.frombuffer(model.SerializeToString(), np.uint8), size, output, form)


def _parse(data: NDArray[np.uint8]) -> ModelProto:
    """Parses a file; removes notes on the whole network and on values that may be dropped."""
    read_onnx(data)  # its error quotes the first bytes of a file that is not ONNX
    try:
        model: ModelProto = ModelProto.FromString(data.data)
    except DecodeError as error:
        raise ModelError(f"it is cut off, or not ONNX at all: {error}") from None
    for field in ("metadata_props", "training_info"):
        model.ClearField(field)
    for field in ("value_info", "quantization_annotation"):
        model.graph.ClearField(field)
    for name in _names(model.graph):
        if not isinstance(name, str):  # Protocol Buffers return invalid UTF-8 as bytes
            raise ModelError(f"it is damaged: the name {name!r} is not UTF-8")
    return model


def _names(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from (node.name, node.op_type, *node.input, *node.output)
    for item in (*graph.initializer, *graph.input, *graph.output):
        yield item.name


def _drop_unused(graph: GraphProto, output: str) -> None:
    """Drops the nodes, weights and inputs that `output` does not depend on."""
    used = {output}
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if used.isdisjoint(node.output):
            del graph.node[index]
        else:
            used |= values_used(node)
    weights = {tensor.name for tensor in graph.initializer}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in used:
            del graph.initializer[index]
    for index in reversed(range(len(graph.input))):
        # up to IR version 3 the weights are among the inputs
        if graph.input[index].name not in used - weights:
            del graph.input[index]


def _file_size(image: Tensor) -> tuple[int, int]:
    """Returns the file's (width, height), with 224 for a side that it leaves open."""
    width, height = sides_of(image)
    return width or _SIDE, height or _SIDE
