import io
import struct
import zlib
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import FORMATS, decode_image, encode_image
from modules.object_detection.images.header import read_header
from tests.hostile.builders import gradient
from tests.hostile.builders import save as encode

PILLOW_NAMES = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP"}
LOSSLESS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 100, "subsampling": 0},
    "png": {},
    "webp": {"lossless": True, "exact": True},
    "tiff": {},
    "bmp": {},
}
MAX_PIXELS = 1_000_000


def save(image: NDArray[np.uint8] | PIL.Image.Image, name: str, **options: Any) -> bytes:
    """As Pillow writes the format without loss, or with as little as it can."""
    return encode(image, PILLOW_NAMES[name], **{**LOSSLESS[name], **options})


def decode(data: bytes) -> NDArray[np.int16]:
    """Our pixels as RGB, wide enough to subtract."""
    return decode_image(data, max_pixels=MAX_PIXELS).pixels[..., ::-1].astype(np.int16)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_to_what_pillow_sees(name: str) -> None:
    data = save(PIL.Image.fromarray(gradient()), name)

    assert decode_image(data, max_pixels=MAX_PIXELS).format == name
    assert abs(decode(data) - gradient()).max() <= (3 if name == "jpeg" else 0)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(name: str, orientation: int) -> None:
    image = PIL.Image.fromarray(gradient())
    exif = image.getexif()
    exif[0x0112] = orientation
    data = save(image, name, exif=exif)

    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data))).convert("RGB"))
    decoded = decode(data)

    assert decoded.shape == expected.shape
    assert abs(decoded - expected).max() <= (3 if name == "jpeg" else 0)


@pytest.mark.parametrize("name", FORMATS)
def test_grey_becomes_three_equal_channels(name: str) -> None:
    grey = gradient()[..., 0]
    decoded = decode(save(PIL.Image.fromarray(grey), name))

    assert abs(decoded - grey[..., np.newaxis]).max() <= (3 if name == "jpeg" else 0)


@pytest.mark.parametrize("name", ["png", "webp", "tiff"])
def test_an_alpha_channel_is_dropped(name: str) -> None:
    rgba = np.dstack([gradient(), np.full((24, 40), 255, np.uint8)])

    assert (decode(save(PIL.Image.fromarray(rgba), name)) == gradient()).all()


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_sixteen_bits_become_eight(name: str) -> None:
    deep = gradient()[..., 0].astype(np.uint16) * 257

    decoded = decode(save(PIL.Image.fromarray(deep), name))

    assert abs(decoded[..., 0] - gradient()[..., 0]).max() <= 1


@pytest.mark.parametrize("name", ["jpeg", "tiff"])
def test_cmyk_is_converted(name: str) -> None:
    cmyk = PIL.Image.fromarray(gradient()).convert("CMYK")

    assert abs(decode(save(cmyk, name)) - gradient()).max() <= 5


@pytest.mark.parametrize("mode", ["P", "1"])
def test_palettes_and_bits_are_read(mode: str) -> None:
    image = PIL.Image.fromarray(gradient()).convert(mode)

    assert (decode(save(image, "png")) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (300, 7)])
def test_the_header_tells_format_and_size(name: str, height: int, width: int) -> None:
    header = read_header(save(PIL.Image.fromarray(gradient(height, width)), name))

    assert (header.format, header.width, header.height) == (name, width, height)


@pytest.mark.parametrize(
    "options",
    [
        {"lossless": False},
        {"lossless": True},
        {"lossless": False, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
    ],
)
def test_the_header_of_every_kind_of_webp(options: dict[str, Any]) -> None:
    header = read_header(save(PIL.Image.fromarray(gradient(30, 50)), "webp", **options))

    assert (header.width, header.height) == (50, 30)


def test_the_header_of_a_progressive_jpeg_with_a_thumbnail_in_its_exif() -> None:
    image = PIL.Image.fromarray(gradient(30, 50))
    exif = image.getexif()
    exif[0x010E] = save(PIL.Image.fromarray(gradient(3, 4)), "jpeg").decode("latin-1")[:60]

    header = read_header(save(image, "jpeg", progressive=True, exif=exif))

    assert (header.width, header.height) == (50, 30)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_header_of_a_big_tiff(order: str) -> None:
    data = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
    data += struct.pack(f"{order}Q", 2)
    data += struct.pack(f"{order}HHQI4x", 256, 4, 1, 70_000)
    data += struct.pack(f"{order}HHQQ", 257, 16, 1, 80_000)

    header = read_header(data)

    assert (header.width, header.height) == (70_000, 80_000)


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header speaks of billions of pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def test_too_many_pixels_are_refused_before_memory_is_spent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("decoded a decompression bomb"))

    with pytest.raises(ImageError, match=r"65535 x 65535 pixels are too many: 4,294,836,225"):
        decode_image(png_that_claims(65535, 65535), max_pixels=100_000_000)


@pytest.mark.parametrize("name", FORMATS)
def test_encoding_keeps_format_and_picture(name: str) -> None:
    data = encode_image(np.ascontiguousarray(gradient()[..., ::-1]), name)
    seen = PIL.Image.open(io.BytesIO(data))

    assert seen.format == PILLOW_NAMES[name]
    difference = abs(np.asarray(seen.convert("RGB")).astype(np.int16) - gradient())
    assert difference.mean() <= (3 if name in ("jpeg", "webp") else 0)


def test_an_image_too_large_for_its_format_is_refused() -> None:
    with pytest.raises(ImageError, match="cannot be encoded as WEBP"):
        encode_image(np.zeros((1, 20_000, 3), np.uint8), "webp")
