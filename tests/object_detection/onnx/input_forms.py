"""Gives a detector in ONNX another input: channels last, uint8, float16, a fixed batch."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
}


def with_input(
    data: bytes, *, element: str = "float32", channels_last: bool = False, batch: int = 1
) -> bytes:
    """Returns a detector whose input is `image`, converted to the input that it had, `images`.

    uint8 is multiplied by 1/255. Of a batch, the detector computes the first image; for each other
    one the outputs hold the same numbers with another sign, or in a list of objects the same rows
    with the image's number.
    """
    model = onnx.load_from_string(data)
    graph = model.graph
    (old,) = graph.input
    _, channels, *sides = (size.dim_value for size in old.type.tensor_type.shape.dim)
    shape = [batch, *sides, channels] if channels_last else [batch, channels, *sides]
    nodes, value = [], "image"
    if element != "float32":
        nodes.append(helper.make_node("Cast", [value], ["as_float"], to=TensorProto.FLOAT))
        value = "as_float"
    if element == "uint8":
        graph.initializer.append(numpy_helper.from_array(np.array(1 / 255, np.float32), "share"))
        nodes.append(helper.make_node("Mul", [value, "share"], ["scaled"]))
        value = "scaled"
    if channels_last:
        nodes.append(helper.make_node("Transpose", [value], ["first"], perm=[0, 3, 1, 2]))
        value = "first"
    if batch > 1:
        nodes.append(helper.make_node("Split", [value], ["only", "others"], axis=0))
        sizes = numpy_helper.from_array(np.array([1, batch - 1]), "sizes")
        graph.initializer.append(sizes)
        nodes[-1].input.append("sizes")
        value = "only"
        _add_others(graph, batch)
    nodes.append(helper.make_node("Identity", [value], [old.name]))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    graph.input[0].CopyFrom(helper.make_tensor_value_info("image", _TYPES[element], shape))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _add_others(graph: onnx.GraphProto, batch: int) -> None:
    """Adds to each output the numbers of the other images."""
    for output in graph.output:
        sizes = output.type.tensor_type.shape.dim
        own, other = f"{output.name}_first", f"{output.name}_others"
        for node in graph.node:
            for index, name in enumerate(node.output):
                if name == output.name:
                    node.output[index] = own
        if len(sizes) == 2:  # rows that begin with the image's number
            step = np.array([1, *[0] * (sizes[1].dim_value - 1)], np.float32)
            graph.initializer.append(numpy_helper.from_array(step, f"{other}_step"))
            graph.node.append(helper.make_node("Add", [own, f"{other}_step"], [other]))
            others = [other]
        else:
            sizes[0].dim_value = batch
            graph.node.append(helper.make_node("Neg", [own], [other]))
            others = [other] * (batch - 1)
        graph.node.append(helper.make_node("Concat", [own, *others], [output.name], axis=0))
