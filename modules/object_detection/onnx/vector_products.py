"""Rewrites products of a matrix and a vector, which OpenCV refuses; see `without_vectors`.

D-FINE and DEIMv2 have such products: `DFineIntegral` in transformers, `Integral` in D-FINE's own
code. OpenCV 5.0.0 refuses a MatMul whose second input has one dimension.

Field numbers are those of onnx.proto3 (ONNX IR specification, github.com/onnx/onnx).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .protobuf import Message, as_message, as_text, read_fields, read_spans
from .reader import Node, read_onnx, refusing_malformed

# Operators whose result has as many dimensions as the input that has most
_ELEMENTWISE = {
    "Abs",
    "Add",
    "Cast",
    "Clip",
    "Concat",
    "Div",
    "Exp",
    "Identity",
    "Log",
    "Mul",
    "Neg",
}
_ELEMENTWISE |= {"Pow", "Reciprocal", "Sigmoid", "Softmax", "Sqrt", "Sub"}
# The names of two constants: a column's shape, and the index of its only value in each row
_COLUMN, _FIRST = "vector_products/column", "vector_products/first"


def without_vectors(onnx: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a network, `(bytes,) uint8` ONNX, whose MatMuls all have matrices as second input.

    A vector becomes a matrix of one column, and the result loses its last dimension, which is 1.
    Returns `onnx` itself if it has no such products. A vector is recognised if it is a constant, or
    computed from constants by elementwise operators.
    """
    if not re.search(rb"MatMul", onnx.data):
        return onnx
    file = read_onnx(onnx)
    ranks = _ranks(file.nodes, {name: len(shape) for name, shape in file.weights.items()})
    if not any(_is_vector_product(node, ranks) for node in file.nodes):
        return onnx
    with refusing_malformed(onnx):
        model = Message()
        for field, value, span in read_spans(onnx.data):
            if field == 7:
                model.message(7, _rewritten(as_message(value), ranks))
            else:
                model.copy(span)
        model.message(7, _constants())  # once, as a file may hold its graph in several parts
    return model.serialise()[0]


def _ranks(nodes: tuple[Node, ...], known: Mapping[str, int]) -> dict[str, int]:
    """Returns the numbers of dimensions of values, those that follow from the `known` ones."""
    ranks = dict(known)
    for node in nodes:
        inputs = [ranks.get(name, -1) for name in node.inputs if name]
        if node.operator in _ELEMENTWISE and inputs and min(inputs) >= 0:
            ranks.update(dict.fromkeys(node.outputs, max(inputs)))
    return ranks


def _is_vector_product(node: Node, ranks: Mapping[str, int]) -> bool:
    if node.operator != "MatMul" or len(node.inputs) != 2:
        return False
    first, second = (ranks.get(name) for name in node.inputs)
    return second == 1 and first != 1


def _rewritten(graph: memoryview, ranks: Mapping[str, int]) -> Message:
    """Returns the graph with other nodes instead of those products."""
    message = Message()
    for field, value, span in read_spans(graph):
        node = _read_names(as_message(value)) if field == 1 else None
        if node is None or not _is_vector_product(node, ranks):
            message.copy(span)
            continue
        for part in _product(node):
            message.message(1, part)
    return message


def _constants() -> Message:
    """Returns a graph with the constants of all products."""
    message = Message()
    message.message(5, _integers(_COLUMN, np.array([-1, 1])))
    message.message(5, _integers(_FIRST, np.array(0)))
    return message


def _read_names(data: memoryview) -> Node:
    fields = list(read_fields(data))
    texts = {
        key: tuple(as_text(value) for field, value in fields if field == key) for key in (1, 2, 4)
    }
    return Node("".join(texts[4]), texts[1], texts[2])


def _product(node: Node) -> list[Message]:
    """Returns nodes that compute the same as a product of a matrix and a vector."""
    matrix, vector = node.inputs
    (output,) = node.outputs
    column, product = f"{output}_column", f"{output}_product"
    last = _node("Gather", [product, _FIRST], output)
    last.message(5, _axis(-1))
    return [
        _node("Reshape", [vector, _COLUMN], column),
        _node("MatMul", [matrix, column], product),
        last,
    ]


def _node(operator: str, inputs: list[str], output: str) -> Message:
    node = Message()
    for name in inputs:
        node.text(1, name)
    node.text(2, output)
    node.text(3, output)
    node.text(4, operator)
    return node


def _axis(value: int) -> Message:
    attribute = Message()
    attribute.text(1, "axis")
    attribute.integer(3, value)
    attribute.integer(20, 2)  # AttributeProto.INT
    return attribute


def _integers(name: str, values: NDArray[np.int64]) -> Message:
    tensor = Message()
    for size in values.shape:
        tensor.integer(1, size)
    tensor.integer(2, 7)  # TensorProto.INT64
    tensor.text(8, name)
    tensor.data(9, values.astype("<i8").tobytes())
    return tensor
