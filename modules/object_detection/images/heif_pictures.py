"""Measures the picture that a HEIF or AVIF file shows, without decoding it; see `read_picture`.

A decoder allocates what the codec's own header says, whatever the boxes around it say. So the two
are compared here before a decoder sees the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

from ...errors import ImageError
from . import av1, hevc
from .heif_items import Item, Items, read_items
from .nclx import make_profile

_HEVC = (b"hvc1", b"hev1")
_AV1 = b"av01"
_CODED = (*_HEVC, _AV1)
_OTHER_CODECS = {
    b"avc1": "H.264",
    b"jpeg": "JPEG",
    b"j2k1": "JPEG 2000",
    b"vvc1": "H.266",
    b"unci": "uncompressed",
    b"lhv1": "layered HEVC",
}
_MAX_DEPTH = 4  # of pictures made of pictures: a grid, its tiles; rarely an identity before it
_MAX_PADDING = 64  # pixels; codecs round a side up to a multiple of their blocks


@dataclass(frozen=True)
class Picture:
    """The picture that a file shows.

    Attributes:
        items: the items of the file.
        stored: width and height in pixels, before it is cropped and turned.
        crop: left, top, right, bottom in pixels: the part of the stored pixels that is shown.
        is_av1: whether it is coded with AV1; otherwise with HEVC.
        profile: the ICC profile of its colours; empty for sRGB.
    """

    items: Items
    stored: tuple[int, int]
    crop: tuple[int, int, int, int]
    is_av1: bool
    profile: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, cropped, not turned."""
        left, top, right, bottom = self.crop
        return right - left, bottom - top

    @property
    def turned_crop(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of `crop` after the file's turns and reflections."""
        left, top, right, bottom = self.crop
        width, height = self.stored
        for kind, body in self.items.by_number[self.items.primary].properties:
            (number,) = body[:1] or b"\0"
            if kind == b"irot":  # quarters, counterclockwise
                for _ in range(number & 3):
                    left, top, right, bottom = top, width - right, bottom, width - left
                    width, height = height, width
            elif kind == b"imir" and number & 1:  # left and right are exchanged
                left, right = width - right, width - left
            elif kind == b"imir":
                top, bottom = height - bottom, height - top
        return left, top, right, bottom


def read_picture(data: bytes) -> Picture:
    """Reads the description of the primary picture.

    Raises:
        ImageError: there is none, it is of a codec that is not read, or the description is broken.
        struct.error: the description is cut off.
    """
    items = read_items(data)
    primary = items.by_number[items.primary]
    coded = _first_coded(items, primary)
    width, height = _stated_size(primary)
    crop = _read_crop(primary, width, height)
    profile = _read_profile(primary) or _read_profile(coded)
    return Picture(items, (width, height), crop, coded.kind == _AV1, profile)


def check_sizes(items: Items, max_pixels: int) -> None:
    """Compares the sizes that the boxes state with those of the coded data.

    Raises:
        ImageError: they differ, or all parts together have far more than `max_pixels` pixels.
        struct.error: a header is cut off.
    """
    primary = items.by_number[items.primary]
    parts = {items.primary, *primary.made_of}
    alphas = [item for item in items.by_number.values() if parts.intersection(item.belongs_to)]
    for item in (primary, *alphas):
        pixels = _count_pixels(items, item)
        # The tiles of a grid extend beyond its edges, at most by the size of the picture itself
        allowed = 4 * max(max_pixels, _MAX_PADDING**2)
        if pixels > allowed:
            raise ImageError(f"its parts have {pixels:,} pixels; at most {allowed:,} are allowed")


def _first_coded(items: Items, item: Item) -> Item:
    """Returns the first coded picture of which an item is made, or the item itself."""
    for _ in range(_MAX_DEPTH):
        if item.kind in _CODED:
            return item
        if not item.made_of:
            break
        item = _get(items, item.made_of[0])
    kind = item.kind.decode("latin-1")
    codec = _OTHER_CODECS.get(item.kind)
    raise ImageError(
        f"its picture is coded as {kind!r}{f' ({codec})' if codec else ''}, which is not "
        "supported; it must be HEVC or AV1"
    )


def _get(items: Items, number: int) -> Item:
    if number not in items.by_number:
        raise ImageError(f"its picture is made of item {number}, which is missing")
    return items.by_number[number]


def _stated_size(item: Item) -> tuple[int, int]:
    body = item.find(b"ispe")
    if body is None:
        raise ImageError("its picture does not state its size (an ispe property)")
    width, height = struct.unpack_from(">II", body, 4)
    return width, height


def _read_crop(item: Item, width: int, height: int) -> tuple[int, int, int, int]:
    """Reads the clean aperture (ISO/IEC 14496-12, 12.1.4); without one, it is everything."""
    body = item.find(b"clap")
    if body is None:
        return 0, 0, width, height
    numbers = struct.unpack_from(">IIIIiIiI", body)
    if not all(numbers[1::2]):
        raise ImageError("its clean aperture has a denominator of 0")
    across, down, right_by, down_by = (
        Fraction(numbers[at], numbers[at + 1]) for at in range(0, 8, 2)
    )
    left, right = _cut(width, across, right_by)
    top, bottom = _cut(height, down, down_by)
    return left, top, right, bottom


def _cut(side: int, length: Fraction, offset: Fraction) -> tuple[int, int]:
    """Returns the first pixel and the one after the last, rounded as libheif does."""
    first = offset + Fraction(side - 1, 2) - (length - 1) / 2
    last = length - 1 + first
    start = max(0, first.__floor__())
    end = min(side, (last + Fraction(1, 2)).__floor__() + 1)
    if start >= end:
        raise ImageError("its clean aperture is outside of its picture")
    return start, end


def _read_profile(item: Item) -> bytes:
    """Returns the ICC profile of an item, or one made from its nclx numbers."""
    numbers = b""
    for kind, body in item.properties:
        if kind == b"colr" and body[:4] in (b"prof", b"rICC"):
            return body[4:]
        if kind == b"colr" and body[:4] == b"nclx":
            numbers = body[4:8]
    return make_profile(*struct.unpack(">HH", numbers)) if len(numbers) == 4 else b""


def _count_pixels(items: Items, item: Item, depth: int = 0) -> int:
    """Returns how many pixels are decoded for an item; checks the sizes of all its parts."""
    if depth > _MAX_DEPTH:
        raise ImageError(f"its picture is made of pictures more than {_MAX_DEPTH} times")
    if item.kind in _CODED:
        return _count_coded(items, item)
    if item.kind == b"grid":
        _check_grid(items, item)
    elif item.kind not in (b"iden", b"iovl"):
        _first_coded(items, item)  # raises the error that names the kind
    sizes = {number: _count_pixels(items, _get(items, number), depth + 1)
             for number in set(item.made_of)}  # fmt: skip
    return sum(sizes[number] for number in item.made_of)


def _count_coded(items: Items, item: Item) -> int:
    width, height = _stated_size(item)
    is_av1 = item.kind == _AV1
    configuration = item.find(b"av1C" if is_av1 else b"hvcC")
    if configuration is None:
        raise ImageError("its picture has no description of its codec (av1C or hvcC)")
    read_coded_size = av1.read_coded_size if is_av1 else hevc.read_coded_size
    coded_width, coded_height = read_coded_size(configuration, items.read_data(item))
    if coded_width > width + _MAX_PADDING or coded_height > height + _MAX_PADDING:
        raise ImageError(
            f"its header states {width} x {height} pixels, "
            f"but {coded_width} x {coded_height} are coded"
        )
    return width * height


def _check_grid(items: Items, item: Item) -> None:
    """Checks that a grid's tiles just cover it (ISO/IEC 23008-12, 6.6.2.3)."""
    data = items.read_data(item)
    flags, rows, columns = struct.unpack_from("BBB", data, 1)
    width, height = struct.unpack_from(">II" if flags & 1 else ">HH", data, 4)
    rows, columns = rows + 1, columns + 1
    if len(item.made_of) != rows * columns:
        raise ImageError(f"its grid of {columns} x {rows} tiles has {len(item.made_of)} tiles")
    tile_width, tile_height = _stated_size(_get(items, item.made_of[0]))
    covers = (columns - 1) * tile_width < width <= columns * tile_width
    if not covers or not (rows - 1) * tile_height < height <= rows * tile_height:
        raise ImageError(
            f"its {columns} x {rows} tiles of {tile_width} x {tile_height} pixels do not fit its "
            f"{width} x {height} pixels"
        )
    if (width, height) != _stated_size(item):
        raise ImageError(f"its header states another size than its grid, {width} x {height}")
