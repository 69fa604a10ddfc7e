"""Builds TIFFs of every depth, order, layout and compression; see `build_tiff`."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Values = Sequence[int] | bytes
NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773


def pack_bits(rows: NDArray[np.uint16], bits: int, order: str) -> bytes:
    """Packs numbers `(H, N)`, each row from a whole byte, the most significant bit first."""
    if bits == 16:
        return rows.astype(f"{order}u2").tobytes()
    places = np.arange(bits - 1, -1, -1)
    each = (rows[..., np.newaxis] >> places & 1).astype(np.uint8)
    return np.packbits(each.reshape(len(rows), -1), axis=1).tobytes()


def compress_lzw(data: bytes) -> bytes:
    """Writes each byte as a code of nine bits, and clears the table before codes need ten."""
    codes = [256]
    for number, byte in enumerate(data):
        if number and number % 250 == 0:
            codes.append(256)
        codes.append(byte)
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def compress_packbits(data: bytes) -> bytes:
    parts = (data[at : at + 128] for at in range(0, len(data), 128))
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


COMPRESS: dict[int, Callable[[bytes], bytes]] = {
    NONE: bytes,
    LZW: compress_lzw,
    DEFLATE: zlib.compress,
    OLD_DEFLATE: zlib.compress,
    PACKBITS: compress_packbits,
}


def build_tiff(
    samples: NDArray[np.uint16],
    *,
    bits: int,
    photometric: int | None,
    compression: int = NONE,
    order: str = "<",
    is_big: bool = False,
    is_separate: bool = False,
    is_reversed: bool = False,
    is_predicted: bool = False,
    tile: tuple[int, int] | None = None,
    rows_per_strip: int = 10,
    tags: Mapping[int, Values] | None = None,
) -> bytes:
    """Builds a TIFF of samples `(H, W, samples)`.

    Args:
        samples: numbers of `bits` bits.
        bits: of a sample, 1 to 16.
        photometric: PhotometricInterpretation; None for no such tag.
        compression: one of `COMPRESS`.
        order: "<" or ">".
        is_big: BigTIFF.
        is_separate: each sample has a plane of its own.
        is_reversed: the bits of each byte are in the opposite order.
        is_predicted: samples are stored as differences to the left neighbour.
        tile: the height and the width of tiles; None for strips.
        rows_per_strip: the height of strips.
        tags: other tags; numbers become SHORT, or LONG if they are large, bytes UNDEFINED.
    """
    height, width, count = samples.shape
    block_height, block_width = tile or (rows_per_strip, width)
    planes = [samples[..., [plane]] for plane in range(count)] if is_separate else [samples]
    blocks = []
    for plane in planes:
        for top, left in itertools.product(
            range(0, height, block_height), range(0, width, block_width)
        ):
            block = plane[top : top + block_height, left : left + block_width]
            if tile:
                missing = (block_height - block.shape[0], block_width - block.shape[1])
                block = np.pad(block, ((0, missing[0]), (0, missing[1]), (0, 0)))
            if is_predicted:
                wide = block.astype(np.int64)
                block = (np.diff(wide, axis=1, prepend=0) % 2**bits).astype(np.uint16)
            packed = pack_bits(block.reshape(len(block), -1), bits, order)
            packed = COMPRESS[compression](packed)
            if is_reversed:
                packed = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed)
            blocks.append(packed)
    known: dict[int, Values] = {256: [width], 257: [height], 258: [bits] * count}
    known |= {259: [compression], 277: [count], 284: [2 if is_separate else 1]}
    known |= {317: [2]} if is_predicted else {}
    known |= {266: [2]} if is_reversed else {}
    known |= {} if photometric is None else {262: [photometric]}
    known |= {322: [block_width], 323: [block_height]} if tile else {278: [rows_per_strip]}
    return _join(known | dict(tags or {}), blocks, order, is_big, bool(tile))


def _join(
    tags: dict[int, Values], blocks: list[bytes], order: str, is_big: bool, is_tiled: bool
) -> bytes:
    """Writes the header, the blocks, the directory, and the values that do not fit into it."""
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if is_big else 42)
    word, count_code = ("Q", "Q") if is_big else ("I", "H")
    header_size = 16 if is_big else 8
    positions = [header_size]
    for block in blocks:
        positions.append(positions[-1] + len(block) + len(block) % 2)
    tags[324 if is_tiled else 273] = positions[:-1]
    tags[325 if is_tiled else 279] = [len(block) for block in blocks]
    at = positions[-1]
    word_size = struct.calcsize(f"{order}{word}")
    values_at = (
        at + struct.calcsize(f"{order}{count_code}") + len(tags) * (4 + 2 * word_size) + word_size
    )
    directory, values = struct.pack(f"{order}{count_code}", len(tags)), b""
    for tag, content in sorted(tags.items()):
        if isinstance(content, bytes):
            kind, packed = 7, content
        elif max(content) < 65536 and tag not in (273, 324):
            kind, packed = 3, struct.pack(f"{order}{len(content)}H", *content)
        else:
            kind, packed = 4, struct.pack(f"{order}{len(content)}I", *content)
        directory += struct.pack(f"{order}HH{word}", tag, kind, len(content))
        if len(packed) <= word_size:
            directory += packed.ljust(word_size, b"\0")
        else:
            directory += struct.pack(f"{order}{word}", values_at + len(values))
            values += packed + bytes(len(packed) % 2)
    offset = struct.pack(f"{order}HHQ", 8, 0, at) if is_big else struct.pack(f"{order}I", at)
    body = b"".join(block + bytes(len(block) % 2) for block in blocks)
    return start + offset + body + directory + bytes(word_size) + values
