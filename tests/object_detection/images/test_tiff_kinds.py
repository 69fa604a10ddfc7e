"""TIFFs of every depth, layout, compression and alpha have the pixels that were put into them."""

import io
import itertools
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PIL import ImageCms

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.object_detection.images.colour_profile import convert_to_srgb
from tests.hostile.builders import gradient, save
from tests.object_detection.images.profiles import (
    WIDE,
    cmyk_profile,
    gamma_curve,
    grey_profile,
)
from tests.object_detection.images.tiff_files import (
    COMPRESS,
    DEFLATE,
    LZW,
    NONE,
    PACKBITS,
    build_tiff,
)

RGB = gradient(37, 51).astype(np.float64)
GREY = RGB[..., 1:2]
MAX_ERROR = 2.0  # levels of 255, beside what the depth itself loses
WHITE_IS_ZERO, BLACK_IS_ZERO, COLOURS, PALETTE, CMYK, LAB = 0, 1, 2, 3, 5, 8
STRAIGHT, PREMULTIPLIED = 2, 1


def decode(data: bytes) -> NDArray[np.float64]:
    return decode_image(data, max_pixels=1_000_000).pixels[..., ::-1].astype(np.float64)


def to_depth(levels: NDArray[np.float64], bits: int) -> NDArray[np.uint16]:
    """Scales 0 to 255 to numbers of `bits` bits."""
    return np.asarray(np.round(levels * (2**bits - 1) / 255), np.uint16)


def to_levels(samples: NDArray[np.uint16], bits: int) -> NDArray[np.float64]:
    return np.asarray(samples * (255 / (2**bits - 1)), np.float64)


def check(data: bytes, expected: NDArray[np.float64]) -> None:
    decoded = decode(data)
    assert decoded.shape[:2] == expected.shape[:2]
    assert np.abs(decoded - expected).max() <= MAX_ERROR


DEPTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16]
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"order": ">"},
    {"tile": (16, 32)},
    {"is_big": True, "rows_per_strip": 37},
    {"is_reversed": True},
]


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("compression", COMPRESS)
def test_grey_of_every_depth(bits: int, compression: int) -> None:
    samples = to_depth(GREY, bits)
    expected = to_levels(samples, bits)
    for layout in LAYOUTS:
        black = build_tiff(
            samples, bits=bits, photometric=BLACK_IS_ZERO, compression=compression, **layout
        )
        check(black, expected)
        white = build_tiff(
            2**bits - 1 - samples,
            bits=bits,
            photometric=WHITE_IS_ZERO,
            compression=compression,
            **layout,
        )
        check(white, expected)


@pytest.mark.parametrize("bits", [2, 4, 8, 10, 12, 16])
@pytest.mark.parametrize("compression", COMPRESS)
def test_colours_of_every_depth_together_and_in_planes(bits: int, compression: int) -> None:
    samples = to_depth(RGB, bits)
    for layout in LAYOUTS:
        for is_separate in (False, True):
            data = build_tiff(
                samples,
                bits=bits,
                photometric=COLOURS,
                compression=compression,
                is_separate=is_separate,
                **layout,
            )
            check(data, to_levels(samples, bits))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", [LZW, DEFLATE])
def test_differences_to_the_left_neighbour_are_added_up(bits: int, compression: int) -> None:
    samples = to_depth(RGB, bits)
    for layout, is_separate in itertools.product(LAYOUTS, (False, True)):
        data = build_tiff(
            samples,
            bits=bits,
            photometric=COLOURS,
            compression=compression,
            is_predicted=True,
            is_separate=is_separate,
            **layout,
        )
        check(data, to_levels(samples, bits))


ALPHA_LAYOUTS: list[dict[str, Any]] = [
    {},
    {"is_separate": True},
    {"tile": (16, 16)},
    {"order": ">"},
]
ALPHA = np.linspace(0, 255, 37 * 51).reshape(37, 51, 1)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("colours", [GREY, RGB], ids=["grey", "RGB"])
def test_colours_below_straight_alpha_are_as_stored(
    bits: int, compression: int, colours: NDArray[np.float64]
) -> None:
    samples = to_depth(np.dstack([colours, ALPHA]), bits)
    for layout, extra in itertools.product(ALPHA_LAYOUTS, (STRAIGHT, 0)):
        data = build_tiff(
            samples,
            bits=bits,
            photometric=COLOURS if colours is RGB else BLACK_IS_ZERO,
            compression=compression,
            tags={338: [extra]},
            **layout,
        )
        check(data, colours)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("colours", [GREY, RGB], ids=["grey", "RGB"])
def test_premultiplied_alpha_is_undone(
    bits: int, compression: int, colours: NDArray[np.float64]
) -> None:
    alpha = np.maximum(ALPHA, 128)  # with less, the depth itself loses more than a level
    samples = to_depth(np.dstack([colours * alpha / 255, alpha]), bits)
    for layout in ALPHA_LAYOUTS:
        data = build_tiff(
            samples,
            bits=bits,
            photometric=COLOURS if colours is RGB else BLACK_IS_ZERO,
            compression=compression,
            tags={338: [PREMULTIPLIED]},
            **layout,
        )
        check(data, colours)


def test_a_pixel_without_any_alpha_stays_as_stored() -> None:
    samples = np.array([[[10, 20, 30, 0]]], np.uint16)

    data = build_tiff(samples, bits=8, photometric=COLOURS, tags={338: [PREMULTIPLIED]})

    assert decode(data).tolist() == [[[10, 20, 30]]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("compression", [NONE, LZW, PACKBITS])
def test_palettes_of_every_depth(bits: int, depth: int, compression: int) -> None:
    palette = np.random.default_rng(bits).integers(0, 256, (2**bits, 3))
    numbers = np.random.default_rng(1).integers(0, 2**bits, (37, 51, 1)).astype(np.uint16)
    colour_map = (palette.T * (257 if depth == 16 else 1)).ravel().tolist()
    for layout in LAYOUTS:
        data = build_tiff(
            numbers,
            bits=bits,
            photometric=PALETTE,
            compression=compression,
            tags={320: colour_map},
            **layout,
        )
        check(data, palette[numbers[..., 0]].astype(np.float64))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", COMPRESS)
def test_cmyk_without_a_profile_is_converted_plainly(bits: int, compression: int) -> None:
    inks = np.dstack([255 - RGB, ALPHA / 2])
    for layout in LAYOUTS:
        data = build_tiff(
            to_depth(inks, bits), bits=bits, photometric=CMYK, compression=compression, **layout
        )
        check(data, RGB * (255 - ALPHA / 2) / 255)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", [NONE, LZW])
def test_cmyk_with_a_profile_is_converted_by_it(bits: int, compression: int) -> None:
    inks = np.dstack([255 - RGB, ALPHA / 2])
    expected = by_profile(inks)

    data = build_tiff(
        to_depth(inks, bits),
        bits=bits,
        photometric=CMYK,
        compression=compression,
        tags={34675: cmyk_profile()},
    )

    check(data, expected)


def by_profile(inks: NDArray[np.float64]) -> NDArray[np.float64]:
    image = PIL.Image.frombytes(
        "CMYK", inks.shape[1::-1], np.round(inks).astype(np.uint8).tobytes()
    )
    source = ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile()))
    target = ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, source, target, outputMode="RGB")).astype(
        float
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA"])
def test_jpeg_inside_a_tiff(mode: str) -> None:
    image = PIL.Image.fromarray(gradient(64, 96)).convert(mode)
    data = save(image, "TIFF", compression="jpeg", quality=95)
    expected = np.asarray(image.convert("RGB")).astype(float)

    assert np.abs(decode(data) - expected).mean() < 6


def test_cmyk_as_jpeg_inside_a_tiff_is_converted_by_its_profile() -> None:
    inks = np.dstack([255 - gradient(64, 96), np.full((64, 96), 40, np.uint8)])
    image = PIL.Image.frombytes("CMYK", (96, 64), inks.tobytes())
    data = save(image, "TIFF", compression="jpeg", quality=95, icc_profile=cmyk_profile())

    assert np.abs(decode(data) - by_profile(inks.astype(float))).mean() < 6


@pytest.mark.parametrize("bits", [8, 16])
def test_lab_is_converted_to_srgb(bits: int) -> None:
    rgb = PIL.Image.fromarray(gradient(37, 51))
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = np.frombuffer(to_lab.apply(rgb).tobytes("raw", "LAB"), np.uint8).reshape(37, 51, 3)
    samples = lab.astype(np.uint16) * (257 if bits == 16 else 1)
    for compression in (NONE, LZW, DEFLATE):
        data = build_tiff(samples, bits=bits, photometric=LAB, compression=compression)
        assert np.abs(decode(data) - RGB).mean() < 3


@pytest.mark.parametrize("orientation", [None, *range(10)])
@pytest.mark.parametrize("compression", [NONE, LZW])
@pytest.mark.parametrize("bits", [4, 8])
def test_every_orientation_is_turned_once(
    orientation: int | None, compression: int, bits: int
) -> None:
    samples = to_depth(GREY, bits)
    tags: dict[int, list[int] | bytes] = {} if orientation is None else {274: [orientation]}
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
    turns |= {6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}
    expected = PIL.Image.fromarray(to_levels(samples, bits)[..., 0])
    if orientation in turns:
        expected = expected.transpose(PIL.Image.Transpose[turns[orientation]])
    if orientation is None:  # XMP counts without a tag
        tags = {700: b"<a tiff:Orientation='6'/>"}
        expected = expected.transpose(PIL.Image.Transpose.ROTATE_270)

    data = build_tiff(
        samples, bits=bits, photometric=BLACK_IS_ZERO, compression=compression, tags=tags
    )

    check(data, np.asarray(expected)[..., np.newaxis])


@pytest.mark.parametrize("compression", [NONE, LZW])
def test_colours_of_a_profile_become_srgb(compression: int) -> None:
    bgr = np.ascontiguousarray(gradient(37, 51)[..., ::-1])
    expected = convert_to_srgb(bgr, WIDE["Adobe RGB"])[..., ::-1].astype(float)

    data = build_tiff(
        to_depth(RGB, 8),
        bits=8,
        photometric=COLOURS,
        compression=compression,
        tags={34675: WIDE["Adobe RGB"]},
    )

    check(data, expected)


def test_a_grey_profile_is_applied() -> None:
    data = build_tiff(
        to_depth(GREY, 8),
        bits=8,
        photometric=BLACK_IS_ZERO,
        tags={34675: grey_profile(gamma_curve(1.8))},
    )

    light = (GREY / 255) ** 1.8
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(decode(data) - expected).max() <= 2


def test_colours_without_their_kind_are_told_by_their_number() -> None:
    check(build_tiff(to_depth(RGB, 8), bits=8, photometric=None), RGB)
    check(build_tiff(to_depth(GREY, 8), bits=8, photometric=None), GREY)


ONE, THREE, FOUR = (np.ones((4, 4, samples), np.uint16) for samples in (1, 3, 4))


@pytest.mark.parametrize(
    ("samples", "options", "refusal"),
    [
        (ONE, {"tags": {339: [3], 258: [16]}}, "a TIFF of floating-point samples"),
        (ONE, {"tags": {339: [2]}}, "a TIFF of signed samples"),
        (ONE, {"tags": {258: [32]}}, "a TIFF with 32 bits per sample; it must have 1 to 16"),
        (ONE, {"tags": {258: [0]}}, "a TIFF with 0 bits per sample"),
        (THREE, {"tags": {258: [5, 6, 5]}}, "a TIFF with 5, 6, 5 bits per sample; all must"),
        (ONE, {"tags": {277: [17]}}, "a TIFF with 17 samples per pixel; it must have 1 to 16"),
        (ONE, {"photometric": 2}, "a TIFF with 1 samples per pixel; its colours need 3"),
        (ONE, {"photometric": 4}, r"a TIFF with colours 4 \(a transparency mask\)"),
        (THREE, {"photometric": 32845}, r"a TIFF with colours 32845 \(LogLuv\)"),
        (ONE, {"photometric": 99}, r"a TIFF with colours 99 \(an unknown kind\)"),
        (ONE, {"tags": {259: [6]}}, r"a TIFF with compression 6 \(old-style JPEG\), which is not"),
        (ONE, {"tags": {259: [50000]}}, r"a TIFF with compression 50000 \(Zstandard\)"),
        (ONE, {"tags": {259: [12345]}}, "a TIFF with compression 12345, which is not supported"),
        (ONE, {"tags": {259: [4]}}, "a TIFF with fax compression of 8 bits per sample"),
        (ONE, {"bits": 16, "tags": {259: [7]}}, "a TIFF with JPEG compression of 16 bits"),
        (ONE, {"bits": 4, "tags": {317: [2], 259: [8]}}, "it has predictor 2 with 4 bits"),
        (ONE, {"tags": {317: [3], 259: [8]}}, "it has predictor 3 with 8 bits per sample"),
        (ONE, {"photometric": 3}, "its palette has 0 of 256 colours"),
        (FOUR, {"photometric": 5, "tags": {332: [2]}}, "of other inks than"),
        (THREE, {"photometric": 8, "bits": 4}, r"it has L\*a\*b\* colours of 4 bits"),
    ],
)  # fmt: skip
def test_a_kind_that_is_not_read_is_refused_by_its_name(
    samples: NDArray[np.uint16], options: dict[str, Any], refusal: str
) -> None:
    data = build_tiff(samples, **{"bits": 8, "photometric": BLACK_IS_ZERO, **options})

    with pytest.raises(ImageError, match=refusal):
        decode(data)


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("bits", [4, 8])
def test_a_strip_that_ends_too_early_is_called_cut_off(compression: int, bits: int) -> None:
    whole = build_tiff(to_depth(GREY, bits), bits=bits, photometric=1, compression=compression)
    short = build_tiff(
        to_depth(GREY, bits), bits=bits, photometric=1, compression=compression, tags={257: [44]}
    )
    check(whole, to_levels(to_depth(GREY, bits), bits))

    with pytest.raises(ImageError, match=r"cut off|states only 4 of its 5 strips"):
        decode(short)


def test_a_damaged_strip_is_called_corrupt() -> None:
    data = build_tiff(to_depth(GREY, 4), bits=4, photometric=1, compression=DEFLATE)

    with pytest.raises(ImageError, match="it is corrupt: Error -3"):
        decode(data[:8] + b"\xff" * 20 + data[28:])
