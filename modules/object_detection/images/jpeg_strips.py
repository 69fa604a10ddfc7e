"""Encodes a JPEG on several cores at once; see `encode_jpeg`.

With a restart marker after each row of MCUs, every row is coded by itself (ITU T.81, E.1.4). So a
strip of the picture, encoded alone, has the very bytes that it has in the whole, as long as the
markers, which count from 0 to 7, begin at 0 in it. libjpeg-turbo encodes the strips, here they are
put one after the other, and the bytes are the same whatever the strips were.
"""

from __future__ import annotations

import itertools
import struct
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from .jpeg_markers import segments

_MCU = 16  # pixels a side, where colours have half the resolution
_MARKERS = 8  # rows until the markers begin anew
_STEP = _MARKERS * _MCU
_LEAST_PIXELS = 500_000  # of a strip; a thread for less is not worth while
_START_OF_FRAME, _START_OF_SCAN = 0xC0, 0xDA
_END = b"\xff\xd9"
_LAST_MARKER = b"\xff\xd7"


def encode_jpeg(pixels: NDArray[np.uint8], *, quality: int, threads: int) -> bytes:
    """A baseline JPEG, 4:2:0, of `(H, W, 3)` uint8 BGR; the same bytes for any number of threads.

    Raises:
        cv2.error, ImageError: JPEG cannot hold an image of this size.
    """
    height, width = pixels.shape[:2]
    options = (
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
        *(cv2.IMWRITE_JPEG_RST_INTERVAL, -(-width // _MCU)),
    )

    def encode(strip: NDArray[np.uint8]) -> bytes:
        done, data = cv2.imencode(".jpg", strip, options)
        if not done:
            raise ImageError("cannot be encoded as JPEG")
        return bytes(data)

    steps = -(-height // _STEP)
    count = max(1, min(threads, steps, height * width // _LEAST_PIXELS))
    if count == 1:
        return encode(pixels)
    edges = [steps * number // count * _STEP for number in range(count)] + [height]
    strips = [pixels[top:end] for top, end in itertools.pairwise(edges)]
    with ThreadPoolExecutor(count - 1) as others:
        later = others.map(encode, strips[1:])
        parts = [encode(strips[0]), *later]
    header = bytearray(parts[0][: _scan(parts[0])])
    position = next(at for marker, at in segments(parts[0]) if marker == _START_OF_FRAME)
    struct.pack_into(">H", header, position + 1, height)  # after the bits of a sample
    scans = [part[_scan(part) : -len(_END)] for part in parts]
    return bytes(header) + _LAST_MARKER.join(scans) + _END


def _scan(data: bytes) -> int:
    """Where a JPEG's one scan has its coded data: after its header."""
    position = next(at for marker, at in segments(data) if marker == _START_OF_SCAN)
    (length,) = struct.unpack_from(">H", data, position - 2)
    return int(position - 2 + length)
