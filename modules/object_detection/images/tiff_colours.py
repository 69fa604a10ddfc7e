"""Converts a TIFF's samples to colours; see `make_converter`."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from .colour_profile import find_cmyk_converter
from .tiff_layout import (
    CMYK,
    LAB,
    PALETTE,
    PREMULTIPLIED,
    RGB,
    WHITE_IS_ZERO,
    Layout,
)
from .tiff_samples import Samples

_COLOUR_MAP = 320
Converter = Callable[[Samples], NDArray[np.uint8]]  # (H, W, samples) -> (H, W, 3) BGR


def make_converter(layout: Layout) -> Converter:
    """Returns a function from samples `(H, W, samples)` to `(H, W, 3)` uint8 BGR.

    Raises:
        ImageError: the colours are of a kind that is not supported with these samples.
    """
    if layout.photometric == PALETTE:
        return _palette_converter(layout)
    if layout.photometric == CMYK:
        return _cmyk_converter(layout)
    if layout.photometric == LAB:
        return _lab_converter(layout)
    if layout.photometric == RGB or layout.colours == 3:
        return lambda samples: _reduce(_colours(samples, layout), layout.bits)[..., ::-1]
    if layout.photometric == WHITE_IS_ZERO:
        return lambda samples: 255 - _reduce(_colours(samples, layout), layout.bits)
    return lambda samples: _reduce(_colours(samples, layout), layout.bits)


def _colours(samples: Samples, layout: Layout) -> Samples:
    """Returns the colours, `(H, W, colours)`, without alpha: divided by it if premultiplied.

    Where alpha is 0, there is nothing to divide, and the colours stay as stored.
    """
    colours: Samples = samples[..., : layout.colours]
    if layout.alpha != PREMULTIPLIED:
        return colours
    most = 2**layout.bits - 1
    alpha = samples[..., layout.colours, np.newaxis].astype(np.uint32)
    alpha[alpha == 0] = most
    divided = (colours.astype(np.uint32) * most + alpha // 2) // alpha
    least: Samples = np.minimum(divided, most).astype(samples.dtype)
    return least


def _reduce(samples: Samples, bits: int) -> NDArray[np.uint8]:
    """Scales samples of 1 to 16 bits to 0 to 255."""
    if bits == 8:
        return samples.astype(np.uint8, copy=False)
    scaled = cv2.convertScaleAbs(np.ascontiguousarray(samples), alpha=255 / (2**bits - 1))
    return np.asarray(scaled, np.uint8).reshape(samples.shape)


def _palette_converter(layout: Layout) -> Converter:
    """Looks each number up in the ColorMap: all reds, all greens, all blues, each of 16 bits."""
    count = 2**layout.bits
    numbers = layout.directory.numbers(_COLOUR_MAP, 3 * count)
    if len(numbers) < 3 * count:
        raise ImageError(f"its palette has {len(numbers) // 3} of {count:,} colours")
    palette: Samples = np.array(numbers, np.uint16).reshape(3, count).T
    if palette.max() > 255:  # some writers state 8 bits; libtiff tells them apart in the same way
        palette = _reduce(palette, 16)
    bgr = palette[:, ::-1].astype(np.uint8)
    return lambda samples: bgr[samples[..., 0]]


def _cmyk_converter(layout: Layout) -> Converter:
    convert = find_cmyk_converter(layout.profile)
    if convert is not None:
        from PIL import Image

        def convert_by_profile(samples: Samples) -> NDArray[np.uint8]:
            inks = np.ascontiguousarray(_reduce(samples[..., :4], layout.bits))
            return convert(Image.frombuffer("CMYK", inks.shape[1::-1], inks, "raw", "CMYK", 0, 1))

        return convert_by_profile

    def convert_plainly(samples: Samples) -> NDArray[np.uint8]:
        light = 255 - _reduce(samples[..., :4], layout.bits).astype(np.uint16)
        rgb = (light[..., :3] * light[..., 3:] + 127) // 255
        return rgb[..., ::-1].astype(np.uint8)

    return convert_plainly


def _lab_converter(layout: Layout) -> Converter:
    from PIL import Image, ImageCms

    if layout.bits not in (8, 16):
        raise ImageError(f"it has L*a*b* colours of {layout.bits} bits; they must have 8 or 16")
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )

    def convert(samples: Samples) -> NDArray[np.uint8]:
        lab = np.ascontiguousarray(samples[..., :3] >> (layout.bits - 8)).astype(np.uint8)
        image = Image.frombuffer("LAB", lab.shape[1::-1], lab, "raw", "LAB", 0, 1)
        return np.asarray(transform.apply(image))[..., ::-1]

    return convert
