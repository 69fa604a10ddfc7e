"""Raw files of cameras are refused by name; other TIFFs of cameras are read."""

from __future__ import annotations

import struct

import pytest

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import HEIGHT, WIDTH, Entry, gradient, save, tiff, tiff_directory

PIXELS = gradient()[..., 0].tobytes()


def make(name: str) -> Entry:
    """Returns the tag Make."""
    return 271, "B", name.encode() + b"\0"


def thumbnail(*entries: Entry, below: tuple[Entry, ...] = ()) -> bytes:
    """Builds a TIFF of a thumbnail, as raw files begin, and a page below it."""
    start = tiff(WIDTH, HEIGHT, PIXELS, extra=[*entries, (254, "I", [1]), (330, "I", [0])])
    at = len(start) + len(start) % 2
    first = tiff(WIDTH, HEIGHT, PIXELS, extra=[*entries, (254, "I", [1]), (330, "I", [at])])
    page = tiff_directory([(256, "I", [6000]), (257, "I", [4000]), *below], at=at)
    return first.ljust(at, b"\0") + page


MOSAIC: Entry = (262, "H", [32803])
LINEAR: Entry = (262, "H", [34892])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("NEF", thumbnail(make("NIKON CORPORATION"), below=(MOSAIC,))),
        ("NEF", thumbnail(make("NIKON CORPORATION"), below=((259, "H", [34713]),))),
        ("ARW", thumbnail(make("SONY"), below=((259, "H", [32767]),))),
        ("PEF", tiff(WIDTH, HEIGHT, PIXELS, extra=[make("PENTAX"), (259, "H", [65535])])),
        ("SRW", thumbnail(make("SAMSUNG"), below=((259, "H", [32770]),))),
        ("3FR", thumbnail(make("Hasselblad"), below=(MOSAIC,))),
        ("DNG", thumbnail(make("Apple"), (50706, "B", [1, 4, 0, 0]), below=(LINEAR,))),
        ("DNG", tiff(WIDTH, HEIGHT, PIXELS, extra=[(50706, "B", [1, 4, 0, 0]), LINEAR])),
        ("TIFF/EP", thumbnail(make("A maker of cameras"), below=(MOSAIC,))),
        ("TIFF/EP", thumbnail(make("A maker of cameras"))),
        ("TIFF/EP", tiff(WIDTH, HEIGHT, PIXELS, extra=[MOSAIC])),
        ("CR2", b"II*\0\x10\0\0\0CR\2\0" + bytes(40)),
        ("CR3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"),
        ("RAF", b"FUJIFILMCCD-RAW 0201FF383501"),
        ("ORF", b"IIRO\x08\0\0\0" + bytes(40)),
        ("RW2", b"IIU\0\x18\0\0\0" + bytes(40)),
        ("X3F", b"FOVb" + bytes(40)),
        ("CRW", b"II\x1a\0\0\0HEAPCCDR" + bytes(40)),
        ("MRW", b"\0MRM" + bytes(40)),
    ],
)
def test_a_raw_file_is_refused_by_name(name: str, data: bytes) -> None:
    """Reading its first page would process the thumbnail in silence."""
    with pytest.raises(ImageError, match=rf"a camera's raw file \({name}\), not a supported image"):
        decode_image(data, max_pixels=1_000_000)


@pytest.mark.parametrize(
    "data",
    [
        tiff(WIDTH, HEIGHT, PIXELS, extra=[make("NIKON CORPORATION")]),
        tiff(WIDTH, HEIGHT, PIXELS, extra=[make("Canon"), (254, "I", [0])]),
        tiff(WIDTH, HEIGHT, PIXELS, extra=[(254, "I", [1])]),
        tiff(8, 8, b"I" * 64),
        save(gradient(), "TIFF"),
    ],
    ids=["of a camera", "of a camera, full size", "first page reduced", "grey IIII", "plain"],
)
def test_another_tiff_is_read(data: bytes) -> None:
    assert decode_image(data, max_pixels=1_000_000).format == "tiff"


def test_a_full_picture_with_a_smaller_one_below_it_is_read() -> None:
    """Pyramids of microscopes and Photoshop's TIFFs have smaller pictures below the first."""
    at = 4096
    extra: list[Entry] = [make("Microscope"), (330, "I", [at])]
    data = tiff(WIDTH, HEIGHT, PIXELS, extra=extra).ljust(at, b"\0")
    data += tiff_directory([(254, "I", [1]), (256, "I", [9]), (257, "I", [9])], at=at)

    assert decode_image(data, max_pixels=1_000_000).format == "tiff"


def test_directories_in_a_circle_end() -> None:
    data = tiff(WIDTH, HEIGHT, PIXELS)
    (at,) = struct.unpack_from("<I", data, 4)
    circle = tiff(WIDTH, HEIGHT, PIXELS, extra=[(330, "I", [at])])

    assert find_format(circle).name == "tiff"
