"""Recognises the raw files of cameras, which are not read; see `name_raw`.

Most of them are TIFFs whose first page is a thumbnail: a reader of TIFF would process that instead
of the picture. Their tags tell them from other TIFFs (TIFF/EP, ISO 12234-2; Adobe's DNG 1.7).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

# (position, bytes at that position, the kind)
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypcrx ", "CR3"),
    (6, b"HEAPCCDR", "CRW"),
    (0, b"FUJIFILMCCD-RAW", "RAF"),
    (0, b"IIRO", "ORF"),
    (0, b"IIRS", "ORF"),
    (0, b"MMOR", "ORF"),
    (0, b"IIU\0", "RW2"),
    (0, b"FOVb", "X3F"),
    (0, b"\0MRM", "MRW"),
    (0, b"II*\0\x10\0\0\0CR\2", "CR2"),
    (0, b"MM\0*\0\0\0\x10CR\2", "CR2"),
)
_PHASE_ONE = b"IIII"  # at position 8 of Phase One's files
_TIFFS = (b"II*\0", b"MM\0*")
_BIG_TIFFS = (b"II+\0", b"MM\0+")
_SUBFILE_TYPE, _COMPRESSION, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES = 254, 259, 262, 271, 330
_DNG_VERSION, _LEAF_DATA = 50706, 34310
_COLOUR_FILTER_ARRAY, _LINEAR_RAW = 32803, 34892
# Sony, Samsung, Nikon, Kodak, Kodak, Pentax
_RAW_COMPRESSIONS = frozenset((32767, 32770, 34713, 65000, 32867, 65535))
# How the makers' files are called; by the first word of Make
_BY_MAKE = {
    b"NIKON": "NEF",
    b"SONY": "ARW",
    b"PENTAX": "PEF",
    b"SAMSUNG": "SRW",
    b"HASSELBLAD": "3FR",
    b"KODAK": "DCR",
    b"EASTMAN": "DCR",
    b"EPSON": "ERF",
    b"SEIKO": "ERF",
    b"MAMIYA": "MEF",
    b"LEAF": "MOS",
    b"PHASE": "IIQ",
}
_MAX_DIRECTORIES, _MAX_ENTRIES = 32, 1024
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}
_NUMBER_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

Directory = dict[int, tuple[int, bytes]]  # tag -> its type, its values


def name_raw(data: bytes) -> str | None:
    """Returns the kind of a camera's raw file, like "NEF" or "DNG"; None for any other file.

    >>> name_raw(b"FUJIFILMCCD-RAW 0201")
    'RAF'
    """
    for position, signature, name in _SIGNATURES:
        if data.startswith(signature, position):
            return name
    if data[:4] not in _TIFFS and data[:4] not in _BIG_TIFFS:
        return None
    directories = list(_read_directories(data))
    if not directories:
        return None
    first = directories[0]
    if _DNG_VERSION in first:
        return "DNG"
    words = first.get(_MAKE, (0, b""))[1].split(b"\0")[0].upper().split()
    maker = words[0] if words else b""
    is_raw = _LEAF_DATA in first or any(_is_mosaic(data, directory) for directory in directories)
    is_thumbnail = _number(data, first, _SUBFILE_TYPE) == 1 and _SUB_DIRECTORIES in first
    is_phase_one = maker == b"PHASE" and data.startswith(_PHASE_ONE, 8)
    if is_raw or is_phase_one or (maker and is_thumbnail):
        return _BY_MAKE.get(maker, "TIFF/EP")
    return None


def _is_mosaic(data: bytes, directory: Directory) -> bool:
    """Returns whether a page holds the samples of a sensor instead of colours."""
    photometric = _number(data, directory, _PHOTOMETRIC)
    return photometric in (_COLOUR_FILTER_ARRAY, _LINEAR_RAW) or (
        _number(data, directory, _COMPRESSION) in _RAW_COMPRESSIONS
    )


def _number(data: bytes, directory: Directory, tag: int) -> int | None:
    return next(iter(_numbers(data, directory, tag)), None)


def _numbers(data: bytes, directory: Directory, tag: int) -> tuple[int, ...]:
    kind, values = directory.get(tag, (0, b""))
    if kind not in _NUMBER_CODES:
        return ()
    order = "<" if data[:2] == b"II" else ">"
    count = len(values) // _SIZES[kind]
    return struct.unpack_from(f"{order}{count}{_NUMBER_CODES[kind]}", values)


def _read_directories(data: bytes) -> Iterator[Directory]:
    """Yields the pages and the pages below them, as far as they can be read."""
    order = "<" if data[:2] == b"II" else ">"
    word, at = ("Q", 8) if data[:4] in _BIG_TIFFS else ("I", 4)
    known: set[int] = set()
    try:
        waiting = [struct.unpack_from(f"{order}{word}", data, at)[0]]
    except struct.error:
        return
    while waiting and len(known) < _MAX_DIRECTORIES:
        position = waiting.pop(0)
        if not position or position in known:
            continue
        known.add(position)
        try:
            directory, following = _read_directory(data, position, order, word)
        except (struct.error, OverflowError):
            continue
        yield directory
        waiting += [*_numbers(data, directory, _SUB_DIRECTORIES), following]


def _read_directory(data: bytes, position: int, order: str, word: str) -> tuple[Directory, int]:
    """Reads a directory and the position of the next; 0 for none, or if that is cut off."""
    count_code, entry_size = ("Q", 20) if word == "Q" else ("H", 12)
    (count,) = struct.unpack_from(f"{order}{count_code}", data, position)
    start = position + struct.calcsize(count_code)
    word_size = struct.calcsize(f"={word}")
    directory: Directory = {}
    for entry in range(start, start + min(count, _MAX_ENTRIES) * entry_size, entry_size):
        tag, kind, values = struct.unpack_from(f"{order}HH{word}", data, entry)
        size = _SIZES.get(kind, 0) * min(values, _MAX_ENTRIES)
        value_at = entry + 4 + word_size
        if size > word_size:
            (value_at,) = struct.unpack_from(f"{order}{word}", data, value_at)
        directory.setdefault(tag, (kind, data[value_at : value_at + size]))
    end = start + count * entry_size
    following = data[end : end + word_size]
    return directory, int.from_bytes(following, "little" if order == "<" else "big")
