"""Turns an image into a network's input; start at `Preprocessing`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

Resize = Literal["stretch", "letterbox", "letterbox-top-left"]
RESIZES: tuple[Resize, ...] = get_args(Resize)

_NO_MEAN = (0.0, 0.0, 0.0)
_NO_STD = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Placement:
    """Where the image is on the network's input; 1.0 is the width or height of the input."""

    left: float
    top: float
    width: float
    height: float

    def to_pixels(
        self, boxes: NDArray[np.float32], image_size: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Converts boxes, `(N, 4)` xyxy, from units of the input to pixels of the image.

        `image_size` is (width, height) of the image, in pixels.
        """
        origin = np.tile([self.left, self.top], 2)
        extent = np.tile([self.width, self.height], 2)
        pixels: NDArray[np.float64] = (boxes - origin) / extent * np.tile(image_size, 2)
        return pixels


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing that a network was trained with.

    Attributes:
        scale: pixel values, 0 to 255, are multiplied by this first.
        channels: their order in the input.
        resize: "stretch" changes the image's proportions to those of the input. "letterbox" keeps
            them and puts the image in the middle of the input, "letterbox-top-left" in its corner.
        padding: the grey value, 0 to 255, around a letterboxed image.
        mean: subtracted from each scaled channel, in the order of `channels`.
        std: each channel is divided by this last, in the same order.
    """

    scale: float = 1 / 255
    channels: Literal["rgb", "bgr"] = "rgb"
    resize: Resize = "stretch"
    padding: int = 114
    mean: tuple[float, float, float] = _NO_MEAN
    std: tuple[float, float, float] = _NO_STD

    @property
    def normalises(self) -> bool:
        """Whether `mean` and `std` change anything."""
        return (self.mean, self.std) != (_NO_MEAN, _NO_STD)

    def with_letterbox(self, *, letterbox: bool | None) -> Preprocessing:
        """Returns a copy that keeps an image's proportions (True) or stretches it (False).

        Returns this preprocessing unchanged for None, or if it already does what is requested.
        """
        if letterbox is None or letterbox == (self.resize != "stretch"):
            return self
        return replace(self, resize="letterbox" if letterbox else "stretch")

    def apply(
        self, image: NDArray[np.uint8], size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], Placement]:
        """Makes the network's input and says where the image is on it.

        Resizes bilinearly, like Darknet and the YOLO projects.

        Args:
            image: `(h, w, 3)` uint8 BGR.
            size: (W, H) of the network's input, in pixels.

        Returns:
            The input, `(1, 3, H, W)` float32, and the placement of the image on it.
        """
        placement = Placement(0.0, 0.0, 1.0, 1.0)
        if self.resize != "stretch":
            image, placement = self._letterbox(image, size)
        blob = cv2.dnn.blobFromImage(image, self.scale, size, swapRB=self.channels == "rgb")
        if self.normalises:
            blob -= np.array(self.mean, np.float32).reshape(1, 3, 1, 1)
            blob /= np.array(self.std, np.float32).reshape(1, 3, 1, 1)
        return blob, placement

    def _letterbox(
        self, image: NDArray[np.uint8], size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], Placement]:
        height, width = image.shape[:2]
        scale = min(size[0] / width, size[1] / height)
        # Ultralytics' LetterBox rounds sides to whole pixels, YOLOX's preproc truncates them
        to_whole = round if self.resize == "letterbox" else int
        inner = (max(1, to_whole(width * scale)), max(1, to_whole(height * scale)))
        left, top = 0, 0
        if self.resize == "letterbox":
            left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        canvas = np.full((size[1], size[0], 3), self.padding, np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
        return canvas, Placement(
            left / size[0], top / size[1], inner[0] / size[0], inner[1] / size[1]
        )
