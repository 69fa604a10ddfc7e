"""Reads the size of pictures in AV1 data, the video codec of AVIF; see `read_coded_size`."""

from __future__ import annotations

import struct

from .bits import Bits

_SEQUENCE_HEADER = 1  # obu_type (AV1 specification, 6.2.2)
_CONFIGURATION_BYTES = 4  # of an `av1C` box, before its OBUs
_HEADER_BYTES = 512  # more than the fields up to the size take, with 32 operating points


def read_coded_size(configuration: bytes, data: bytes) -> tuple[int, int]:
    """Returns the largest width and height in any sequence header; (0, 0) without one.

    Args:
        configuration: the body of an `av1C` box.
        data: an item's data: OBUs.

    Raises:
        struct.error: a header is cut off or broken.
    """
    width = height = 0
    for part in (configuration[_CONFIGURATION_BYTES:], data):
        position = 0
        while position < len(part):
            kind, start, end = _read_obu(part, position)
            if kind == _SEQUENCE_HEADER:
                size = _read_size(part[start : min(end, start + _HEADER_BYTES)])
                width, height = max(width, size[0]), max(height, size[1])
            position = end
    return width, height


def _read_obu(data: bytes, position: int) -> tuple[int, int, int]:
    """Reads an OBU's header: its type, and where its content starts and ends (5.3)."""
    header = data[position]
    position += 2 if header & 4 else 1  # with an extension
    if not header & 2:  # without a size, it extends to the end
        return header >> 3 & 15, position, len(data)
    size = shift = 0
    while True:
        (byte,) = struct.unpack_from("B", data, position)
        position += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80 or shift > 56:
            return header >> 3 & 15, position, position + size


def _read_size(header: bytes) -> tuple[int, int]:
    """Reads max_frame_width and max_frame_height (5.5.1)."""
    bits = Bits(header)
    bits.read(3 + 1)  # seq_profile, still_picture
    if bits.read(1):  # reduced_still_picture_header
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _skip_operating_points(bits: Bits) -> None:
    delay_bits = 0
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)
        if bits.read(1):  # equal_picture_interval
            _skip_uvlc(bits)
        if bits.read(1):  # decoder_model_info_present_flag
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    has_display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)  # operating_point_idc
        if bits.read(5) > 7:  # seq_level_idx
            bits.read(1)
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_display_delay and bits.read(1):
            bits.read(4)


def _skip_uvlc(bits: Bits) -> None:
    zeros = 0
    while not bits.read(1):
        zeros += 1
    if zeros < 32:
        bits.read(zeros)
