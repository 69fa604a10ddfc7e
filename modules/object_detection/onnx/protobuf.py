"""Reads and writes the wire format of Protocol Buffers; start at `read_fields` and `Message`.

The packages `protobuf` and `onnx` would do this too, but the function's layer does not have them.
The wire format: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = int | memoryview


class MalformedError(Exception):
    """Bytes that are not a valid message."""


def read_fields(message: memoryview) -> Iterator[tuple[int, Field]]:
    """Yields the fields of a message in order: each field's number and its value.

    Values are integers, or the bytes of all other types, not copied.

    Raises:
        MalformedError: the message is cut off, or not a message at all.
    """
    for number, value, _ in read_spans(message):
        yield number, value


def read_spans(message: memoryview) -> Iterator[tuple[int, Field, memoryview]]:
    """Yields the same as `read_fields`, and with each field all of its bytes, with its number.

    Raises:
        MalformedError: the message is cut off, or not a message at all.
    """
    position = 0
    while position < len(message):
        start = position
        key, position = _read_varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            integer, position = _read_varint(message, position)
            yield number, integer, message[start:position]
            continue
        if wire == 2:
            size, position = _read_varint(message, position)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise MalformedError(f"wire type {wire} does not exist")
        if size > len(message) - position:
            raise MalformedError(f"a part of {size:,} bytes has {len(message) - position:,}")
        end = position + size
        yield number, message[position:end], message[start:end]
        position = end


def as_message(value: Field | None) -> memoryview:
    """Returns a field's bytes; no bytes for a field that is missing."""
    if isinstance(value, int):
        raise MalformedError("there is a number in place of a message")
    return memoryview(b"") if value is None else value


def as_text(value: Field | None) -> str:
    """Returns a field's text; "" for a field that is missing."""
    return bytes(as_message(value)).decode(errors="replace")


def as_integers(value: Field) -> Iterator[int]:
    """Yields the integers of a repeated field, which may be packed into one value."""
    if isinstance(value, int):
        yield value
        return
    position = 0
    while position < len(value):
        integer, position = _read_varint(value, position)
        yield integer


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Reads an integer of up to 64 bits, low bits first; returns it and the position behind it."""
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise MalformedError("it ends in the middle of a number")
        byte = message[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
    raise MalformedError("a number has more than 64 bits")


@dataclass(frozen=True)
class Gap:
    """The place of one float32 array in a message; its values are written later."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The size in bytes."""
        return 4 * int(np.prod(self.shape, dtype=np.int64))


class Message:
    """A message that is being built: bytes, and gaps for arrays.

    Each method adds one field with the given number.
    """

    def __init__(self) -> None:
        self._parts: list[bytes | memoryview | Gap] = []
        self.size = 0

    def _append(self, part: bytes | memoryview | Gap) -> None:
        self._parts.append(part)
        self.size += part.size if isinstance(part, Gap) else len(part)

    def integer(self, field: int, value: int) -> None:
        """Adds an integer; negative ones as 64-bit two's complement."""
        self._append(_varint(field << 3) + _varint(value))

    def float32(self, field: int, value: float) -> None:
        """Adds a number in single precision."""
        self._append(_varint(field << 3 | 5) + np.float32(value).astype("<f4").tobytes())

    def text(self, field: int, value: str) -> None:
        """Adds a text in UTF-8."""
        self.data(field, value.encode())

    def data(self, field: int, value: bytes | memoryview) -> None:
        """Adds bytes."""
        self._append(_varint(field << 3 | 2) + _varint(len(value)))
        self._append(value)

    def copy(self, span: bytes | memoryview) -> None:
        """Adds a field of another message: all of its bytes, as `read_spans` yields them."""
        self._append(span)

    def message(self, field: int, value: Message) -> None:
        """Adds a message, with its gaps."""
        self._append(_varint(field << 3 | 2) + _varint(value.size))
        self._parts.extend(value._parts)
        self.size += value.size

    def gap(self, field: int, value: Gap) -> None:
        """Adds bytes that are written later."""
        self._append(_varint(field << 3 | 2) + _varint(value.size))
        self._append(value)

    def serialise(self) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
        """Lays out the message.

        Returns its bytes, `(size,) uint8`, and a float32 view of each gap, by name and in its
        shape. The contents of the gaps are undefined until they are written.
        """
        buffer = np.empty(self.size, np.uint8)
        views = {}
        position = 0
        for part in self._parts:
            if isinstance(part, Gap):
                place = buffer[position : position + part.size]
                views[part.name] = place.view("<f4").reshape(part.shape)
                position += part.size
            else:
                buffer.data[position : position + len(part)] = part
                position += len(part)
        return buffer, views


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as 64-bit two's complement
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
