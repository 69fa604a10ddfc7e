"""HEIF and AVIF: one reader for both, so that most tests run for both."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Sequence

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
from tests.object_detection.images.heif_builder import (
    DATA,
    Builder,
    Part,
    Property,
    box,
    crop_property,
    grid,
    mirror_property,
    size_property,
    take_apart,
    turn_property,
)

RGB = gradient(64, 128)
SMALL = gradient(48, 64)  # what the files in DATA show, apart from plain.heic
MAX_PIXELS = 1_000_000
BRANDS = {"heif": (b"heic", b"mif1", b"heic"), "avif": (b"avif", b"mif1", b"avif", b"miaf")}
CODECS = pytest.mark.parametrize("name", BRANDS)


def avif(picture: NDArray[np.uint8]) -> bytes:
    return save(picture, "AVIF", quality=100, subsampling="4:4:4", speed=10)


@functools.cache
def quarters(name: str) -> list[Part]:
    """Returns four coded pictures: the quarters of `gradient(128, 128)`, row by row."""
    if name == "heif":
        return take_apart((DATA / "four-pictures.heic").read_bytes())
    whole = gradient(128, 128)
    parts = [whole[y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64)]
    return [part for picture in parts for part in take_apart(avif(picture))]


@functools.cache
def coded(name: str) -> Part:
    """Returns `RGB`, coded."""
    data = (DATA / "plain.heic").read_bytes() if name == "heif" else avif(RGB)
    return take_apart(data)[0]


def build(name: str, parts: list[Part], primary: int = 1, **options: object) -> bytes:
    return Builder(parts, primary, brands=BRANDS[name], **options).build()  # type: ignore[arg-type]


def with_properties(name: str, *properties: Property) -> bytes:
    return build(name, [coded(name).with_properties(*properties)])


def decode(data: bytes) -> NDArray[np.int16]:
    """Decodes to RGB; int16, so that differences do not overflow."""
    return decode_image(data, max_pixels=MAX_PIXELS).pixels[..., ::-1].astype(np.int16)


def assert_like(data: bytes, expected: NDArray[np.uint8], most: float = 2) -> None:
    decoded = decode(data)
    assert decoded.shape == expected.shape
    assert abs(decoded - expected).mean() < most


@pytest.mark.parametrize(
    "name", ["cropped", "ten-bits", "twelve-bits", "alpha", "premultiplied-alpha"]
)
def test_every_depth_and_alpha_of_heic_has_its_colours(name: str) -> None:
    assert_like((DATA / f"{name}.heic").read_bytes(), SMALL, 3)


@pytest.mark.parametrize("name", ["grey", "grey-ten-bits"])
def test_grey_heic_becomes_three_equal_channels(name: str) -> None:
    assert_like((DATA / f"{name}.heic").read_bytes(), np.repeat(SMALL[..., :1], 3, axis=2))


def test_the_colours_of_transparent_pixels_of_avif_stay() -> None:
    alpha = np.linspace(0, 255, 64 * 128).astype(np.uint8).reshape(64, 128, 1)
    assert_like(avif(np.dstack([RGB, alpha])), RGB)


@CODECS
def test_the_format_is_found_by_its_brands(name: str) -> None:
    assert find_format(with_properties(name)).name == name


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        ([b"heic"], "heif"),
        ([b"heix", b"mif1"], "heif"),
        ([b"mif1", b"mif1", b"heic"], "heif"),
        ([b"hevc", b"hevc", b"msf1", b"heic"], "heif"),
        ([b"mif1", b"avif", b"miaf"], "avif"),
        ([b"avis", b"avis", b"msf1", b"mif1"], "avif"),
        ([b"mif1"], "heif"),
    ],
)
def test_the_brands_that_phones_cameras_and_browsers_write_are_known(
    brands: Sequence[bytes], name: str
) -> None:
    file = box(b"ftyp", brands[0], bytes(4), *brands[1:])

    assert find_format(file + box(b"meta")).name == name


@pytest.mark.parametrize(
    ("brand", "kind"),
    [
        (b"isom", "a video"),
        (b"qt  ", r"a video \(QuickTime\)"),
        (b"crx ", r"a camera's raw file \(CR3\)"),
    ],
)
def test_videos_and_raw_files_built_of_the_same_boxes_are_refused(brand: bytes, kind: str) -> None:
    with pytest.raises(ImageError, match=kind):
        find_format(box(b"ftyp", brand, bytes(4), b"isom", b"mp42"))


@CODECS
@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_file_s_own_turns_and_reflections_are_applied(
    name: str, quarter_turns: int, axis: int | None
) -> None:
    properties = [turn_property(quarter_turns)]
    expected = np.rot90(RGB, quarter_turns)
    if axis is not None:
        properties.append(mirror_property(axis))
        expected = np.flip(expected, axis)

    assert_like(with_properties(name, *properties), expected)


@CODECS
@pytest.mark.parametrize("quarter_turns", [0, 3])
def test_the_orientation_in_exif_only_repeats_the_file_s_own(name: str, quarter_turns: int) -> None:
    """Phones write both: a reader that obeys both turns the picture twice."""
    block = bytes(4) + b"Exif\0\0" + exif((0x0112, "H", [6]))
    picture = coded(name).with_properties(turn_property(quarter_turns))
    data = build(name, [picture, Part(b"Exif", [], block)], references=[(b"cdsc", 2, [1])])

    assert_like(data, np.rot90(RGB, quarter_turns))


@CODECS
def test_a_broken_exif_block_does_not_matter(name: str) -> None:
    parts = [coded(name), Part(b"Exif", [], bytes(4) + b"garbage")]

    assert_like(build(name, parts, references=[(b"cdsc", 2, [1])]), RGB)


@CODECS
@pytest.mark.parametrize(("width", "height"), [(128, 128), (100, 90)])
def test_a_grid_is_put_together(name: str, width: int, height: int) -> None:
    parts = [*quarters(name), grid(2, 2, width, height)]
    data = build(name, parts, 5, references=[(b"dimg", 5, [1, 2, 3, 4])])

    assert find_format(data).size(data) == (width, height)
    assert_like(data, gradient(128, 128)[:height, :width])


@CODECS
def test_the_primary_picture_is_shown_not_the_first(name: str) -> None:
    assert_like(build(name, quarters(name), primary=4), gradient(128, 128)[64:, 64:])


@CODECS
@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("axis", [0, 1])
def test_the_clean_aperture_is_cut_out_before_turns(
    name: str, quarter_turns: int, axis: int
) -> None:
    crop = crop_property(20, 30, -20, 6)
    data = with_properties(name, crop, turn_property(quarter_turns), mirror_property(axis))
    left, top = 64 - 10 - 10, 32 - 15 + 3
    part = RGB[top : top + 30, left : left + 20]

    assert find_format(data).size(data) == (20, 30)
    assert_like(data, np.flip(np.rot90(part, quarter_turns), axis))


@CODECS
@pytest.mark.parametrize("kind", [b"prof", b"nclx"])
def test_wide_colours_become_srgb(name: str, kind: bytes) -> None:
    profile = make_profile(12, 13)
    # The matrix and the range of the file stay, because they belong to its coding
    coding = next((body[8:] for kind, body in coded(name).properties if kind == b"colr"), b"")
    numbers = struct.pack(">HH", 12, 13) + (coding if len(coding) == 3 else b"\0\6\x80")
    colours = kind + (profile if kind == b"prof" else numbers)
    narrow = PIL.ImageCms.profileToProfile(
        PIL.Image.fromarray(RGB),
        PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        PIL.ImageCms.createProfile("sRGB"),
    )

    assert abs(np.asarray(narrow).astype(int) - RGB).mean() > 5
    assert_like(with_properties(name, (b"colr", colours)), np.asarray(narrow), 3)


@CODECS
def test_a_still_picture_before_a_sequence_is_read(name: str) -> None:
    brands = {"heif": (b"hevc", b"msf1", b"heic"), "avif": (b"avis", b"msf1", b"avif")}
    data = Builder([coded(name)], brands=brands[name], after=box(b"free", bytes(99))).build()

    assert_like(data, RGB)


def test_the_first_frame_of_an_animated_avif_is_read() -> None:
    second = PIL.Image.fromarray(255 - RGB)
    options = {"save_all": True, "append_images": [second], "quality": 100}

    assert_like(save(RGB, "AVIF", subsampling="4:4:4", **options), RGB)


@CODECS
def test_a_sequence_without_a_still_picture_is_refused(name: str) -> None:
    file = box(b"ftyp", BRANDS[name][0], bytes(4), b"msf1") + box(b"moov")

    with pytest.raises(ImageError, match="only a sequence of frames, no still picture"):
        decode(file)


@CODECS
def test_a_header_that_lies_about_the_coded_size_is_refused_before_decoding(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_heif.open_heif", lambda *_, **__: pytest.fail("decoded"))
    large = take_apart(avif(gradient(300, 2000)))[0] if name == "avif" else coded(name)
    claimed = (20, 10) if name == "avif" else (0, 64)

    with pytest.raises(ImageError, match=r"states 20 x 10 pixels, but 2000 x 300 are coded|0 x 64"):
        decode(build(name, [large.with_properties(size_property(*claimed))]))


def test_a_small_lie_about_the_size_is_found_after_decoding() -> None:
    with pytest.raises(
        ImageError, match=r"of 90 x 50 .* cannot be decoded: .* does not have the size"
    ):
        decode(with_properties("heif", size_property(90, 50)))


@CODECS
def test_too_many_pixels_are_refused(name: str) -> None:
    with pytest.raises(ImageError, match="128 x 64 pixels are too many: 8,192"):
        decode_image(with_properties(name), max_pixels=8191)


@CODECS
@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (lambda one: [Part(b"avc1", one.properties, one.data)], r"coded as 'avc1' \(H.264\)"),
        (lambda one: [Part(one.kind, [], one.data)], "does not state its size"),
        (
            lambda one: [one.with_properties((b"hvcC", b""), (b"av1C", b""))],
            "cut off in a picture's header|cannot be decoded",
        ),
        (lambda one: [one.with_properties(crop_property(20, 20, 999, 0))], "aperture is outside"),
        (lambda one: [one.with_properties((b"clap", bytes(32)))], "a denominator of 0"),
        (lambda one: [grid(2, 2, 128, 128), one], "coded as 'grid'"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, parts: object, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode(build(name, parts(coded(name))))  # type: ignore[operator]


@CODECS
@pytest.mark.parametrize(
    ("columns", "size", "reason"),
    [
        (3, (128, 128), "grid of 3 x 2 tiles has 4 tiles"),
        (2, (60, 128), "2 x 2 tiles of 64 x 64 pixels do not fit its 60 x 128 pixels"),
        (2, (129, 128), "do not fit"),
    ],
)
def test_a_grid_that_its_tiles_do_not_fill_is_refused(
    name: str, columns: int, size: tuple[int, int], reason: str
) -> None:
    parts = [*quarters(name), grid(columns, 2, *size)]

    with pytest.raises(ImageError, match=reason):
        decode(build(name, parts, 5, references=[(b"dimg", 5, [1, 2, 3, 4])]))


@CODECS
def test_a_file_that_is_cut_off_anywhere_is_refused(name: str) -> None:
    data = with_properties(name)
    for eighth in range(1, 8):
        with pytest.raises(ImageError, match=rf"a {name.upper()} "):
            decode(data[: len(data) * eighth // 8])
