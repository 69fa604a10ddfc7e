"""What every picture format must do; what a single format does is in test_png.py and so on."""

import dataclasses
import io
import subprocess
import sys
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import FORMATS, decode_image, encode_image, jpeg
from modules.object_detection.images.registry import ANNOTATED_SUFFIXES, find_format
from tests.conftest import ROOT
from tests.hostile.builders import deflated_zeros, gradient, png
from tests.hostile.builders import save as encode

PILLOW_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "tiff": "TIFF",
    "bmp": "BMP",
    "avif": "AVIF",
    "jpeg2000": "JPEG2000",
    "gif": "GIF",
    "netpbm": "PPM",
}
LOSSLESS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 100, "subsampling": 0},
    "png": {},
    "webp": {"lossless": True, "exact": True},
    "tiff": {},
    "bmp": {},
    "avif": {"quality": 100, "subsampling": "4:4:4"},
    "jpeg2000": {},
    "gif": {},
    "netpbm": {},
}
# No encoder of HEIF has a permissive licence: test_heif.py tests it with files
WRITABLE = [name for name in FORMATS if name != "heif"]
WRITTEN = [name for name, format_ in FORMATS.items() if not format_.annotated_suffix]
LOSSY = ("jpeg", "avif")
MAX_PIXELS = 1_000_000


def save(image: NDArray[np.uint8] | PIL.Image.Image, name: str, **options: Any) -> bytes:
    """Encodes with Pillow, without loss where the format allows it, else with little."""
    return encode(image, PILLOW_NAMES[name], **{**LOSSLESS[name], **options})


def decode(data: bytes) -> NDArray[np.int16]:
    """Decodes with the code under test, to RGB; int16, so that differences do not overflow."""
    return decode_image(data, max_pixels=MAX_PIXELS).pixels[..., ::-1].astype(np.int16)


@pytest.mark.parametrize("name", WRITABLE)
def test_every_format_decodes_to_the_same_pixels_as_in_pillow(name: str) -> None:
    picture = gradient(15, 15) if name == "gif" else gradient()  # a GIF has at most 256 colours
    data = save(PIL.Image.fromarray(picture), name)

    assert decode_image(data, max_pixels=MAX_PIXELS).format == name
    in_pillow = np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))
    assert abs(decode(data) - in_pillow).max() <= (3 if name == "jpeg" else 0)
    assert abs(decode(data) - picture).max() <= (4 if name in LOSSY else 0)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff", "avif"])
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
    assert abs(decoded - expected).max() <= (3 if name in LOSSY else 0)


@pytest.mark.parametrize("name", WRITABLE)
def test_grey_becomes_three_equal_channels(name: str) -> None:
    grey = gradient()[..., 0]
    decoded = decode(save(PIL.Image.fromarray(grey), name))

    assert abs(decoded - grey[..., np.newaxis]).max() <= (3 if name in LOSSY else 0)


@pytest.mark.parametrize("name", ["png", "webp", "tiff", "jpeg2000"])
def test_an_alpha_channel_is_dropped(name: str) -> None:
    rgba = np.dstack([gradient(), np.full((24, 40), 255, np.uint8)])

    assert (decode(save(PIL.Image.fromarray(rgba), name)) == gradient()).all()


@pytest.mark.parametrize("name", ["png", "tiff", "jpeg2000", "netpbm"])
def test_sixteen_bits_become_eight(name: str) -> None:
    deep = gradient()[..., 0].astype(np.uint16) * 257

    decoded = decode(save(PIL.Image.fromarray(deep), name))

    assert abs(decoded[..., 0] - gradient()[..., 0]).max() <= 1


@pytest.mark.parametrize("name", ["jpeg", "tiff"])
def test_cmyk_is_converted(name: str) -> None:
    cmyk = PIL.Image.fromarray(gradient()).convert("CMYK")

    assert abs(decode(save(cmyk, name)) - gradient()).max() <= 5


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (300, 7)])
def test_the_format_and_the_size_are_found_without_decoding(
    name: str, height: int, width: int
) -> None:
    data = save(PIL.Image.fromarray(gradient(height, width)), name)

    format_ = find_format(data)

    assert (format_.name, *format_.size(data)) == (name, width, height)


@pytest.mark.parametrize("name", WRITABLE)
def test_an_ordinary_image_is_already_safe(name: str) -> None:
    data = encode(gradient(), PILLOW_NAMES[name])

    assert FORMATS[name].make_safe(data, MAX_PIXELS) == data


def test_too_many_pixels_are_refused_before_memory_is_spent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("decoded a decompression bomb"))

    with pytest.raises(ImageError, match=r"65535 x 65535 pixels are too many: 4,294,836,225"):
        decode_image(png(65535, 65535, deflated_zeros(99)), max_pixels=100_000_000)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in WRITTEN])
def test_a_format_that_is_only_read_comes_back_as_jpeg(name: str) -> None:
    pixels = gradient()

    assert encode_image(pixels, name) == encode_image(pixels, "jpeg")
    assert FORMATS[name].media_type == FORMATS["jpeg"].media_type
    assert FORMATS[name].annotated_suffix == FORMATS["jpeg"].suffixes[0]


@pytest.mark.parametrize("name", WRITTEN)
def test_encoding_keeps_the_format_and_the_picture(name: str) -> None:
    data = encode_image(np.ascontiguousarray(gradient()[..., ::-1]), name)
    encoded = PIL.Image.open(io.BytesIO(data))

    assert encoded.format == PILLOW_NAMES[name]
    assert PIL.Image.MIME[PILLOW_NAMES[name]] == FORMATS[name].media_type
    difference = abs(np.asarray(encoded.convert("RGB")).astype(np.int16) - gradient())
    assert difference.mean() <= (3 if name in ("jpeg", "webp") else 0)


def test_one_registry_entry_is_enough_for_a_new_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that OpenCV does not know: a side of one byte each, then grey pixels."""
    new = dataclasses.replace(
        jpeg.FORMAT,
        name="new",
        recognises=lambda data: data.startswith(b"NEW"),
        read_size=lambda data: (data[3], data[4]),
        make_safe=lambda data, _: data[:11],
        decode=lambda data: np.frombuffer(data[5:], np.uint8).reshape(3, 2, 1).repeat(3, axis=2),
    )
    monkeypatch.setitem(FORMATS._formats, "new", new)

    image = decode_image(b"NEW\2\3" + bytes(range(6)) + b"garbage", max_pixels=6)

    assert (image.format, image.width, image.height) == ("new", 2, 3)
    assert image.pixels[..., 0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert encode_image(image.pixels, "new") == encode_image(image.pixels, "jpeg")
    with pytest.raises(ImageError, match="2 x 3 pixels are too many: 6"):
        decode_image(b"NEW\2\3", max_pixels=5)


def test_a_jpeg_imports_no_other_format() -> None:
    data = encode_image(gradient(), "jpeg")
    code = (
        "import sys\n"
        "from modules.object_detection.images import FORMATS, decode_image\n"
        "decode_image(sys.stdin.buffer.read(), max_pixels=10**6)\n"
        "loaded = [n for n in FORMATS if f'modules.object_detection.images.{n}' in sys.modules]\n"
        "print(loaded)"
    )

    run = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, check=True, cwd=ROOT
    )

    assert run.stdout.decode().strip() == "['jpeg']"


def test_suffixes_for_annotated_images_are_those_of_the_formats() -> None:
    added = {format_.annotated_suffix for format_ in FORMATS.values()}

    assert set(ANNOTATED_SUFFIXES) == added
