"""Describes a kind of odd file and its correct outcome; see `Kind`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from tests.hostile.builders import HEIGHT, WIDTH, gradient, save

RGB = gradient()
GREY = np.repeat(RGB[..., :1], 3, axis=2)
MAX_PIXELS = 1_000_000


@dataclass(frozen=True)
class Kind:
    """A file, and its only correct outcome.

    refusal: text that the ImageError must contain; None for a file that is decoded. size: (width,
    height) of the decoded image. picture: `(H, W, 3)` uint8 RGB that the decoded image must look
    like, where known.
    """

    name: str
    data: bytes
    refusal: str | None = None
    size: tuple[int, int] = (WIDTH, HEIGHT)
    picture: NDArray[np.uint8] | None = None


def result(name: str, data: bytes, picture: NDArray[np.uint8] = RGB) -> Kind:
    """Returns a kind that must be decoded to `picture`."""
    return Kind(name, data, None, (picture.shape[1], picture.shape[0]), picture)


def grey(shade: int) -> NDArray[np.uint8]:
    """Makes a picture of one shade of grey."""
    return np.full((HEIGHT, WIDTH, 3), shade, np.uint8)


def frames(format_name: str, **options: bool) -> bytes:
    """Encodes two frames or pages: the gradient, then its negative."""
    second = PIL.Image.fromarray(255 - RGB)
    return save(RGB, format_name, save_all=True, append_images=[second], **options)
