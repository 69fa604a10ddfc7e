"""The Netpbm formats PBM, PGM, PPM (P1 to P6) and PAM (P7); see `FORMAT`.

They are read here, because Pillow reads most kinds with a loop in Python, sample by sample. The
manual pages of Netpbm define them: pbm(5), pgm(5), ppm(5), pam(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from . import jpeg
from .format import Format

_MAX_HEADER = 1 << 16
_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])"
_SIDES = rb"P([1-6])%b+(\d{1,10})%b+(\d{1,10})" % (_SPACE, _SPACE)
_START = re.compile(rb"P[1-6]%b+\d|P7\n(?:#|[A-Z]+ )" % _SPACE)
_BITMAP = re.compile(_SIDES + rb"(?:\s|#)")
_SAMPLES = re.compile(_SIDES + rb"%b+(\d{1,5})(?:\s|#[^\r\n]*[\r\n])" % _SPACE)
_LINE = re.compile(rb"([A-Z]+)[ \t]*([^\n]*)\n|#[^\n]*\n|\n")
_DEEPEST = 65535
_STRIP_SAMPLES = 1 << 20


@dataclass(frozen=True)
class _Header:
    """A file's header. start: where the pixels begin. kind: 1 to 7, the digit after the P."""

    kind: int
    width: int
    height: int
    channels: int
    highest: int
    start: int


def _recognises(data: bytes) -> bool:
    return _START.match(data, 0, _MAX_HEADER) is not None


def _read_header(data: bytes) -> _Header:
    if data[:2] == b"P7":
        return _read_pam_header(data)
    is_bitmap = data[1:2] in b"14"
    found = (_BITMAP if is_bitmap else _SAMPLES).match(data, 0, _MAX_HEADER)
    if not found:
        raise ImageError("a NETPBM that is cut off in its header, or has a broken one")
    kind, width, height = (int(number) for number in found.groups()[:3])
    highest = 1 if is_bitmap else int(found[4])
    channels = 3 if kind in (3, 6) else 1
    return _checked(_Header(kind, width, height, channels, highest, found.end()))


def _read_pam_header(data: bytes) -> _Header:
    fields: dict[bytes, bytes] = {}
    position = 3
    while found := _LINE.match(data, position, _MAX_HEADER):
        position = found.end()
        name, value = found.groups()
        if name == b"ENDHDR":
            break
        if name:
            fields[name] = value.strip()
    else:
        raise ImageError("a NETPBM that is cut off in its header: it has no ENDHDR")
    try:
        width, height, channels, highest = (
            int(fields[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
    except (KeyError, ValueError):
        raise ImageError(
            "a NETPBM without one of WIDTH, HEIGHT, DEPTH and MAXVAL, or not as a number"
        ) from None
    return _checked(_Header(7, width, height, channels, highest, position))


def _checked(header: _Header) -> _Header:
    if not 1 <= header.highest <= _DEEPEST:
        raise ImageError(f"a NETPBM of the maximum {header.highest}; it must be 1 to {_DEEPEST}")
    if not 1 <= header.channels <= 4:
        raise ImageError(f"a NETPBM of {header.channels} channels; it must have 1 to 4")
    return header


def _read_size(data: bytes) -> tuple[int, int]:
    header = _read_header(data)
    return header.width, header.height


def _check_length(data: bytes, max_pixels: int) -> bytes:
    """Returns `data` if they have as many bytes as the header promises."""
    header = _read_header(data)
    samples = header.width * header.height * header.channels
    if header.kind == 4:
        needed = (header.width + 7) // 8 * header.height
    elif header.kind <= 3:  # a text: a digit a sample, and a space where numbers may be longer
        needed = samples if header.kind == 1 else 2 * samples - 1
    else:
        needed = samples * (2 if header.highest > 255 else 1)
    if len(data) - header.start < needed:
        raise ImageError(
            f"a NETPBM that is cut off: its pixels need {needed:,} bytes, "
            f"but {len(data) - header.start:,} are left"
        )
    return data


def _decode(data: bytes) -> NDArray[np.uint8]:
    header = _read_header(data)
    samples = _read_samples(data, header)
    rows = samples.reshape(header.height, header.width, header.channels)
    pixels = np.empty((header.height, header.width, 3), np.uint8)
    strip_rows = max(1, _STRIP_SAMPLES // (header.width * header.channels))
    for top in range(0, header.height, strip_rows):
        strip = rows[top : top + strip_rows]
        if header.highest != 255:
            scaled = strip.astype(np.uint32) * 255 + header.highest // 2
            strip = np.minimum(scaled // header.highest, 255).astype(np.uint8)
        # Grey, with alpha or without, or red, green and blue, with alpha or without
        pixels[top : top + strip_rows] = (
            strip[..., 2::-1] if header.channels > 2 else strip[..., :1]
        )
    return pixels


def _read_samples(data: bytes, header: _Header) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Returns all samples in one dimension, as stored; of bitmaps, 1 is white."""
    count = header.width * header.height * header.channels
    if header.kind == 4:
        row_bytes = (header.width + 7) // 8
        packed = np.frombuffer(data, np.uint8, row_bytes * header.height, header.start)
        bits = np.unpackbits(packed.reshape(header.height, row_bytes), axis=1, count=header.width)
        return 1 - bits.ravel()
    if header.kind <= 3:
        return _parse_text(data, header, count)
    return np.frombuffer(data, ">u2" if header.highest > 255 else np.uint8, count, header.start)


def _parse_text(data: bytes, header: _Header, count: int) -> NDArray[np.uint16]:
    text = data[header.start :]
    if b"#" in text:
        text = re.sub(rb"#[^\r\n]*", b" ", text)
    if header.kind == 1:  # the digits may stand without spaces
        digits = np.frombuffer(text.translate(None, b" \t\r\n\v\f"), np.uint8, -1)[:count]
        if len(digits) < count or not np.isin(digits, (0x30, 0x31)).all():
            raise ImageError(f"its text does not hold {count:,} digits, 0 or 1")
        return (0x31 - digits).astype(np.uint16)
    try:
        numbers = np.fromstring(text, np.uint16, count, sep=" ")
    except (ValueError, DeprecationWarning):
        numbers = np.empty(0, np.uint16)
    if len(numbers) < count:
        raise ImageError(f"its text does not hold {count:,} numbers")
    return numbers


FORMAT = Format(
    name="netpbm",
    suffixes=(".pbm", ".pgm", ".ppm", ".pnm", ".pam"),
    media_type=jpeg.FORMAT.media_type,
    annotated_suffix=".jpg",
    recognises=_recognises,
    read_size=_read_size,
    make_safe=_check_length,
    decode=_decode,
    encode=jpeg.FORMAT.encode,
)
