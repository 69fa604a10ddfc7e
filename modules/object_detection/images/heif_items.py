"""Reads which pictures a HEIF or AVIF file holds, without decoding one; start at `read_items`.

ISO/IEC 23008-12 (HEIF) and the boxes of ISO/IEC 14496-12 that it uses.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import ImageError
from .boxes import Box, find_box, read_boxes

_MAX_EXTENTS = 64  # of an item; libheif allows 32


@dataclass
class Item:
    """A picture, a part of one, or data about one.

    Attributes:
        kind: four bytes: `hvc1` and `av01` are coded pictures, `grid` is made of others.
        properties: (kind, body) of each property, in the order in which they apply.
        made_of: the numbers of the items from which this one is made (`dimg`).
        belongs_to: the numbers of the items of which this one is the alpha or depth (`auxl`).
        extents: (in idat, position, length) of each part of its data.
        kind_at: the position of its kind in the file.
    """

    kind: bytes = b""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    made_of: list[int] = field(default_factory=list)
    belongs_to: list[int] = field(default_factory=list)
    extents: list[tuple[bool, int, int]] = field(default_factory=list)
    kind_at: int = 0

    def find(self, kind: bytes) -> bytes | None:
        """Returns the body of the first property of a kind."""
        return next((body for name, body in self.properties if name == kind), None)


@dataclass(frozen=True)
class Items:
    """All items of a file, by number, and the number of the primary one, which is shown."""

    data: bytes
    primary: int
    by_number: dict[int, Item]
    idat: Box | None

    def read_data(self, item: Item) -> bytes:
        """Returns an item's data.

        Raises:
            ImageError: the data are cut off, or the file uses the same bytes many times.
        """
        parts, total = [], 0
        for in_idat, position, length in item.extents:
            start, limit = 0, len(self.data)
            if in_idat:
                if self.idat is None:
                    raise ImageError("an item's data are in an idat box, which is missing")
                start, limit = self.idat.start, self.idat.end
            start += position
            end = start + length if length else limit
            if end > limit:
                raise ImageError(
                    f"it is cut off: its data end {end - limit:,} bytes after the end of the file"
                )
            total += end - start
            if total > len(self.data):
                raise ImageError("an item is longer than the whole file")
            parts.append(self.data[start:end])
        return b"".join(parts)


def read_items(data: bytes) -> Items:
    """Reads the items of a file.

    Raises:
        ImageError: the file has no still picture, or its description is broken.
        struct.error: the description is cut off.
    """
    meta = find_box(data, b"meta")
    if meta is None:
        if find_box(data, b"moov") is not None:
            raise ImageError("it holds only a sequence of frames, no still picture")
        raise ImageError("it is cut off or corrupt: it has no meta box")
    boxes = {box.kind: box for box in read_boxes(data, meta.start + 4, meta.end)}
    items: dict[int, Item] = defaultdict(Item)
    readers = {b"iinf": _read_kinds, b"iref": _read_references, b"iprp": _read_properties}
    for kind, read in {**readers, b"iloc": _read_locations}.items():
        if kind in boxes:
            read(data, boxes[kind], items)
    if b"pitm" not in boxes:
        raise ImageError("it holds no primary picture")
    start = boxes[b"pitm"].start
    code = ">I" if _read_version(data, boxes[b"pitm"]) else ">H"
    (primary,) = struct.unpack_from(code, data, start + 4)
    if primary not in items:
        raise ImageError(f"its primary picture, item {primary}, is missing")
    return Items(data, primary, dict(items), boxes.get(b"idat"))


def _read_version(data: bytes, box: Box) -> int:
    (version,) = struct.unpack_from("B", data, box.start)
    return int(version)


def _read_kinds(data: bytes, box: Box, items: dict[int, Item]) -> None:
    start = box.start + (8 if _read_version(data, box) else 6)
    for entry in read_boxes(data, start, box.end):
        version = _read_version(data, entry) if entry.kind == b"infe" else 0
        if version < 2:  # of older files, which do not state the kind of an item
            continue
        code = ">HH4s" if version == 2 else ">IH4s"
        number, _, kind = struct.unpack_from(code, data, entry.start + 4)
        items[number].kind = kind
        items[number].kind_at = entry.start + struct.calcsize(code)


def _read_references(data: bytes, box: Box, items: dict[int, Item]) -> None:
    code = "I" if _read_version(data, box) else "H"
    size = struct.calcsize(code)
    for entry in read_boxes(data, box.start + 4, box.end):
        source, count = struct.unpack_from(f">{code}H", data, entry.start)
        if entry.kind in (b"dimg", b"auxl"):
            numbers = struct.unpack_from(f">{count}{code}", data, entry.start + size + 2)
            item = items[source]
            (item.made_of if entry.kind == b"dimg" else item.belongs_to).extend(numbers)


def _read_properties(data: bytes, box: Box, items: dict[int, Item]) -> None:
    container = find_box(data, b"ipco", box.start, box.end)
    if container is None:
        return
    properties = [
        (entry.kind, data[entry.start : entry.end])
        for entry in read_boxes(data, container.start, container.end)
    ]
    for entry in read_boxes(data, box.start, box.end):
        if entry.kind == b"ipma":
            for number, index in _read_associations(data, entry):
                if 0 < index <= len(properties):
                    items[number].properties.append(properties[index - 1])


def _read_associations(data: bytes, box: Box) -> Iterator[tuple[int, int]]:
    """Yields (the item's number, the property's index from 1); the index 0 means none."""
    version, flags = struct.unpack_from("BxxB", data, box.start)
    code, mask = (">H", 0x7FFF) if flags & 1 else (">B", 0x7F)
    number_code = ">H" if version == 0 else ">I"
    (entries,) = struct.unpack_from(">I", data, box.start + 4)
    position = box.start + 8
    for _ in range(entries):
        (number,) = struct.unpack_from(number_code, data, position)
        position += struct.calcsize(number_code)
        (count,) = struct.unpack_from("B", data, position)
        position += 1
        for _ in range(count):
            (index,) = struct.unpack_from(code, data, position)
            position += struct.calcsize(code)
            yield number, index & mask


def _read_locations(data: bytes, box: Box, items: dict[int, Item]) -> None:
    """Reads where the items' data are (ISO/IEC 14496-12, 8.11.3)."""
    version = _read_version(data, box)
    sizes, more_sizes = struct.unpack_from("BB", data, box.start + 4)
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more_sizes >> 4
    index_size = more_sizes & 15 if version else 0
    number_size = 2 if version < 2 else 4
    reader = _Numbers(data, box.start + 6)
    for _ in range(reader.read(number_size)):
        item = items[reader.read(number_size)]
        method = reader.read(2) & 15 if version else 0
        reader.read(2)  # data_reference_index
        base = reader.read(base_size)
        count = reader.read(2)
        if count > _MAX_EXTENTS or method > 1:
            raise ImageError(f"an item's data lie in {count:,} parts or in other items")
        for _ in range(count):
            reader.read(index_size)
            offset, length = reader.read(offset_size), reader.read(length_size)
            item.extents.append((method == 1, base + offset, length))


class _Numbers:
    """Reads unsigned numbers of any size in bytes, one after the other."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def read(self, size: int) -> int:
        part = self._data[self._position : self._position + size]
        if len(part) < size:
            raise struct.error("the data end before the numbers do")
        self._position += size
        return int.from_bytes(part, "big")
