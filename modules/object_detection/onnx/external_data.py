"""Weights that an ONNX file has in other files; start at `external_files` and `attach`.

`torch.onnx.export` writes such files, `*.onnx.data`. A tensor then names the file, the offset and
the length of its values (ONNX's docs/ExternalData.md). This package opens no file: its caller reads
the files that `external_files` names, and `attach` joins them with the graph.

Field numbers are those of onnx.proto3 (ONNX IR specification, github.com/onnx/onnx).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..engines.engine import Weights
from .graph import add_external_data
from .memory_file import MemoryFile
from .protobuf import Field, Message, as_integers, as_message, as_text, read_fields, read_spans
from .reader import refusing_malformed

Contents = MemoryFile | bytearray

_MAX_BYTES = (1 << 31) - 1  # of a message; the limit of Protocol Buffers
# Smaller tensors are put into the graph: ONNX Runtime must see the shapes that a Reshape takes
_SMALL_BYTES = 1024
_EXTERNAL = 1  # TensorProto.DataLocation
# The key of the file's name, or data_location: EXTERNAL
_MARK = re.compile(rb"location|p\x01")
# The bits of an element, by TensorProto.DataType
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64}
_BITS |= {14: 64, 15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8}
# Where messages hold others that may hold tensors: for each kind of message, the kinds by field
_PARTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
}


@dataclass(frozen=True)
class _ExternalTensor:
    """A tensor whose values are in another file.

    size: in bytes. checksum: the SHA-1 of the whole file in hexadecimal; "" if it is not given.
    """

    name: str
    location: str
    offset: int
    size: int
    checksum: str

    @property
    def end(self) -> int:
        return self.offset + self.size


def external_files(onnx: NDArray[np.uint8]) -> tuple[str, ...]:
    """Returns the names of the files that hold weights of a file, `(bytes,) uint8`, sorted.

    Raises:
        ModelError: a name is a path, so that the file would be outside of the folder; or the
            description of a tensor is malformed.
    """
    with refusing_malformed(onnx):
        return tuple(sorted({_file_name(tensor) for tensor in _tensors(onnx)}))


def require_attached(onnx: NDArray[np.uint8], weights: Weights) -> None:
    """Checks that `weights` has all files that hold weights of `onnx`.

    Raises:
        ModelError: a file is not among them.
    """
    with refusing_malformed(onnx):
        for tensor in _tensors(onnx):
            if tensor.location not in weights:
                raise ModelError(
                    f"its weights are in {tensor.location!r}, which must be in the same folder"
                )


def attach(
    onnx: NDArray[np.uint8], files: Mapping[str, Contents]
) -> tuple[NDArray[np.uint8], Weights]:
    """Joins a graph, `(bytes,) uint8`, with the contents of its `external_files`, by name.

    Returns the graph's bytes and the weights that stay outside of them, by the path by which the
    bytes refer to them; the paths are valid as long as the weights exist. These are tensors of the
    main graph in a `MemoryFile`, which exist once. All others are copied into the bytes.

    Raises:
        ModelError: a file is too short, or has another checksum than the graph says; or the bytes
            become too large.
    """
    with refusing_malformed(onnx):
        _check_contents(onnx, files)
        message = _rewritten(onnx.data, "model", files, in_main_graph=True)
    if message.size > _MAX_BYTES:
        raise ModelError(f"it has {message.size:,} bytes with its weights; at most {_MAX_BYTES:,}")
    weights = {
        file.path: np.frombuffer(file, np.uint8)
        for file in files.values()
        if isinstance(file, MemoryFile)
    }
    return message.serialise()[0], weights


def unused_bytes(onnx: NDArray[np.uint8], sizes: Mapping[str, int]) -> dict[str, int]:
    """Returns how many bytes of each file, by name, no tensor of a graph uses.

    `sizes` has the sizes of the files. Alignment of up to 64 KiB for each tensor counts as used.
    """
    with refusing_malformed(onnx):
        found = {}
        for name, size in sizes.items():
            parts = sorted((t.offset, t.end) for t in _tensors(onnx) if _file_name(t) == name)
            position = unused = 0
            for start, end in [*parts, (size, size)]:
                gap = start - position
                unused += gap if gap > 1 << 16 else 0
                position = max(position, end)
            found[name] = unused
        return found


def _tensors(onnx: NDArray[np.uint8]) -> Iterator[_ExternalTensor]:
    if _may_be_external(onnx.data):
        for message in _walk(onnx.data, "model"):
            tensor = _read_tensor(message)
            if tensor is not None:
                yield tensor


def _may_be_external(message: memoryview) -> bool:
    """Returns whether the bytes may say that a tensor is external; far faster than reading them."""
    return _MARK.search(message) is not None


def _walk(message: memoryview, kind: str) -> Iterator[memoryview]:
    """Yields all tensors in a message of that kind."""
    if kind == "tensor":
        yield message
        return
    for number, value in read_fields(message):
        part = _PARTS[kind].get(number)
        if part is not None and _may_be_external(as_message(value)):
            yield from _walk(as_message(value), part)


def _read_tensor(message: memoryview) -> _ExternalTensor | None:
    """Reads a TensorProto; returns None if its values are inside."""
    shape: list[int] = []
    where: dict[str, str] = {}
    others: dict[int, Field] = {}
    for number, value in read_fields(message):
        if number == 1:
            shape += as_integers(value)
        elif number == 13:
            entry = dict(read_fields(as_message(value)))
            where[as_text(entry.get(1))] = as_text(entry.get(2))
        else:
            others[number] = value
    if others.get(14) != _EXTERNAL:
        return None
    name, kind = as_text(others.get(8)), others.get(2)
    bits = _BITS.get(kind) if isinstance(kind, int) else None
    if bits is None or not all(0 <= side < 1 << 48 for side in shape):
        raise ModelError(
            f"its weight {name!r} is in another file, but its type is {kind} and its shape {shape}"
        )
    size = -(-math.prod(shape) * bits // 8)
    offset, length = _number(where, "offset", 0, name), _number(where, "length", size, name)
    if length != size:
        raise ModelError(
            f"its weight {name!r} {shape} takes {size:,} bytes; the file says that "
            f"{where.get('location')!r} has {length:,} bytes of it"
        )
    return _ExternalTensor(
        name, where.get("location", ""), offset, size, where.get("checksum", "").lower()
    )


def _number(where: Mapping[str, str], key: str, default: int, name: str) -> int:
    text = where.get(key, str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ModelError(f"the {key} of its weight {name!r} is {text[:80]!r}; it must be a number")
    return int(text)


def _file_name(tensor: _ExternalTensor) -> str:
    """Returns the name of the tensor's file.

    Raises:
        ModelError: the name is a path, or hidden, or has control characters.
    """
    name = tensor.location.removeprefix("./")
    if not name or name.startswith(".") or re.search(r"[/\\\x00-\x1f\x7f]", name):
        raise ModelError(
            f"its weight {tensor.name!r} is in {tensor.location!r}; weights must be in the same "
            "folder, in a file that is named without a path: "
            "onnx.save_model(onnx.load(path), new_path, save_as_external_data=True, "
            "location='model.onnx.data')"
        )
    return name


def _check_contents(onnx: NDArray[np.uint8], files: Mapping[str, Contents]) -> None:
    sums: dict[str, str] = {}
    for tensor in _tensors(onnx):
        name = _file_name(tensor)
        if tensor.end > len(files[name]):
            raise ModelError(
                f"{name} has {len(files[name]):,} bytes; the weight {tensor.name!r} is up to byte "
                f"{tensor.end:,} of it: the file is cut off, or belongs to another model"
            )
        if tensor.checksum and name not in sums:
            sums[name] = hashlib.sha1(files[name], usedforsecurity=False).hexdigest()
        if tensor.checksum not in ("", sums.get(name)):
            raise ModelError(
                f"{name} belongs to another model: its SHA-1 is {sums[name]}, and that of this "
                f"model's file is {tensor.checksum}"
            )


def _rewritten(
    message: memoryview, kind: str, files: Mapping[str, Contents], *, in_main_graph: bool
) -> Message:
    """Copies a message of that kind; its tensors refer to memory files, or have their values."""
    out = Message()
    for number, value, span in read_spans(message):
        part = _PARTS[kind].get(number)
        if part is None or not _may_be_external(as_message(value)):
            out.copy(span)
        elif part == "tensor":
            is_weight = in_main_graph and kind == "graph"
            out.message(number, _rewritten_tensor(as_message(value), files, is_weight=is_weight))
        else:
            inside = in_main_graph and part == "graph" and kind == "model"
            out.message(number, _rewritten(as_message(value), part, files, in_main_graph=inside))
    return out


def _rewritten_tensor(
    message: memoryview, files: Mapping[str, Contents], *, is_weight: bool
) -> Message:
    out = Message()
    tensor = _read_tensor(message)
    for number, _, span in read_spans(message):
        if tensor is None or number not in (9, 13, 14):
            out.copy(span)
    if tensor is None:
        return out
    file = files[_file_name(tensor)]
    if is_weight and tensor.size >= _SMALL_BYTES and isinstance(file, MemoryFile):
        add_external_data(out, file.path, tensor.offset, tensor.size)
    else:
        out.data(9, memoryview(file)[tensor.offset : tensor.end])
    return out
