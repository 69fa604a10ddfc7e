"""Reads the size of pictures in HEVC data, the video codec of HEIC; see `read_coded_size`."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .bits import Bits

_SEQUENCE_PARAMETERS = 33  # nal_unit_type (ITU-T H.265, table 7-1)
_HEADER_BYTES = 64  # more than the fields up to the size take, with seven sub-layers
_MAX_UNITS = 1 << 16


def read_coded_size(configuration: bytes, data: bytes) -> tuple[int, int]:
    """Returns the largest width and height in any sequence parameter set; (0, 0) without one.

    Args:
        configuration: the body of an `hvcC` box (ISO/IEC 14496-15, 8.3.3.1.2).
        data: an item's data: NAL units, each after its length.

    Raises:
        struct.error: the configuration is cut off, or a set is broken.
    """
    length_size = 1 + (struct.unpack_from("B", configuration, 21)[0] & 3)
    width = height = 0
    for unit in (*_configured_units(configuration), *_units(data, length_size)):
        if len(unit) > 2 and unit[0] >> 1 & 0x3F == _SEQUENCE_PARAMETERS:
            size = _read_size(unit[2:])
            width, height = max(width, size[0]), max(height, size[1])
    return width, height


def _configured_units(configuration: bytes) -> Iterator[bytes]:
    (arrays,) = struct.unpack_from("B", configuration, 22)
    position = 23
    for _ in range(arrays):
        (count,) = struct.unpack_from(">H", configuration, position + 1)
        position += 3
        for _ in range(count):
            (length,) = struct.unpack_from(">H", configuration, position)
            yield configuration[position + 2 : position + 2 + min(length, _HEADER_BYTES)]
            position += 2 + length


def _units(data: bytes, length_size: int) -> Iterator[bytes]:
    position = count = 0
    while position + length_size < len(data):
        count += 1
        if count > _MAX_UNITS:
            raise struct.error("more NAL units than any picture has")
        length = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        yield data[position : position + min(length, _HEADER_BYTES)]
        position += length


def _read_size(unit: bytes) -> tuple[int, int]:
    """Reads the size in a sequence parameter set after its NAL header (H.265, 7.3.2.2)."""
    # Three zeros in a row cannot occur; a 3 is put between them (7.4.2)
    bits = Bits(unit.replace(b"\0\0\3", b"\0\0"))
    bits.read(4)  # sps_video_parameter_set_id
    sub_layers = bits.read(3)
    bits.read(1 + 88 + 8)  # temporal nesting; the profile; the level
    present = [(bits.read(1), bits.read(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.read(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.read(88 * has_profile + 8 * has_level)
    bits.read_exp_golomb()  # sps_seq_parameter_set_id
    if bits.read_exp_golomb() == 3:  # chroma_format_idc
        bits.read(1)  # separate_colour_plane_flag
    return bits.read_exp_golomb(), bits.read_exp_golomb()
