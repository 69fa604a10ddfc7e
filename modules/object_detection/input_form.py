"""The form in which a network takes images: `InputForm`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

_CHANNELS = 3
_MOST_CHANNELS = 16  # that a size of an input may be, rather than a side in pixels
_MAX_BATCH = 64

Sizes = Sequence[int | None]


@dataclass(frozen=True)
class InputForm:
    """What the input of a network holds for an image of H x W pixels.

    channels_last: whether it is `(N, H, W, 3)`, and not `(N, 3, H, W)`. is_uint8: whether it holds
    pixels from 0 to 255, and not float32. batch: N, the number of images that the network always
    computes; the first one is the image, and all others are zeros.
    """

    channels_last: bool = False
    is_uint8: bool = False
    batch: int = 1

    @property
    def is_usual(self) -> bool:
        """Whether it is `(1, 3, H, W)` float32."""
        return self == USUAL

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Returns the shape of an input of `size`, (width, height) in pixels."""
        width, height = size
        if self.channels_last:
            return self.batch, height, width, _CHANNELS
        return self.batch, _CHANNELS, height, width

    def convert(self, blob: NDArray[np.float32]) -> NDArray[Any]:
        """Returns the network's input for `blob`, one image `(1, 3, H, W)` float32.

        The values for an input of uint8 are from 0 to 255, and are rounded.
        """
        if self.is_usual:
            return blob
        found: NDArray[Any] = blob.transpose(0, 2, 3, 1) if self.channels_last else blob
        if self.is_uint8:
            found = np.clip(np.rint(found), 0, 255).astype(np.uint8)
        if self.batch == 1:
            return np.ascontiguousarray(found)
        whole = np.zeros((self.batch, *found.shape[1:]), found.dtype)
        whole[:1] = found
        return whole

    def example(self, blob: NDArray[np.float32]) -> NDArray[Any]:
        """Returns the network's input for `blob`, `(1, 3, H, W)`, whose values are from 0 to 1."""
        return self.convert(blob * np.float32(255) if self.is_uint8 else blob)


USUAL = InputForm()


def read_form(shown: str, shape: Sizes | None, element: str) -> InputForm:
    """Finds the form of an input from its shape and type.

    Args:
        shown: the input as messages show it.
        shape: its sizes; None for those that the file leaves open, and for an unknown shape.
        element: the name of its type.

    Raises:
        ModelError: it is no input for a colour image, or for too many images at once.
    """
    sizes = shape or (None,) * 4
    if len(sizes) != 4:
        raise ModelError(f"its input is {shown}; it must be [1, 3, height, width]")
    batch, first, _, last = sizes
    channels_last = first != _CHANNELS and last == _CHANNELS
    channels = _CHANNELS if channels_last or first is None else first
    if channels > _MOST_CHANNELS and last is not None and last <= _MOST_CHANNELS:
        channels = last
    if channels != _CHANNELS:
        raise ModelError(f"its input is {shown}; {_wrong_channels(channels)}")
    if element not in ("float32", "float16", "uint8"):
        raise ModelError(f"its input is {shown}; it must take float32, float16 or uint8")
    if batch is not None and batch > _MAX_BATCH:
        raise ModelError(
            f"its input is {shown}, for {batch:,} images at once; it may be for up to {_MAX_BATCH}"
        )
    return InputForm(channels_last, element == "uint8", batch or 1)


def _wrong_channels(channels: int) -> str:
    kinds = {1: ", for grey images", 4: ", for images with transparency"}
    if channels > _MOST_CHANNELS:
        return "it must be [1, 3, height, width] or [1, height, width, 3]"
    plural = "" if channels == 1 else "s"
    return (
        f"its input has {channels} channel{plural}{kinds.get(channels, '')}; images have 3, red, "
        "green and blue: train and export the network for 3 channels"
    )
