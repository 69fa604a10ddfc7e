"""Writes the few ONNX messages that the importer needs; start at `Graph`.

A graph is declared first: weights by name and shape only. `Graph.serialise` then lays the whole
model out in one buffer and hands back a view of each weight's place in it, to be filled straight
from the weights file. So a model costs its own size in memory, once.

Field numbers are those of onnx.proto3 (ONNX IR specification, github.com/onnx/onnx).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OPSET = 18  # the first with Mish
_IR_VERSION = 8  # the IR version that came with opset 18

_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_STRING, _ATTRIBUTE_INTS = 1, 2, 3, 7

Attribute = int | float | str | Sequence[int]


@dataclass(frozen=True)
class _Payload:
    """Bytes left out for now: the place of one weight tensor."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return 4 * int(np.prod(self.shape, dtype=np.int64))


class _Message:
    """One protobuf message in the making: bytes, and gaps for payloads."""

    def __init__(self) -> None:
        self.parts: list[bytes | _Payload] = []
        self.size = 0

    def _append(self, part: bytes | _Payload) -> None:
        self.parts.append(part)
        self.size += len(part) if isinstance(part, bytes) else part.size

    def integer(self, field: int, value: int) -> None:
        self._append(_varint(field << 3) + _varint(value))

    def float32(self, field: int, value: float) -> None:
        self._append(_varint(field << 3 | 5) + np.float32(value).astype("<f4").tobytes())

    def text(self, field: int, value: str) -> None:
        self.raw(field, value.encode())

    def raw(self, field: int, value: bytes) -> None:
        self._append(_varint(field << 3 | 2) + _varint(len(value)) + value)

    def message(self, field: int, value: _Message) -> None:
        self._append(_varint(field << 3 | 2) + _varint(value.size))
        self.parts.extend(value.parts)
        self.size += value.size

    def payload(self, field: int, value: _Payload) -> None:
        self._append(_varint(field << 3 | 2) + _varint(value.size))
        self._append(value)


class Graph:
    """An ONNX graph, built front to back.

    outputs: the shapes of those declared, by name.

    >>> graph = Graph("example")
    >>> image = graph.input("image", (1, 3, 2, 2))
    >>> kernel = graph.weight("kernel", (4, 3, 1, 1))
    >>> graph.output(graph.node("Conv", [image, kernel]), (1, 4, 2, 2))
    >>> model, weights = graph.serialise()
    >>> weights["kernel"][...] = 1.0
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[_Message] = []
        self._tensors: list[_Message] = []
        self._inputs: list[_Message] = []
        self.outputs: dict[str, tuple[int, ...]] = {}
        self._constants: set[str] = set()

    def input(self, name: str, shape: Sequence[int]) -> str:
        """Declares a float32 input; returns its name."""
        self._inputs.append(_value_info(name, shape))
        return name

    def output(self, name: str, shape: Sequence[int]) -> None:
        """Declares that the float32 value `name` is an output."""
        self.outputs[name] = tuple(shape)

    def weight(self, name: str, shape: Sequence[int]) -> str:
        """Declares a float32 weight, to be filled after `serialise`; returns its name."""
        tensor = _tensor(name, shape, _FLOAT)
        tensor.payload(9, _Payload(name, tuple(shape)))
        self._tensors.append(tensor)
        return name

    def integers(self, *values: int) -> str:
        """A 1-D int64 constant, shared between the nodes that want the same; returns its name."""
        return self._constant("integers", values, _INT64, np.array(values, "<i8").tobytes())

    def floats(self, *values: float) -> str:
        """A 1-D float32 constant, shared likewise; returns its name."""
        return self._constant("floats", values, _FLOAT, np.array(values, "<f4").tobytes())

    def array(self, values: NDArray[np.float32]) -> str:
        """A float32 constant of any shape; returns its name."""
        name = f"array_{len(self._tensors)}"
        tensor = _tensor(name, values.shape, _FLOAT)
        tensor.raw(9, values.astype("<f4").tobytes())
        self._tensors.append(tensor)
        return name

    def _constant(self, prefix: str, values: Sequence[float], kind: int, data: bytes) -> str:
        name = "_".join([prefix, *map(str, values)])
        if name not in self._constants:
            self._constants.add(name)
            tensor = _tensor(name, (len(values),), kind)
            tensor.raw(9, data)
            self._tensors.append(tensor)
        return name

    def node(
        self, operator: str, inputs: Sequence[str], name: str = "", **attributes: Attribute
    ) -> str:
        """Adds a node with one output; returns the output's name (also the node's)."""
        name = name or f"{operator}_{len(self._nodes)}"
        node = _Message()
        for source in inputs:
            node.text(1, source)
        node.text(2, name)
        node.text(3, name)
        node.text(4, operator)
        for key, value in attributes.items():
            node.message(5, _attribute(key, value))
        self._nodes.append(node)
        return name

    def serialise(self) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
        """Lays the model out.

        Returns the model's bytes, `(size,) uint8`, and a float32 view of each weight's place in
        them, by name and in its shape. The views' contents are undefined until they are filled.
        """
        model = self._model()
        buffer = np.empty(model.size, np.uint8)
        views = {}
        position = 0
        for part in model.parts:
            if isinstance(part, bytes):
                buffer[position : position + len(part)] = np.frombuffer(part, np.uint8)
                position += len(part)
            else:
                place = buffer[position : position + part.size]
                views[part.name] = place.view("<f4").reshape(part.shape)
                position += part.size
        return buffer, views

    def _model(self) -> _Message:
        graph = _Message()
        for node in self._nodes:
            graph.message(1, node)
        graph.text(2, self._name)
        for tensor in self._tensors:
            graph.message(5, tensor)
        for info in self._inputs:
            graph.message(11, info)
        for name, shape in self.outputs.items():
            graph.message(12, _value_info(name, shape))
        opset = _Message()
        opset.integer(2, OPSET)
        model = _Message()
        model.integer(1, _IR_VERSION)
        model.text(2, "modules.object_detection")
        model.message(7, graph)
        model.message(8, opset)
        return model


def metadata(entries: Mapping[str, str]) -> bytes:
    """What a model says of itself, to be appended to its bytes: fields may stand in any order."""
    model = _Message()
    for key, value in entries.items():
        entry = _Message()
        entry.text(1, key)
        entry.text(2, value)
        model.message(14, entry)
    return b"".join(part for part in model.parts if isinstance(part, bytes))


def more_outputs(names: Iterable[str], *, dimensions: int | None) -> bytes:
    """Makes float32 values of a model outputs, when appended to its bytes.

    In protocol buffers, what is appended to a message is merged into it. `dimensions` is how many
    the values are said to have; None says nothing of their shape.
    """
    graph = _Message()
    for name in names:
        graph.message(12, _value_info(name, None if dimensions is None else (-1,) * dimensions))
    model = _Message()
    model.message(7, graph)
    return b"".join(part for part in model.parts if isinstance(part, bytes))


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as 64-bit two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tensor(name: str, shape: Sequence[int], kind: int) -> _Message:
    tensor = _Message()
    for size in shape:
        tensor.integer(1, size)
    tensor.integer(2, kind)
    tensor.text(8, name)
    return tensor


def _value_info(name: str, shape: Sequence[int] | None) -> _Message:
    tensor_type = _Message()
    tensor_type.integer(1, _FLOAT)
    if shape is not None:
        dimensions = _Message()
        for size in shape:
            dimension = _Message()
            dimension.integer(1, size)
            dimensions.message(1, dimension)
        tensor_type.message(2, dimensions)
    type_ = _Message()
    type_.message(1, tensor_type)
    info = _Message()
    info.text(1, name)
    info.message(2, type_)
    return info


def _attribute(name: str, value: Attribute) -> _Message:
    attribute = _Message()
    attribute.text(1, name)
    if isinstance(value, float):
        attribute.float32(2, value)
        attribute.integer(20, _ATTRIBUTE_FLOAT)
    elif isinstance(value, int):
        attribute.integer(3, value)
        attribute.integer(20, _ATTRIBUTE_INT)
    elif isinstance(value, str):
        attribute.text(4, value)
        attribute.integer(20, _ATTRIBUTE_STRING)
    else:
        for item in value:
            attribute.integer(8, item)
        attribute.integer(20, _ATTRIBUTE_INTS)
    return attribute
