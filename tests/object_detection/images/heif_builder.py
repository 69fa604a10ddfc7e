"""Puts HEIF and AVIF files together from coded pictures, to get files that no encoder here writes.

`take_apart` gets coded pictures from a file, `Builder` makes a new file of them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modules.object_detection.images.heif_items import read_items

DATA = Path(__file__).parent / "data"
CODED = (b"hvc1", b"av01")
_ESSENTIAL = (b"hvcC", b"av1C", b"clap", b"irot", b"imir")

Property = tuple[bytes, bytes]


@dataclass
class Part:
    """An item of a file: its kind, its properties, its data."""

    kind: bytes
    properties: list[Property]
    data: bytes

    def with_properties(self, *more: Property) -> Part:
        """Returns the same with properties that replace those of the same kind, or are added."""
        kinds = {kind for kind, _ in more}
        kept = [one for one in self.properties if one[0] not in kinds]
        return Part(self.kind, [*kept, *more], self.data)


def take_apart(data: bytes) -> list[Part]:
    """Returns the coded pictures of a file, by number."""
    items = read_items(data)
    return [
        Part(item.kind, list(item.properties), items.read_data(item))
        for _, item in sorted(items.by_number.items())
        if item.kind in CODED
    ]


def size_property(width: int, height: int) -> Property:
    return b"ispe", struct.pack(">III", 0, width, height)


def crop_property(width: int, height: int, right_by: int, down_by: int) -> Property:
    """Returns a clean aperture; the last two move its centre, in halves of pixels."""
    return b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, right_by, 2, down_by, 2)


def turn_property(quarters: int) -> Property:
    """Returns a turn by quarters, counterclockwise."""
    return b"irot", bytes([quarters])


def mirror_property(axis: int) -> Property:
    """Returns a reflection: 0 exchanges top and bottom, 1 left and right."""
    return b"imir", bytes([axis])


def grid(columns: int, rows: int, width: int, height: int) -> Part:
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    return Part(b"grid", [size_property(width, height)], data)


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *bodies: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]), *bodies)


@dataclass
class Builder:
    """A file. The items are numbered from 1. references: (kind, from, to)."""

    parts: list[Part]
    primary: int = 1
    references: Sequence[tuple[bytes, int, Sequence[int]]] = ()
    brands: Sequence[bytes] = (b"heic", b"mif1", b"heic")
    after: bytes = b""
    _properties: list[Property] = field(default_factory=list)

    def build(self) -> bytes:
        """Returns the file."""
        kind = box(b"ftyp", self.brands[0], bytes(4), *self.brands[1:])
        size = len(kind) + len(self._meta(0)) + 8
        pixels = b"".join(part.data for part in self.parts)
        return kind + self._meta(size) + box(b"mdat", pixels) + self.after

    def _meta(self, position: int) -> bytes:
        entries, locations, associations = b"", b"", b""
        self._properties = []
        for number, part in enumerate(self.parts, 1):
            entries += full_box(b"infe", struct.pack(">HH4sx", number, 0, part.kind), version=2)
            locations += struct.pack(">HHHII", number, 0, 1, position, len(part.data))
            position += len(part.data)
            associations += struct.pack(">HB", number, len(part.properties))
            for one in part.properties:
                self._properties.append(one)
                essential = 0x80 if one[0] in _ESSENTIAL else 0
                associations += bytes([essential | len(self._properties)])
        container = box(b"ipco", *(box(kind, body) for kind, body in self._properties))
        count = len(self.parts)
        links = [
            box(kind, struct.pack(f">HH{len(to)}H", source, len(to), *to))
            for kind, source, to in self.references
        ]
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", struct.pack(">H", self.primary)),
            full_box(b"iloc", b"\x44\0", struct.pack(">H", count), locations),
            full_box(b"iinf", struct.pack(">H", count), entries),
            full_box(b"iref", *links) if links else b"",
            box(b"iprp", container, full_box(b"ipma", struct.pack(">I", count), associations)),
        )
