"""Says why a PNG cannot be decoded; see `find_fault`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

# The bits per sample of each colour type (PNG specification, 11.2.2)
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_PART = 1 << 20  # bytes that are inflated at a time


def find_fault(data: bytes, chunks: Iterable[tuple[bytes, int, int]]) -> str:
    """Returns the reason for which a decoder gave up, as a clause.

    Args:
        data: a PNG whose chunks are all inside the file, the first of which is a whole IHDR.
        chunks: the kind, the start and the end of each chunk.
    """
    kinds, packed = [], []
    for kind, start, end in chunks:
        (stated,) = struct.unpack_from(">I", data, end - 4)
        if kind.isupper() and stated != zlib.crc32(memoryview(data)[start + 4 : end - 4]):
            return f"it is corrupt: the checksum of its {kind.decode('latin-1')} chunk is wrong"
        kinds.append(kind)
        if kind == b"IDAT":
            packed.append(memoryview(data)[start + 8 : end - 4])
    width, height, bits, colour, *methods = struct.unpack_from(">IIBBBBB", data, 16)
    if colour not in _BITS:
        return f"it has colour type {colour}; it must be 0, 2, 3, 4 or 6"
    if bits not in _BITS[colour]:
        wanted = ", ".join(map(str, _BITS[colour]))
        return f"it has {bits} bits per sample; with colour type {colour} it must have {wanted}"
    if methods[0] or methods[1] or methods[2] > 1:
        return "it has an unknown compression, filter or interlacing"
    if kinds.count(b"IHDR") > 1:
        return "it is corrupt: it has two headers (IHDR)"
    if not packed:
        return "it is cut off: it has no pixels (IDAT)"
    if colour == _PALETTE and b"PLTE" not in kinds:
        return "it is corrupt: it has no palette (PLTE)"
    row = (width * bits * _SAMPLES[colour] + 7) // 8
    return _find_fault_of_pixels(packed, 0 if methods[2] else (row + 1) * height)


def _find_fault_of_pixels(packed: list[memoryview], wanted: int) -> str:
    """Inflates the pixels without keeping them, at most as many bytes as are `wanted`."""
    unpacker, length = zlib.decompressobj(), 0
    try:
        for part in packed:
            rest: bytes | memoryview = part
            while len(rest) and length < wanted and not unpacker.eof:
                length += len(unpacker.decompress(rest, _PART))
                rest = unpacker.unconsumed_tail
    except zlib.error as error:
        return f"it is corrupt: {error}"
    if length < wanted:
        return f"it is cut off: {wanted - length:,} bytes of its pixels are missing"
    return "it is corrupt"
