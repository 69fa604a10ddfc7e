"""Reads what an ONNX file says of itself, and none of its weights; start at `read_onnx`.

Field numbers are those of onnx.proto3 (ONNX IR specification, github.com/onnx/onnx), the wire
format Protocol Buffers' (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError

_ELEMENTS = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 10: "float16"}
_ELEMENTS |= {11: "float64", 16: "bfloat16"}  # TensorProto.DataType
_WITH_GRAPHS = ("If", "Loop", "Scan")
_EXTERNAL = 1  # TensorProto.DataLocation

Field = int | memoryview


@dataclass(frozen=True)
class Tensor:
    """An input or an output. Sizes that the file leaves open are None; shape None says nothing."""

    name: str
    element: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        sizes = "?" if self.shape is None else ", ".join(str(size or "?") for size in self.shape)
        return f"{self.name} [{sizes}] {self.element}"


@dataclass(frozen=True)
class OnnxFile:
    """What the file says.

    metadata: what the exporter wrote, by key. precisions: the types of the weights. external:
    whether some lie in other files.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: frozenset[str]
    metadata: Mapping[str, str]
    precisions: frozenset[str]
    external: bool


def read_onnx(data: NDArray[np.uint8]) -> OnnxFile:
    """Reads `(bytes,) uint8`; the weights are stepped over.

    Raises:
        ModelError: it is not ONNX, or cut off.
    """
    with refusing_malformed(data):
        return _read_model(data.data)


class _MalformedError(Exception):
    """The bytes are not what they should be."""


@contextmanager
def refusing_malformed(data: NDArray[np.uint8]) -> Iterator[None]:
    """Has ModelError raised where `data`, of which messages are read, is not what it should be."""
    try:
        yield
    except _MalformedError as error:
        raise ModelError(
            f"it is cut off, or not ONNX at all: {error}; "
            f"it has {len(data):,} bytes and begins with {data[:16].tobytes()!r}"
        ) from None


def _read_model(model: memoryview) -> OnnxFile:
    graph = None
    operator_sets = 0
    metadata = {}
    for field, value in read_fields(model):
        if field == 7:
            graph = as_message(value)
        elif field == 8:
            operator_sets += 1
        elif field == 14:
            entry = dict(read_fields(as_message(value)))
            metadata[as_text(entry.get(1))] = as_text(entry.get(2))
    if graph is None or not operator_sets:
        raise _MalformedError("it holds no graph, or no operator set")
    inputs, outputs, external = [], [], False
    weights: set[str] = set()
    precisions: set[str] = set()
    for field, value in read_fields(graph):
        if field == 5:
            tensor = dict(read_fields(as_message(value)))
            weights.add(as_text(tensor.get(8)))
            precisions.add(_element(tensor.get(2)))
            external |= tensor.get(14) == _EXTERNAL
        elif field == 11:
            inputs.append(read_tensor(as_message(value)))
        elif field == 12:
            outputs.append(read_tensor(as_message(value)))
    # up to IR version 3 the weights are among the inputs
    return OnnxFile(
        tuple(tensor for tensor in inputs if tensor.name not in weights),
        tuple(outputs),
        _operators(graph),
        metadata,
        frozenset(precisions),
        external,
    )


def _operators(graph: memoryview) -> frozenset[str]:
    """The kinds of all nodes, those of the branches and bodies of others too."""
    found = set()
    graphs = [graph]
    while graphs:
        for field, node in read_fields(graphs.pop()):
            if field != 1:
                continue
            parts = list(read_fields(as_message(node)))
            kind = next((as_text(value) for number, value in parts if number == 4), "")
            found.add(kind)
            if kind in _WITH_GRAPHS:
                attributes = [
                    read_fields(as_message(value)) for number, value in parts if number == 5
                ]
                graphs += [
                    as_message(value)
                    for fields in attributes
                    for number, value in fields
                    if number == 6
                ]
    return frozenset(found)


def read_tensor(info: memoryview) -> Tensor:
    """An input or an output, of its ValueInfoProto."""
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


def read_fields(message: memoryview) -> Iterator[tuple[int, Field]]:
    """The fields of a message, by number, in order: integers, and the bytes of all others."""
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            integer, position = read_varint(message, position)
            yield number, integer
            continue
        if wire == 2:
            size, position = read_varint(message, position)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise _MalformedError(f"wire type {wire} does not exist")
        if size > len(message) - position:
            raise _MalformedError(f"a part of {size:,} bytes has {len(message) - position:,}")
        yield number, message[position : position + size]
        position += size


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """An integer of up to 64 bits, low septet first, and the position behind it."""
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise _MalformedError("it ends in the middle of a number")
        byte = message[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
    raise _MalformedError("a number has more than 64 bits")


def as_message(value: Field | None) -> memoryview:
    """A field's bytes; none where it is not there."""
    if isinstance(value, int):
        raise _MalformedError("a number stands where a message should")
    return memoryview(b"") if value is None else value


def as_text(value: Field | None) -> str:
    """A field's text likewise."""
    return bytes(as_message(value)).decode(errors="replace")
