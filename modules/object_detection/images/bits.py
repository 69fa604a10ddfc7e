"""Reads single bits, as the headers of video codecs need it; see `Bits`."""

from __future__ import annotations

import struct

_MAX_PREFIX = 32  # of an Exp-Golomb number of 32 bits


class Bits:
    """A position in data that moves by bits, the highest bit of a byte first.

    >>> bits = Bits(bytes([0b10100110]))
    >>> bits.read(3), bits.read_exp_golomb()
    (5, 5)
    """

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        """Reads `count` bits as an unsigned number.

        Raises:
            struct.error: the data end before.
        """
        if count > self._left:
            raise struct.error("the data end before the header does")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def read_exp_golomb(self) -> int:
        """Reads an unsigned Exp-Golomb number (ITU-T H.265, 9.2).

        Raises:
            struct.error: the data end before, or the number has more than 32 bits.
        """
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > _MAX_PREFIX:
                raise struct.error("an Exp-Golomb number of more than 32 bits")
        return (1 << zeros) - 1 + self.read(zeros)
