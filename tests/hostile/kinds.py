"""What a kind of odd file is, and the outcome that it must have; see `Kind`."""

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
    """A file, and the one outcome that is right.

    refusal: what its ImageError must say; None for a file that has a result. size: the result's
    width and height. picture: `(H, W, 3)` uint8 RGB that the result must look like, where known.
    """

    name: str
    data: bytes
    refusal: str | None = None
    size: tuple[int, int] = (WIDTH, HEIGHT)
    picture: NDArray[np.uint8] | None = None


def result(name: str, data: bytes, picture: NDArray[np.uint8] = RGB) -> Kind:
    """A file that must come out as `picture`."""
    return Kind(name, data, None, (picture.shape[1], picture.shape[0]), picture)


def grey(shade: int) -> NDArray[np.uint8]:
    """A picture of one shade."""
    return np.full((HEIGHT, WIDTH, 3), shade, np.uint8)


def frames(format_name: str, **options: bool) -> bytes:
    """Two frames or pages: the gradient, then its negative."""
    second = PIL.Image.fromarray(255 - RGB)
    return save(RGB, format_name, save_all=True, append_images=[second], **options)
