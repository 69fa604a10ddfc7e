"""Moves weights out of an ONNX file into a file in memory; see `outside`.

OpenCV's reader copies the bytes of a network, parses them into Protocol Buffers, and copies those
into tensors: with the bytes themselves, four times the size of the weights. It reads weights that
are in another file once.

Field numbers are those of onnx.proto3 (ONNX IR specification, github.com/onnx/onnx).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .graph import add_external_data
from .memory_file import MemoryFile
from .protobuf import Message, as_message, read_fields, read_spans
from .reader import refusing_malformed

_LEAST_BYTES = 1 << 16  # of a tensor that is moved
_WORTH_BYTES = 1 << 24  # of all weights; below, the copies cost less than a file
_ALIGNMENT = 64
_GRAPH, _TENSOR, _RAW, _LOCATION = 7, 5, 9, 14
_FLOAT = 1


def outside(onnx: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], MemoryFile | None]:
    """Returns a network, `(bytes,) uint8` ONNX, with its large weights in a file in memory.

    The bytes refer to the file by its path, which is valid as long as the file exists. If `onnx`
    itself is an array on a `MemoryFile`, that is the file, and no weight is copied. Returns `onnx`
    and None if it has few weights, or if the system has no such files.
    """
    if onnx.nbytes < _WORTH_BYTES:
        return onnx, None
    with refusing_malformed(onnx):
        moved = [len(values) for values in _large(onnx.data)]
        if sum(moved) < _WORTH_BYTES:
            return onnx, None
        whole = _whole_file(onnx)
        if whole is not None:
            return _rewritten(onnx.data, _InPlace(onnx, whole)).serialise()[0], whole
        try:
            file = MemoryFile.make("weights", sum(map(_aligned, moved)))
        except OSError:
            return onnx, None
        return _rewritten(onnx.data, _Copies(file)).serialise()[0], file


def _whole_file(onnx: NDArray[np.uint8]) -> MemoryFile | None:
    """Returns the memory file of an array that covers the whole file; None if it covers none."""
    owner = onnx.base.obj if isinstance(onnx.base, memoryview) else onnx.base
    return owner if isinstance(owner, MemoryFile) and len(owner) == onnx.nbytes else None


class _Place(Protocol):
    """Finds the place of weights in a file. path: of the file."""

    path: str

    def find(self, values: memoryview) -> int:
        """Returns the offset of the weight with these values, in bytes."""


class _InPlace:
    """The weights where they are: in an array on a whole memory file."""

    def __init__(self, onnx: NDArray[np.uint8], file: MemoryFile) -> None:
        self.path = file.path
        self._start = onnx.ctypes.data

    def find(self, values: memoryview) -> int:
        """See `_Place`."""
        return int(np.frombuffer(values, np.uint8).ctypes.data - self._start)


class _Copies:
    """Copies of the weights, one after the other in a new memory file."""

    def __init__(self, file: MemoryFile) -> None:
        self.path = file.path
        self._file = file
        self._end = 0

    def find(self, values: memoryview) -> int:
        """See `_Place`."""
        start = self._end
        self._file[start : start + len(values)] = values
        self._end += _aligned(len(values))
        return start


def _large(model: memoryview) -> Iterator[memoryview]:
    """Yields the values of the weights that are moved, in their order."""
    for field, graph in read_fields(model):
        if field == _GRAPH:
            for part, tensor in read_fields(as_message(graph)):
                values = _values(as_message(tensor)) if part == _TENSOR else None
                if values is not None:
                    yield values


def _values(tensor: memoryview) -> memoryview | None:
    """Returns the values of a large float32 weight inside the file; None for any other tensor."""
    if len(tensor) < _LEAST_BYTES:
        return None
    fields = dict(read_fields(tensor))
    if fields.get(2) != _FLOAT or fields.get(_LOCATION) or _RAW not in fields:
        return None
    values = as_message(fields[_RAW])
    return values if len(values) >= _LEAST_BYTES else None


def _rewritten(model: memoryview, place: _Place) -> Message:
    out = Message()
    for field, value, span in read_spans(model):
        if field != _GRAPH:
            out.copy(span)
            continue
        graph = Message()
        for part, tensor, whole in read_spans(as_message(value)):
            values = _values(as_message(tensor)) if part == _TENSOR else None
            if values is None:
                graph.copy(whole)
            else:
                graph.message(_TENSOR, _moved(as_message(tensor), values, place))
        out.message(_GRAPH, graph)
    return out


def _moved(tensor: memoryview, values: memoryview, place: _Place) -> Message:
    """Returns the tensor with its values in the file."""
    out = Message()
    for field, _, span in read_spans(tensor):
        if field not in (_RAW, _LOCATION):
            out.copy(span)
    add_external_data(out, place.path, place.find(values), len(values))
    return out


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
