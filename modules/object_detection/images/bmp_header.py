"""Reads the header of a BMP, of any of its versions; see `read_header`."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ...errors import ImageError

_START = 14  # where the header begins, after the file's own header
_CORE, _OS2_SHORT, _INFO, _OS2 = 12, 16, 40, 64
_V5 = 124
UNCOMPRESSED, RUN_LENGTH_8, RUN_LENGTH_4, BIT_FIELDS, ALPHA_BIT_FIELDS = 0, 1, 2, 3, 6
_OTHER_COMPRESSIONS = {4: "a JPEG inside", 5: "a PNG inside", 11: "CMYK", 12: "CMYK", 13: "CMYK"}
_OS2_COMPRESSIONS = {3: "Huffman compression", 4: "24-bit run-length compression"}
_BITS = {
    UNCOMPRESSED: (1, 2, 4, 8, 16, 24, 32),
    RUN_LENGTH_8: (8,),
    RUN_LENGTH_4: (4,),
    BIT_FIELDS: (16, 32),
    ALPHA_BIT_FIELDS: (16, 32),
}
BYTE_MASKS = (0xFF0000, 0xFF00, 0xFF)  # of 32 bits
_DEFAULT_MASKS = {16: (0x7C00, 0x3E0, 0x1F), 32: BYTE_MASKS}
_EMBEDDED_PROFILE = 0x4D424544  # "MBED"


@dataclass(frozen=True)
class Header:
    """What the header says.

    Attributes:
        size: of the header itself, in bytes.
        width, height: in pixels; a negative height means that rows are stored from the top.
        bits: of a pixel.
        compression: `UNCOMPRESSED`, a run length, or one of the bit fields.
        pixels_at: the position of the first row.
        colours: how many colours the palette has; 0 for all.
        masks: the bits of red, green and blue of a pixel of 16 or 32 bits.
        profile: the ICC profile; empty for none.
    """

    size: int
    width: int
    height: int
    bits: int
    compression: int
    pixels_at: int
    colours: int = 0
    masks: tuple[int, int, int] = (0, 0, 0)
    profile: bytes = b""

    @property
    def row_bytes(self) -> int:
        """The bytes of a row, which is padded to a multiple of 4."""
        return (self.width * self.bits + 31) // 32 * 4

    @property
    def palette_at(self) -> int:
        """The position of the palette."""
        has_masks = self.size == _INFO and self.compression in (BIT_FIELDS, ALPHA_BIT_FIELDS)
        return _START + self.size + (12 if has_masks else 0)

    @property
    def palette_entry(self) -> int:
        """The bytes of a colour of the palette: blue, green, red, and a fourth in most versions."""
        return 3 if self.size == _CORE else 4


def read_header(data: bytes) -> Header:
    """Reads the header.

    Raises:
        ImageError: the picture is of a kind that no decoder here reads; the message names it.
        struct.error: the data end before the header does.
    """
    pixels_at, size = struct.unpack_from("<II", data, 10)
    if size == _CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, _START + 4)
        return _check(Header(size, width, height, bits, UNCOMPRESSED, pixels_at))
    width, height, _, bits = struct.unpack_from("<iiHH", data, _START + 4)
    compression = colours = 0
    if size >= _INFO:
        compression, _, _, _, colours = struct.unpack_from("<IIiiI", data, _START + 16)
    elif size != _OS2_SHORT:
        raise ImageError(f"a BMP with a header of {size} bytes, which is not known")
    if size == _OS2 and compression in _OS2_COMPRESSIONS:
        raise ImageError(f"a BMP of OS/2 with {_OS2_COMPRESSIONS[compression]}")
    header = Header(size, width, height, bits, compression, pixels_at, colours)
    return _check(header, _read_masks(data, header), _read_profile(data, size))


def _check(header: Header, masks: tuple[int, int, int] = (0, 0, 0), profile: bytes = b"") -> Header:
    """Returns the header with its masks and profile.

    Raises:
        ImageError: bits and compression do not belong together, or are of a kind that is not read.
    """
    if header.compression in _OTHER_COMPRESSIONS:
        raise ImageError(f"a BMP with {_OTHER_COMPRESSIONS[header.compression]}; it is not read")
    if header.compression not in _BITS:
        raise ImageError(f"a BMP with compression {header.compression}, which is not known")
    wanted = _BITS[header.compression]
    if header.bits not in wanted:
        raise ImageError(
            f"a BMP with {header.bits} bits per pixel; with compression {header.compression} it "
            f"must have {', '.join(map(str, wanted))}"
        )
    for mask in masks:
        if mask >> header.bits:
            raise ImageError(
                f"a BMP with the colour mask {mask:#x} of {header.bits} bits per pixel"
            )
        shifted = mask // (mask & -mask) if mask else 0
        if shifted & (shifted + 1):
            raise ImageError(f"a BMP with the colour mask {mask:#x}, whose bits are not together")
    return Header(
        header.size,
        header.width,
        header.height,
        header.bits,
        header.compression,
        header.pixels_at,
        header.colours,
        masks if any(masks) else _DEFAULT_MASKS.get(header.bits, masks),
        profile,
    )


def _read_masks(data: bytes, header: Header) -> tuple[int, int, int]:
    """Reads the masks, which are behind a header of 40 bytes, or at this place in a longer one."""
    if header.compression not in (BIT_FIELDS, ALPHA_BIT_FIELDS) or header.size == _OS2:
        return (0, 0, 0)
    red, green, blue = struct.unpack_from("<III", data, _START + _INFO)
    return (red, green, blue)


def _read_profile(data: bytes, size: int) -> bytes:
    """Reads the profile of a header of version 5, at a position that counts from the header."""
    if size < _V5:
        return b""
    (kind,) = struct.unpack_from("<I", data, _START + 56)
    position, length = struct.unpack_from("<II", data, _START + 112)
    if kind != _EMBEDDED_PROFILE:
        return b""
    return data[_START + position : _START + position + length]
