"""Reads what an ONNX file contains, except for the values of its weights; start at `read_onnx`.

Field numbers are those of onnx.proto3 (ONNX IR specification, github.com/onnx/onnx).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from .protobuf import Field, MalformedError, as_integers, as_message, as_text, read_fields

_ELEMENTS = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 10: "float16"}
_ELEMENTS |= {11: "float64", 16: "bfloat16"}  # TensorProto.DataType
_FLOATS = ("float32", "float16", "float64", "bfloat16")
_WITH_GRAPHS = ("If", "Loop", "Scan")


@dataclass(frozen=True)
class Tensor:
    """An input or an output. A size that the file leaves open is None; shape is None if unknown."""

    name: str
    element: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        sizes = "?" if self.shape is None else ", ".join(str(size or "?") for size in self.shape)
        return f"{self.name} [{sizes}] {self.element}"


@dataclass(frozen=True)
class Node:
    """A node: its operator, and the names of the values that it takes and computes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class OnnxFile:
    """The contents of a file.

    inputs: without those that are weights. nodes: of the main graph, in order. weights: the shapes
    of the main graph's constants of floats, by name. operators: of all nodes, including those in
    branches and loop bodies. metadata: what the exporter wrote, by key. precisions: the element
    types of the weights.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    weights: Mapping[str, tuple[int, ...]]
    operators: frozenset[str]
    metadata: Mapping[str, str]
    precisions: frozenset[str]


def read_onnx(data: NDArray[np.uint8]) -> OnnxFile:
    """Reads a file, `(bytes,) uint8`, and skips the values of the weights.

    Raises:
        ModelError: the file is not ONNX, or cut off.
    """
    with refusing_malformed(data):
        return _read_model(data.data)


@contextmanager
def refusing_malformed(data: NDArray[np.uint8]) -> Iterator[None]:
    """Turns a MalformedError of reading `data`, the bytes of a file, into a ModelError."""
    try:
        yield
    except MalformedError as error:
        raise ModelError(
            f"it is cut off, or not ONNX at all: {error}; "
            f"it has {len(data):,} bytes and begins with {data[:16].tobytes()!r}"
        ) from None


def _read_model(model: memoryview) -> OnnxFile:
    graphs = []
    operator_sets = 0
    metadata = {}
    for field, value in read_fields(model):
        if field == 7:
            graphs.append(as_message(value))
        elif field == 8:
            operator_sets += 1
        elif field == 14:
            entry = dict(read_fields(as_message(value)))
            metadata[as_text(entry.get(1))] = as_text(entry.get(2))
    if not graphs or not operator_sets:
        raise MalformedError("it has no graph, or no operator set")
    # several graphs are merged into one; see `more_outputs`
    fields = [
        (field, as_message(value))
        for graph in graphs
        for field, value in read_fields(graph)
        if field in (1, 5, 11, 12)
    ]
    nodes = [_read_node(value) for field, value in fields if field == 1]
    tensors = [_read_weight(value) for field, value in fields if field == 5]
    inputs = [read_tensor(value) for field, value in fields if field == 11]
    weights = {weight.name: weight.shape for weight in tensors if weight.element in _FLOATS}
    # up to IR version 3 the weights are among the inputs
    names = {weight.name for weight in tensors}
    return OnnxFile(
        inputs=tuple(tensor for tensor in inputs if tensor.name not in names),
        outputs=tuple(read_tensor(value) for field, value in fields if field == 12),
        nodes=tuple(node for node, _ in nodes),
        weights=weights | _constants(nodes),
        operators=_operators(nodes),
        metadata=metadata,
        precisions=frozenset(weight.element for weight in tensors),
    )


def _read_node(data: memoryview) -> tuple[Node, list[memoryview]]:
    """Reads a node; returns it and its attributes."""
    names: dict[int, list[str]] = {1: [], 2: [], 4: [""]}
    attributes = []
    for field, value in read_fields(data):
        if field in names:
            names[field].append(as_text(value))
        elif field == 5:
            attributes.append(as_message(value))
    return Node(names[4][-1], tuple(names[1]), tuple(names[2])), attributes


def _operators(nodes: Sequence[tuple[Node, list[memoryview]]]) -> frozenset[str]:
    """Collects the operators of nodes, including those in their branches and loop bodies."""
    found = set()
    waiting = list(nodes)
    while waiting:
        node, attributes = waiting.pop()
        found.add(node.operator)
        if node.operator in _WITH_GRAPHS:
            waiting += [
                _read_node(as_message(value))
                for graph in _values(attributes, 6)
                for field, value in read_fields(graph)
                if field == 1
            ]
    return frozenset(found)


def _constants(nodes: Sequence[tuple[Node, list[memoryview]]]) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the floats that nodes hold as constants, by their outputs' names."""
    found = {}
    for node, attributes in nodes:
        if node.operator == "Constant":
            for tensor in map(_read_weight, _values(attributes, 5)):
                if tensor.element in _FLOATS:
                    found.update(dict.fromkeys(node.outputs, tensor.shape))
    return found


def _values(attributes: Sequence[memoryview], kind: int) -> Iterator[memoryview]:
    """Yields the values of one kind, a field number of AttributeProto."""
    for attribute in attributes:
        for field, value in read_fields(attribute):
            if field == kind:
                yield as_message(value)


@dataclass(frozen=True)
class _Weight:
    name: str
    element: str
    shape: tuple[int, ...]


def _read_weight(tensor: memoryview) -> _Weight:
    """Reads a TensorProto."""
    shape: list[int] = []
    others: dict[int, Field] = {}
    for field, value in read_fields(tensor):
        if field == 1:
            shape += as_integers(value)
        else:
            others[field] = value
    return _Weight(
        as_text(others.get(8)),
        _element(others.get(2)),
        tuple(shape),
    )


def read_tensor(info: memoryview) -> Tensor:
    """Reads an input or an output, a ValueInfoProto."""
    fields = dict(read_fields(info))
    tensor_type = dict(read_fields(as_message(dict(read_fields(as_message(fields.get(2)))).get(1))))
    shape = None
    if 2 in tensor_type:
        dimensions = (
            dict(read_fields(as_message(item)))
            for _, item in read_fields(as_message(tensor_type[2]))
        )
        sizes = (dimension.get(1) for dimension in dimensions)
        # some exporters write -1 or 0 for a size that is left open
        shape = tuple(
            size if isinstance(size, int) and 0 < size < 1 << 63 else None for size in sizes
        )
    return Tensor(as_text(fields.get(1)), _element(tensor_type.get(1)), shape)


def _element(code: Field | None) -> str:
    return _ELEMENTS.get(code, f"type {code}") if isinstance(code, int) else "no tensor"
