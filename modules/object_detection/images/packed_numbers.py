"""Unpacks numbers of any count of bits, as TIFF and BMP store them; see `unpack_bits`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]  # uint8 or uint16


def unpack_bits(rows: NDArray[np.uint8], bits: int) -> Numbers:
    """Unpacks numbers of 1 to 15 bits, the most significant bit first, `(H, bytes)` to `(H, N)`.

    >>> unpack_bits(np.array([[0x12, 0x34, 0x56]], np.uint8), 4).tolist()
    [[1, 2, 3, 4, 5, 6]]
    >>> unpack_bits(np.array([[0x12, 0x34, 0x56]], np.uint8), 12).tolist()
    [[291, 1110]]
    """
    height, count = rows.shape
    if bits in (1, 2, 4):
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        return np.asarray((rows[..., np.newaxis] >> shifts) & (2**bits - 1)).reshape(height, -1)
    numbers = count * 8 // bits
    each = np.unpackbits(rows, axis=1, count=numbers * bits).reshape(height, numbers, bits)
    result = np.zeros((height, numbers), np.uint16)
    for bit in range(bits):
        result = (result << 1) | each[..., bit]
    return result
