"""Writes Protocol Buffers, with room for what comes later; start at `Message`.

The wire format: protobuf.dev/programming-guides/encoding. Field numbers are those of onnx.proto3
(ONNX IR specification, github.com/onnx/onnx).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64 = 1, 7  # TensorProto.DataType


@dataclass(frozen=True)
class Payload:
    """Bytes left out for now: the place of one float32 weight tensor."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return 4 * int(np.prod(self.shape, dtype=np.int64))


class Message:
    """One protobuf message in the making: bytes, and gaps for payloads.

    Each method adds one field, by its number.
    """

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview | Payload] = []
        self.size = 0

    def _append(self, part: bytes | memoryview | Payload) -> None:
        self.parts.append(part)
        self.size += part.size if isinstance(part, Payload) else len(part)

    def integer(self, field: int, value: int) -> None:
        """A whole number; negative ones as 64-bit two's complement."""
        self._append(_varint(field << 3) + _varint(value))

    def float32(self, field: int, value: float) -> None:
        """A number in single precision."""
        self._append(_varint(field << 3 | 5) + np.float32(value).astype("<f4").tobytes())

    def text(self, field: int, value: str) -> None:
        """A text."""
        self.raw(field, value.encode())

    def raw(self, field: int, value: bytes | memoryview) -> None:
        """Bytes, or a whole message, as they are; they are not copied before `serialise`."""
        self._append(_varint(field << 3 | 2) + _varint(len(value)))
        self._append(value)

    def message(self, field: int, value: Message) -> None:
        """A message, with its gaps."""
        self._append(_varint(field << 3 | 2) + _varint(value.size))
        self.parts.extend(value.parts)
        self.size += value.size

    def payload(self, field: int, value: Payload) -> None:
        """A gap."""
        self._append(_varint(field << 3 | 2) + _varint(value.size))
        self._append(value)

    def serialise(self) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
        """Lays the message out.

        Returns its bytes, `(size,) uint8`, and a float32 view of each gap, by name and in its
        shape. The gaps' contents are undefined until they are filled.
        """
        buffer = np.empty(self.size, np.uint8)
        views = {}
        position = 0
        for part in self.parts:
            if isinstance(part, Payload):
                place = buffer[position : position + part.size]
                views[part.name] = place.view("<f4").reshape(part.shape)
                position += part.size
            else:
                buffer.data[position : position + len(part)] = part
                position += len(part)
        return buffer, views


def value_info(name: str, shape: Sequence[int] | None) -> Message:
    """Says that a value is float32, and of which shape; None says nothing of that."""
    tensor_type = Message()
    tensor_type.integer(1, FLOAT)
    if shape is not None:
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


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as 64-bit two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
