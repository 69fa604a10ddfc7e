"""The JPEG 2000 format, JP2 files and bare codestreams; see `FORMAT`.

OpenJPEG, which Pillow brings along, decodes it. The boxes around the codestream (ISO/IEC 15444-1,
annex I) are read here, because Pillow ignores some of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import ImageError
from . import jpeg, pillow_codec
from .boxes import Box, find_box, read_boxes
from .codestream import START, Codestream, read_codestream
from .colour_profile import convert_cmyk_to_srgb, convert_to_srgb
from .format import Format
from .orientation import UPRIGHT, read_orientation, read_xmp_orientation, turn_upright

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_SPACES = {12: "CMYK", 15: "black and white", 16: "sRGB", 17: "grey", 18: "sYCC"}
_BYTES_PER_PIXEL = 10  # that decoding may take; a picture in one tile takes 20
_MIN_BYTES = 16 << 20  # that decoding a small picture may take
_COLOURS = 256


@dataclass
class _Description:
    """What the boxes say. palette: `(N, 3)` uint8 BGR, or empty."""

    codestream: int = 0
    size: tuple[int, int] | None = None
    profile: bytes = b""
    palette: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 3), np.uint8))
    orientation: int = UPRIGHT


def _recognises(data: bytes) -> bool:
    return data.startswith((_SIGNATURE, START))


def _read_size(data: bytes) -> tuple[int, int]:
    try:
        description = _read_description(data)
        codestream = read_codestream(data, description.codestream)
    except ImageError as error:
        raise ImageError(f"a JPEG2000 that cannot be read: {error}") from error
    size = codestream.width, codestream.height
    if description.size not in (None, size):
        raise ImageError(
            f"a JPEG2000 whose header states another size than its {size[0]} x {size[1]} pixels"
        )
    return size


def _check_cost(data: bytes, max_pixels: int) -> bytes:
    """Returns `data` if the decoder can decode it within the memory for `max_pixels`."""
    try:
        codestream = read_codestream(data, _read_description(data).codestream)
        cost = codestream.cost() + 4 * codestream.width * codestream.height
    except ImageError as error:
        raise ImageError(f"a JPEG2000 that cannot be read: {error}") from error
    allowed = max(_BYTES_PER_PIXEL * max_pixels, _MIN_BYTES)
    if cost > allowed:
        raise ImageError(
            f"a JPEG2000 of {codestream.width} x {codestream.height} pixels in tiles of "
            f"{codestream.tile[0]} x {codestream.tile[1]} takes {cost >> 20:,} MB to decode; at "
            f"most {allowed >> 20:,} MB are allowed. Smaller tiles take less"
        )
    return data


def _read_description(data: bytes) -> _Description:
    description = _Description()
    if data.startswith(START):
        return description
    has_header = False
    for box in read_boxes(data):
        if box.kind == b"jp2h" and not has_header:
            has_header = True
            _read_header(data, box, description)
        elif box.kind == b"uuid":
            _read_metadata(data[box.start : box.end], description)
        elif box.kind == b"jp2c" and not description.codestream:
            description.codestream = box.start
    if not has_header or not description.codestream:
        raise ImageError("it is cut off: it has no jp2h or no jp2c box")
    return description


def _read_metadata(body: bytes, description: _Description) -> None:
    """Reads the orientation from EXIF or XMP in a `uuid` box, as Exiv2 and ExifTool write it."""
    if description.orientation == UPRIGHT:
        if body.startswith(_EXIF):
            description.orientation = read_orientation(body[len(_EXIF) :])
        elif body.startswith(_XMP):
            description.orientation = read_xmp_orientation(body[len(_XMP) :])


def _read_header(data: bytes, header: Box, description: _Description) -> None:
    is_coloured = False
    for box in read_boxes(data, header.start, header.end):
        if box.kind == b"ihdr":
            height, width = struct.unpack_from(">II", data, box.start)
            description.size = width, height
        elif box.kind == b"colr" and not is_coloured:
            is_coloured = _read_colours(data[box.start : box.end], description)
        elif box.kind == b"pclr":
            description.palette = _read_palette(data[box.start : box.end])
        elif box.kind == b"cdef":
            _check_channels(data, box)
    if len(description.palette) and find_box(data, b"cmap", header.start, header.end) is None:
        raise ImageError("it has a palette, but no cmap box that says how to use it")


def _read_colours(body: bytes, description: _Description) -> bool:
    """Reads a `colr` box; returns whether it is of a known kind (I.5.3.3)."""
    if body[:1] == b"\2" or body[:1] == b"\3":
        description.profile = body[3:]
        space = description.profile[16:20]
        if space in (b"Lab ", b"XYZ ", b"YCbr"):
            raise ImageError(f"its colours are {space.decode().strip()}, which is not supported")
        return True
    if body[:1] != b"\1":
        return False
    (number,) = struct.unpack_from(">I", body, 3)
    if number not in _SPACES:
        raise ImageError(
            f"its colours are of number {number}, which is not supported; they must be one of "
            f"{', '.join(_SPACES.values())} or have an ICC profile"
        )
    return True


def _read_palette(body: bytes) -> npt.NDArray[np.uint8]:
    """Reads a `pclr` box (I.5.3.4); returns `(N, 3)` uint8 BGR."""
    entries, columns = struct.unpack_from(">HB", body)
    depths = body[3 : 3 + columns]
    if columns not in (3, 4) or any(depth != 7 for depth in depths) or entries > _COLOURS:
        raise ImageError(
            f"its palette has {entries} entries of {columns} columns, of "
            f"{', '.join(str((depth & 0x7F) + 1) for depth in depths)} bits; it must have up to "
            f"{_COLOURS} of 3 or 4, of 8 bits"
        )
    colours = np.frombuffer(body[3 + columns : 3 + columns + entries * columns], np.uint8)
    if len(colours) < entries * columns:
        raise struct.error("the palette is cut off")
    return colours.reshape(entries, columns)[:, 2::-1]


def _check_channels(data: bytes, box: Box) -> None:
    """Refuses a `cdef` box that gives the channels in another order than usual (I.5.3.6)."""
    (count,) = struct.unpack_from(">H", data, box.start)
    for position in range(box.start + 2, box.start + 2 + 6 * count, 6):
        channel, kind, colour = struct.unpack_from(">3H", data, position)
        if kind == 0 and colour not in (channel + 1, 0xFFFF):
            raise ImageError("its channels are not in the order red, green, blue")


def _decode(data: bytes) -> npt.NDArray[np.uint8]:
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    description = _read_description(data)
    codestream = read_codestream(data, description.codestream)
    image = pillow_codec.load(Jpeg2KImageFile, data)
    if len(description.palette):
        pixels = _apply_palette(np.asarray(image), codestream, description.palette)
    elif description.profile[16:20] == b"CMYK" and image.mode in ("RGBA", "CMYK"):
        pixels = _convert_cmyk(image.tobytes(), image.size, description.profile)
    else:
        pixels = _stretch(pillow_codec.to_bgr(image), codestream)
    return turn_upright(convert_to_srgb(pixels, description.profile), description.orientation)


def _apply_palette(
    indices: npt.NDArray[np.uint8], codestream: Codestream, palette: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """Returns the colours of `(H, W)` indices."""
    if indices.ndim != 2 or codestream.depths[0] > 8:
        raise ImageError("it has a palette, but also channels besides the indices")
    table = np.zeros((_COLOURS, 1, 3), np.uint8)
    table[: len(palette), 0] = palette
    shift = 8 - codestream.depths[0]  # Pillow gives the indices their highest bits
    return np.asarray(cv2.LUT(cv2.merge([indices >> shift] * 3), table), np.uint8)


def _convert_cmyk(data: bytes, size: tuple[int, int], profile: bytes) -> npt.NDArray[np.uint8]:
    import PIL.Image

    image = PIL.Image.frombuffer("CMYK", size, data, "raw", "CMYK", 0, 1)
    pixels = convert_cmyk_to_srgb(image, profile)
    return pillow_codec.to_bgr(image) if pixels is None else pixels


def _stretch(pixels: npt.NDArray[np.uint8], codestream: Codestream) -> npt.NDArray[np.uint8]:
    """Returns pixels of fewer than 8 bits with white as 255; Pillow leaves the lowest bits 0."""
    depth = max(codestream.depths)
    if depth >= 8:
        return pixels
    highest = (1 << depth) - 1
    table = (np.arange(_COLOURS) >> 8 - depth) * 255 // highest
    return np.asarray(cv2.LUT(pixels, table.astype(np.uint8)), np.uint8)


FORMAT = Format(
    name="jpeg2000",
    suffixes=(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jph"),
    media_type=jpeg.FORMAT.media_type,
    annotated_suffix=".jpg",
    recognises=_recognises,
    read_size=_read_size,
    make_safe=_check_cost,
    decode=_decode,
    encode=jpeg.FORMAT.encode,
)
