from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.nclx import make_profile
from modules.object_detection.images.registry import find_format
from tests.hostile.builders import exif, gradient, save
from tests.object_detection.images.heif_builder import DATA, box

RGB = gradient()
GREY = RGB[..., 0]
SRGB, GREYSCALE, CMYK, LAB = 16, 17, 12, 14
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def decode(data: bytes) -> NDArray[np.int16]:
    """Decodes to RGB; int16, so that differences do not overflow."""
    image = decode_image(data, max_pixels=1_000_000)
    assert image.format == "jpeg2000"
    return image.pixels[..., ::-1].astype(np.int16)


def codestream(picture: NDArray[np.uint8], **options: object) -> bytes:
    return save(picture, "JPEG2000", no_jp2=True, **options)


def jp2(
    stream: bytes,
    *more: bytes,
    colours: bytes = b"\1\0\0" + struct.pack(">I", SRGB),
    size: tuple[int, int] = (40, 24),
    channels: int = 3,
    after: bytes = b"",
) -> bytes:
    """Builds a JP2. more: boxes of the header, after the colours. after: boxes before the end."""
    header = struct.pack(">IIHBBBB", size[1], size[0], channels, 7, 7, 0, 0)
    return b"".join(
        (
            box(b"jP  ", b"\r\n\x87\n"),
            box(b"ftyp", b"jp2 \0\0\0\0jp2 "),
            box(b"jp2h", box(b"ihdr", header), box(b"colr", colours), *more),
            after,
            box(b"jp2c", stream),
        )
    )


def palette(colours: list[tuple[int, int, int]], *, depth: int = 7) -> bytes:
    """Builds a palette, and the box that maps the first channel to its three columns."""
    entries = b"".join(bytes(colour) for colour in colours)
    body = struct.pack(">HB", len(colours), 3) + bytes([depth] * 3) + entries
    return box(b"pclr", body) + box(b"cmap", b"".join(bytes((0, 0, 1, at)) for at in range(3)))


@pytest.mark.parametrize("options", [{}, {"tile_size": (16, 16)}, {"irreversible": True}])
def test_a_bare_codestream_is_decoded(options: dict[str, object]) -> None:
    data = codestream(RGB, **options)

    assert find_format(data).size(data) == (40, 24)
    assert abs(decode(data) - RGB).mean() < (3 if options.get("irreversible") else 0.001)


def test_boxes_around_a_codestream_are_read() -> None:
    assert (decode(jp2(codestream(RGB))) == RGB).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1-bit", np.repeat((GREY >> 7)[..., np.newaxis] * np.uint8(255), 3, axis=2)),
        ("4-bits", np.repeat((GREY >> 4)[..., np.newaxis] * np.uint8(17), 3, axis=2)),
        ("12-bits", RGB),
    ],
)
def test_other_depths_become_8_bits(name: str, expected: NDArray[np.uint8]) -> None:
    assert abs(decode((DATA / f"{name}.j2k").read_bytes()) - expected).max() <= 1


def test_a_palette_with_a_colour_twice_keeps_its_places() -> None:
    colours = [(0, 0, 0), (255, 0, 0), (255, 0, 0), (0, 0, 255)]
    indices = (GREY >> 6).astype(np.uint8)
    data = jp2(codestream(indices), palette(colours), channels=1)

    assert (decode(data) == np.array(colours)[indices]).all()


def test_the_indices_of_a_palette_may_have_fewer_than_8_bits() -> None:
    colours = [(17 * at, 255 - 17 * at, 9) for at in range(16)]
    stream = (DATA / "4-bits.j2k").read_bytes()
    data = jp2(stream, palette(colours), channels=1)

    assert (decode(data) == np.array(colours)[GREY >> 4]).all()


def test_cmyk_becomes_rgb() -> None:
    cmyk = np.asarray(PIL.Image.fromarray(RGB).convert("CMYK"))
    stream = codestream(np.ascontiguousarray(cmyk), mct=0)
    data = jp2(stream, colours=b"\1\0\0" + struct.pack(">I", CMYK), channels=4)

    assert abs(decode(data) - RGB).mean() <= 3


def test_the_alpha_of_grey_is_dropped() -> None:
    data = save(PIL.Image.fromarray(np.dstack([GREY, 255 - GREY]), "LA"), "JPEG2000")

    assert (decode(data) == GREY[..., np.newaxis]).all()


def test_wide_colours_become_srgb() -> None:
    profile = make_profile(12, 13)
    data = jp2(codestream(RGB), colours=b"\2\0\0" + profile)
    source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = PIL.ImageCms.createProfile("sRGB")
    expected = PIL.ImageCms.profileToProfile(PIL.Image.fromarray(RGB), source, target)

    assert abs(decode(data) - np.asarray(expected)).mean() < 1


@pytest.mark.parametrize(
    "body",
    [b"JpgTiffExif->JP2" + exif((0x0112, "H", [6])), XMP + b'<x tiff:Orientation="6"/>'],
    ids=["EXIF", "XMP"],
)
def test_the_orientation_of_exif_and_xmp_boxes_counts(body: bytes) -> None:
    data = jp2(codestream(RGB), after=box(b"uuid", body))

    assert (decode(data) == np.rot90(RGB, -1)).all()


def coded_as(stream: bytes, *, layers: int = 1, precincts: bytes = b"") -> bytes:
    """Returns a codestream whose COD segment states other layers and precincts."""
    at = stream.index(b"\xff\x52")
    (length,) = struct.unpack_from(">H", stream, at + 2)
    body = bytearray(stream[at + 4 : at + 2 + length])
    struct.pack_into(">H", body, 2, layers)
    if precincts:
        body[0] |= 1
        body[5] = len(precincts) - 1
    segment = bytes(body[:10]) + precincts
    packed = b"\xff\x52" + struct.pack(">H", len(segment) + 2) + segment
    return stream[:at] + packed + stream[at + 2 + length :]


def with_short_tile_part(stream: bytes) -> bytes:
    """Returns a codestream with a comment in its tile's header, in the middle of which it ends."""
    at = stream.index(b"\xff\x90")
    comment = b"\xff\x64" + struct.pack(">H", 20) + bytes(18)
    header = stream[at : at + 6] + struct.pack(">I", 14) + stream[at + 10 : at + 12]
    return stream[:at] + header + comment + stream[at + 12 :]


def sized(stream: bytes, width: int, height: int, tile: tuple[int, int]) -> bytes:
    """Returns a codestream that states another size of the picture and its tiles."""
    sizes = struct.pack(">8I", width, height, 0, 0, *tile, 0, 0)
    return stream[:8] + sizes + stream[40:]


LARGE = gradient(1000, 1000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sized(codestream(RGB), 60000, 60000, (512, 512)), "60000 x 60000 pixels are too many"),
        (jp2(sized(codestream(RGB), 9000, 9, (9, 9))), "header states another size than its 9000"),
        (sized(codestream(RGB), 40, 24, (0, 24)), "tiles of 0 x 24 pixels"),
        (sized(codestream(RGB), 1000, 900, (1, 1)), "it has 900,000 tiles"),
        (codestream(LARGE), r"tiles of 1000 x 1000 takes \d+ MB to decode; .* Smaller tiles"),
        (sized(codestream(RGB), 1000, 900, (4, 4)), "takes [0-9,]+ MB to decode"),
        (coded_as(codestream(LARGE), precincts=bytes(6)), "takes .* MB|millions of tiny packets"),
        (coded_as(codestream(RGB), layers=65535, precincts=b"\1" * 6), "millions of tiny packets"),
        (with_short_tile_part(codestream(RGB)), "part of a tile ends before its header does"),
        (codestream(RGB)[:30], "a JPEG2000 that is cut off in its header"),
        (jp2(codestream(RGB))[:77], "it has no jp2h or no jp2c box"),
        (jp2(b"\xff\xd8\xff"), "codestream does not begin with its size"),
        (jp2(codestream(RGB), colours=b"\1\0\0" + struct.pack(">I", LAB)), "of number 14"),
        (jp2(codestream(RGB), palette([(0, 0, 0)], depth=15), channels=1), "of 16, 16, 16 bits"),
        (jp2(codestream(RGB), box(b"pclr", b"\0\1\3\7\7\7")), "cut off in its header"),
        (jp2(codestream(RGB), palette([(0, 0, 0)])), "also channels besides the indices"),
        (
            jp2(codestream(RGB), box(b"cdef", struct.pack(">10H", 3, 0, 0, 3, 1, 0, 2, 2, 0, 1))),
            "not in the order red, green, blue",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode(data)


def test_a_picture_in_small_tiles_takes_less_memory_and_is_decoded() -> None:
    assert decode(codestream(LARGE, tile_size=(128, 128))).shape == (1000, 1000, 3)


def test_a_file_that_is_cut_off_anywhere_is_refused() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    data = save(noise, "JPEG2000")
    for eighth in range(1, 8):
        with pytest.raises(ImageError, match="a JPEG2000 "):
            decode(data[: len(data) * eighth // 8])
