"""Reads a TIFF's samples as they are stored, some rows at a time; see `read_parts`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import ImageError
from .packed_numbers import Numbers, unpack_bits
from .tiff_codecs import Read, open_block
from .tiff_layout import HORIZONTAL, Layout

_PART_SAMPLES = 1 << 18
Samples = Numbers


@dataclass(frozen=True)
class Part:
    """Samples `(h, w, samples)`, uint8 or uint16, and the pixel of their top-left corner."""

    top: int
    left: int
    samples: Samples


def read_parts(layout: Layout) -> Iterator[Part]:
    """Yields all samples of a page, in parts of a few rows of a strip or tile.

    Raises:
        ImageError: the file is cut off or corrupt; the message is the reason.
    """
    if layout.predictor not in (1, HORIZONTAL) or (
        layout.predictor == HORIZONTAL and layout.bits not in (8, 16)
    ):
        raise ImageError(
            f"it has predictor {layout.predictor} with {layout.bits} bits per sample, "
            "which is not supported"
        )
    blocks = _find_blocks(layout)
    width, height = layout.block
    lefts, tops = range(0, layout.width, width), range(0, layout.height, height)
    count = len(lefts) * len(tops)
    for number, (top, left) in enumerate(itertools.product(tops, lefts)):
        own = blocks[number::count]  # the same place in each plane
        yield from _read_block(layout, own, top, left)


def _find_blocks(layout: Layout) -> list[tuple[int, int]]:
    """Returns the position and the number of bytes of each strip or tile, plane by plane."""
    width, height = layout.block
    if width < 1 or height < 1:
        raise ImageError(f"it has tiles of {width} x {height} pixels")
    planes = layout.samples if layout.is_separate else 1
    return layout.blocks(-(-layout.width // width) * -(-layout.height // height) * planes)


def check_blocks(layout: Layout) -> None:
    """Checks that every strip or tile is inside the file: OpenCV makes missing ones black.

    Raises:
        ImageError: one is not; the message is the reason.
    """
    ends = [position + size for position, size in _find_blocks(layout)]
    missing = max(ends) - len(layout.directory.data)
    if missing > 0:
        raise ImageError(f"it is cut off: {missing:,} bytes are missing")


def _read_block(
    layout: Layout, blocks: list[tuple[int, int]], top: int, left: int
) -> Iterator[Part]:
    width, height = layout.block
    rows = min(height, layout.height - top)
    stored_rows = height if layout.is_tiled else rows
    samples = 1 if layout.is_separate else layout.samples
    row_bytes = -(-width * samples * layout.bits // 8)
    readers = [_open(layout, block, stored_rows * row_bytes) for block in blocks]
    step = max(1, _PART_SAMPLES // (width * layout.samples))
    wanted = min(width, layout.width - left)
    for first in range(0, rows, step):
        shape = (min(step, rows - first), width, samples)
        planes = [_read_rows(layout, read, shape, row_bytes)[:, :wanted] for read in readers]
        joined = planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)
        yield Part(top + first, left, joined)


def _open(layout: Layout, block: tuple[int, int], length: int) -> Read:
    position, size = block
    packed = memoryview(layout.directory.data)[position : position + size]
    return open_block(packed, layout.compression, length, is_reversed=layout.is_reversed)


def _read_rows(layout: Layout, read: Read, shape: tuple[int, int, int], row_bytes: int) -> Samples:
    """Reads rows of samples `(rows, width, samples)`; each row begins with a whole byte."""
    rows, width, samples = shape
    data = np.frombuffer(read(rows * row_bytes), np.uint8).reshape(rows, row_bytes)
    if layout.bits == 16:
        unpacked: Samples = data.view(f"{layout.directory.order}u2").astype(np.uint16, copy=False)
    elif layout.bits == 8:
        unpacked = data
    else:
        unpacked = unpack_bits(data, layout.bits)[:, : width * samples]
    values = unpacked.reshape(rows, width, samples)
    if layout.predictor == HORIZONTAL:
        values = np.cumsum(values, axis=1, dtype=values.dtype)
    return values
