"""Removes the table of symbols from a shared library, as `strip` does; see `without_symbols`.

Debuggers read the table; programs do not. `strip` knows only the architectures of its own machine.
https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_SYMTAB = 2
_HEADER_AT = 40  # in the file's header: where the headers of sections are
_COUNT_AT = 58  # in the file's header: their size, their number, and which one has the names
_SECTION = struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True)
class _Section:
    """A section's header."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def without_symbols(library: bytes) -> bytes:
    """Returns a shared library without the symbols that only debuggers read.

    Returns it unchanged where it has none, and where other content than section names follows them
    in the file: then it would have to be moved.

    Raises:
        ValueError: it is no ELF file of 64 bits, little-endian.
    """
    if not library.startswith(_MAGIC):
        raise ValueError("not an ELF file of 64 bits, little-endian")
    (start,) = struct.unpack_from("<Q", library, _HEADER_AT)
    size, count, names = struct.unpack_from("<HHH", library, _COUNT_AT)
    sections = [
        _Section(*_SECTION.unpack_from(library, start + size * number)) for number in range(count)
    ]
    tables = [number for number, section in enumerate(sections) if section.kind == _SYMTAB]
    if len(tables) != 1:
        return library
    removed = {tables[0], sections[tables[0]].link}
    end = sections[tables[0]].offset
    after = {number for number, one in enumerate(sections) if number and one.offset >= end}
    linked = {one.link for number, one in enumerate(sections) if number not in removed}
    first = min(removed)
    if after != removed | {names} or start < end or max(linked - {names}) >= first:
        return library
    return _shortened(library[:end], library, sections, removed, names)


def _shortened(
    kept: bytes, library: bytes, sections: list[_Section], removed: set[int], names: int
) -> bytes:
    """Appends the sections' names, and the headers of those that are not removed."""
    strings = sections[names]
    text = library[strings.offset : strings.offset + strings.size]
    headers = b""
    number_of_names = 0
    left = [number for number in range(len(sections)) if number not in removed]
    for position, number in enumerate(left):
        section = astuple(sections[number])
        if number == names:
            number_of_names = position
            section = (*section[:4], len(kept), *section[5:])
        headers += _SECTION.pack(*section)
    body = bytearray(kept + text)
    body += bytes(-len(body) % 8)
    struct.pack_into("<Q", body, _HEADER_AT, len(body))
    struct.pack_into("<HHH", body, _COUNT_AT, _SECTION.size, len(left), number_of_names)
    return bytes(body) + headers
