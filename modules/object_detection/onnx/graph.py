"""Builds a model in ONNX and writes it; start at `Graph`.

A graph is declared first, with weights by name and shape only. `Graph.serialise` then lays out the
whole model in one buffer and returns a view of each weight's place in it. The weights file is read
directly into these views, so a model takes its own size in memory, once.
`Graph.serialise_with_external_weights` puts the weights into a second buffer instead, for engines
that would copy them.

Field numbers are those of onnx.proto3 (ONNX IR specification, github.com/onnx/onnx).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .memory_file import MemoryFile
from .protobuf import Gap, Message

OPSET = 18  # the first with Mish
_IR_VERSION = 8  # the IR version that came with opset 18

_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_EXTERNAL = 1  # TensorProto.DataLocation
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_STRING, _ATTRIBUTE_INTS = 1, 2, 3, 7

Attribute = int | float | str | Sequence[int]


class Graph:
    """An ONNX graph that is being built, from its inputs to its outputs.

    outputs: the shapes of the declared outputs, by name.

    >>> graph = Graph("example")
    >>> image = graph.input("image", (1, 3, 2, 2))
    >>> kernel = graph.weight("kernel", (4, 3, 1, 1))
    >>> graph.output(graph.node("Conv", [image, kernel]), (1, 4, 2, 2))
    >>> model, weights = graph.serialise()
    >>> weights["kernel"][...] = 1.0
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Message] = []
        self._tensors: list[Message | Gap] = []
        self._inputs: list[Message] = []
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
        """Declares a float32 weight, which is written after `serialise`; returns its name."""
        self._tensors.append(Gap(name, tuple(shape)))
        return name

    def integers(self, *values: int) -> str:
        """Adds a 1-D int64 constant, unless there is an equal one; returns its name."""
        return self._constant("integers", values, _INT64, np.array(values, "<i8").tobytes())

    def floats(self, *values: float) -> str:
        """Adds a 1-D float32 constant, unless there is an equal one; returns its name."""
        return self._constant("floats", values, _FLOAT, np.array(values, "<f4").tobytes())

    def array(self, values: NDArray[np.float32]) -> str:
        """Adds a float32 constant of any shape; returns its name."""
        name = f"array_{len(self._tensors)}"
        tensor = _tensor(name, values.shape, _FLOAT)
        tensor.data(9, values.astype("<f4").tobytes())
        self._tensors.append(tensor)
        return name

    def _constant(self, prefix: str, values: Sequence[float], kind: int, data: bytes) -> str:
        name = "_".join([prefix, *map(str, values)])
        if name not in self._constants:
            self._constants.add(name)
            tensor = _tensor(name, (len(values),), kind)
            tensor.data(9, data)
            self._tensors.append(tensor)
        return name

    def node(
        self, operator: str, inputs: Sequence[str], name: str = "", **attributes: Attribute
    ) -> str:
        """Adds a node with one output; returns the output's name (also the node's)."""
        name = name or f"{operator}_{len(self._nodes)}"
        node = Message()
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
        """Lays out the model with its weights inside.

        Returns the model's bytes, `(size,) uint8`, and a float32 view of each weight's place in
        them, by name and in its shape. The contents of the views are undefined until they are
        written.
        """
        return self._model(_weight).serialise()

    def serialise_with_external_weights(
        self,
    ) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
        """Lays out the model with its weights in a file in memory (ONNX's external data).

        Returns the same as `serialise`. The model refers to the file by its path. The file exists
        as long as one of the views does, so an engine must load the model before that ends.

        Raises:
            OSError: the system has no files in memory.
        """
        places, size = {}, 0
        for weight in self._weights():
            places[weight.name] = slice(size, size + weight.size)
            size += weight.size
        file = MemoryFile.make("weights", max(1, size))  # an empty file cannot be mapped
        data = np.frombuffer(file, np.uint8)
        views = {
            weight.name: data[places[weight.name]].view("<f4").reshape(weight.shape)
            for weight in self._weights()
        }
        model = self._model(lambda weight: _external_weight(file.path, places[weight.name], weight))
        return model.serialise()[0], views

    def _weights(self) -> Iterator[Gap]:
        return (tensor for tensor in self._tensors if isinstance(tensor, Gap))

    def _model(self, weight: Callable[[Gap], Message]) -> Message:
        graph = Message()
        for node in self._nodes:
            graph.message(1, node)
        graph.text(2, self._name)
        for tensor in self._tensors:
            graph.message(5, weight(tensor) if isinstance(tensor, Gap) else tensor)
        for info in self._inputs:
            graph.message(11, info)
        for name, shape in self.outputs.items():
            graph.message(12, _value_info(name, shape))
        opset = Message()
        opset.integer(2, OPSET)
        model = Message()
        model.integer(1, _IR_VERSION)
        model.text(2, "modules.object_detection")
        model.message(7, graph)
        model.message(8, opset)
        return model


def metadata(entries: Mapping[str, str]) -> bytes:
    """Makes bytes that add metadata to a model when they are appended to its bytes.

    This works because the fields of a message may be in any order.
    """
    model = Message()
    for key, value in entries.items():
        model.message(14, _entry(key, value))
    return model.serialise()[0].tobytes()


def more_outputs(names: Iterable[str], *, dimensions: int | None) -> bytes:
    """Makes bytes that turn values of a model into outputs when appended to its bytes.

    This works because Protocol Buffers merge a field that comes a second time into the first one.
    `dimensions` is the number of dimensions to declare for the values; None declares
    neither type nor shape.
    """
    graph = Message()
    for name in names:
        graph.message(12, _value_info(name, None if dimensions is None else (-1,) * dimensions))
    model = Message()
    model.message(7, graph)
    return model.serialise()[0].tobytes()


def _value_info(name: str, shape: Sequence[int] | None) -> Message:
    """Declares a float32 value; None declares a value of any type and shape."""
    if shape is None:
        unknown = Message()
        unknown.text(1, name)
        return unknown
    tensor_type = Message()
    tensor_type.integer(1, _FLOAT)
    dimensions = Message()
    for size in shape:
        dimension = Message()
        dimension.integer(1, size)
        dimensions.message(1, dimension)
    tensor_type.message(2, dimensions)
    type_ = Message()
    type_.message(1, tensor_type)
    info = Message()
    info.text(1, name)
    info.message(2, type_)
    return info


def _tensor(name: str, shape: Sequence[int], kind: int) -> Message:
    tensor = Message()
    for size in shape:
        tensor.integer(1, size)
    tensor.integer(2, kind)
    tensor.text(8, name)
    return tensor


def _weight(weight: Gap) -> Message:
    """Makes a tensor with its values in a gap."""
    tensor = _tensor(weight.name, weight.shape, _FLOAT)
    tensor.gap(9, weight)
    return tensor


def _external_weight(path: str, place: slice, weight: Gap) -> Message:
    """Makes a tensor with its values in a file."""
    tensor = _tensor(weight.name, weight.shape, _FLOAT)
    add_external_data(tensor, path, place.start, weight.size)
    return tensor


def add_external_data(tensor: Message, path: str, offset: int, size: int) -> None:
    """Adds the fields to a tensor that say which part of a file holds its values."""
    for key, value in {"location": path, "offset": str(offset), "length": str(size)}.items():
        tensor.message(13, _entry(key, value))
    tensor.integer(14, _EXTERNAL)


def _entry(key: str, value: str) -> Message:
    entry = Message()
    entry.text(1, key)
    entry.text(2, value)
    return entry


def _attribute(name: str, value: Attribute) -> Message:
    attribute = Message()
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
