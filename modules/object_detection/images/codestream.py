"""Reads the headers of JPEG 2000's codestreams, without decoding; see `read_codestream`.

ISO/IEC 15444-1, annex A. The headers decide how much memory a decoder takes: see `Codestream.cost`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import ImageError

START = b"\xff\x4f\xff\x51"  # SOC, then SIZ
_COD, _COC, _START_OF_TILE, _START_OF_DATA, _END = 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
_MAX_COMPONENTS = 4
_MAX_TILES = 65_535
_MAX_TILE_PARTS = 1 << 16
_MAX_PACKETS = 4_000_000  # pieces of data; an ordinary picture of 100 megapixels has 300,000
# Bytes that OpenJPEG takes, rounded up
_TILE_BYTES, _PRECINCT_BYTES, _BLOCK_BYTES, _PACKET_BYTES = 12_000, 1000, 200, 2


@dataclass(frozen=True)
class Coding:
    """One COD or COC segment. precincts: (width, height) as powers of two, lowest level first."""

    layers: int
    levels: int
    block: tuple[int, int]
    precincts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Codestream:
    """The headers. tile: the width and height of the largest tile, within the picture."""

    width: int
    height: int
    tile: tuple[int, int]
    tiles: int
    depths: tuple[int, ...]
    codings: tuple[Coding, ...]

    def cost(self) -> int:
        """Returns how many bytes the decoder allocates, besides the decoded picture."""
        across, down = self.tile
        components = len(self.depths)
        sample_bytes = sum(4 + (depth + 7) // 8 for depth in self.depths)
        fixed = across * down * sample_bytes + self.tiles * _TILE_BYTES
        return fixed + components * max(map(self._cost_of, self.codings), default=0)

    def _cost_of(self, coding: Coding) -> int:
        precincts = [self._count(level, coding) for level in range(coding.levels + 1)]
        block_width, block_height = coding.block
        blocks = -(-self.tile[0] // block_width) * -(-self.tile[1] // block_height)
        packets = coding.layers * sum(precincts)
        if packets * len(self.depths) * self.tiles > _MAX_PACKETS:
            raise ImageError("its data are in millions of tiny packets")
        included = coding.layers * (coding.levels + 1) * max(precincts)
        return (
            sum(precincts) * _PRECINCT_BYTES
            + max(blocks, sum(precincts)) * 2 * _BLOCK_BYTES
            + included * _PACKET_BYTES
        )

    def _count(self, level: int, coding: Coding) -> int:
        """Returns the number of precincts of a tile in a level; 0 is the smallest."""
        scale = coding.levels - level
        across, down = (-(-side >> scale) if scale < 32 else 1 for side in self.tile)
        width, height = coding.precincts[level] if coding.precincts else (15, 15)
        # A tile may begin in the middle of a precinct, so that there is one more
        return ((max(across, 1) >> width) + 2) * ((max(down, 1) >> height) + 2)


def read_codestream(data: bytes, start: int) -> Codestream:
    """Reads the headers of the codestream that begins at `start`.

    Raises:
        ImageError: a header is broken, or of a kind that is not decoded.
        struct.error: the data end before the headers do.
    """
    if data[start : start + 4] != START:
        raise ImageError("its codestream does not begin with its size")
    x1, y1, x0, y0, tile_width, tile_height, tile_x, tile_y, components = struct.unpack_from(
        ">8IH", data, start + 8
    )
    width, height = x1 - x0, y1 - y0
    if not 1 <= components <= _MAX_COMPONENTS:
        raise ImageError(f"it has {components} channels; it must have 1 to {_MAX_COMPONENTS}")
    if not tile_width or not tile_height or tile_x > x0 or tile_y > y0:
        raise ImageError(f"it has tiles of {tile_width} x {tile_height} pixels")
    tiles = -(-(x1 - tile_x) // tile_width) * -(-(y1 - tile_y) // tile_height)
    if tiles > _MAX_TILES:
        raise ImageError(f"it has {tiles:,} tiles; at most {_MAX_TILES:,} are possible")
    depths = struct.unpack_from(f">{'B2x' * components}", data, start + 42)
    return Codestream(
        width=width,
        height=height,
        tile=(min(tile_width, max(width, 0)), min(tile_height, max(height, 0))),
        tiles=max(tiles, 1),
        depths=tuple((depth & 0x7F) + 1 for depth in depths),
        codings=tuple(_read_codings(data, start)),
    )


def _read_codings(data: bytes, start: int) -> Iterator[Coding]:
    layers = 1
    for marker, position, length in _segments(data, start + 2):
        if marker == _COD:
            style, _, layers = struct.unpack_from(">BBH", data, position)
            yield _read_coding(data[position + 5 : position + length], style, layers)
        elif marker == _COC:
            (components,) = struct.unpack_from(">H", data, start + 40)
            position += 1 if components < 257 else 2
            (style,) = struct.unpack_from("B", data, position)
            yield _read_coding(data[position + 1 : position + length], style, layers)


def _read_coding(data: bytes, style: int, layers: int) -> Coding:
    levels, block_width, block_height = struct.unpack_from("BBB", data)
    if levels > 32 or block_width > 8 or block_height > 8:
        raise ImageError(f"its coding style is broken: {levels} levels")
    sizes = data[5 : 6 + levels] if style & 1 else b""
    if style & 1 and len(sizes) <= levels:
        raise struct.error("the sizes of precincts are cut off")
    precincts = tuple((size & 15, size >> 4) for size in sizes)
    return Coding(max(layers, 1), levels, (4 << block_width, 4 << block_height), precincts)


def _segments(data: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Yields (marker, position of the content, its length) from the main header and all tiles'."""
    tile_start = tile_length = tile_parts = 0
    while position + 2 <= len(data):
        (marker,) = struct.unpack_from(">H", data, position)
        if marker == _END:
            return
        if marker == _START_OF_DATA:
            if not tile_length:  # the last part, which extends to the end
                return
            if tile_start + tile_length <= position:
                raise ImageError("a part of a tile ends before its header does")
            position = tile_start + tile_length
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker < 0xFF00 or length < 2:
            raise ImageError(f"it has an impossible marker in a header, {marker:04X}")
        if marker == _START_OF_TILE:
            tile_parts += 1
            (tile_length,) = struct.unpack_from(">I", data, position + 6)
            tile_start = position
            if tile_parts > _MAX_TILE_PARTS or 0 < tile_length < 14:
                raise ImageError("its tile parts are too many or too short")
        yield marker, position + 4, length - 2
        position += 2 + length
