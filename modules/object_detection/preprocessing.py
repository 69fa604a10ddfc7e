"""Turns an image into a network's input; start at `Preprocessing`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from .input_form import USUAL, InputForm
from .letterbox import Letterbox, letterbox

Resize = Literal["stretch", "letterbox", "letterbox-top-left", "letterbox-darknet"]
RESIZES: tuple[Resize, ...] = get_args(Resize)

NO_MEAN = (0.0, 0.0, 0.0)
NO_STD = (1.0, 1.0, 1.0)


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
            them and puts the image in the middle of the input, "letterbox-top-left" in its corner;
            "letterbox-darknet" is Darknet's own form of the first, see letterbox.py.
        padding: the grey value, 0 to 255, around a letterboxed image.
        mean: subtracted from each scaled channel, in the order of `channels`.
        std: each channel is divided by this last, in the same order.
        letterbox: the form of letterbox that is used if one is requested.
        form: of the network's input. Its uint8 is for a scale of 1, without mean and std.
    """

    scale: float = 1 / 255
    channels: Literal["rgb", "bgr"] = "rgb"
    resize: Resize = "stretch"
    padding: float = 114
    mean: tuple[float, float, float] = NO_MEAN
    std: tuple[float, float, float] = NO_STD
    letterbox: Letterbox = "letterbox"
    form: InputForm = USUAL

    @property
    def normalises(self) -> bool:
        """Whether `mean` and `std` change anything."""
        return (self.mean, self.std) != (NO_MEAN, NO_STD)

    def with_letterbox(self, *, letterbox: bool | None) -> Preprocessing:
        """Returns a copy that keeps an image's proportions (True) or stretches it (False).

        Returns this preprocessing unchanged for None, or if it already does what is requested.
        """
        if letterbox is None or letterbox == (self.resize != "stretch"):
            return self
        return replace(self, resize=self.letterbox if letterbox else "stretch")

    def apply(
        self, image: NDArray[np.uint8], size: tuple[int, int]
    ) -> tuple[NDArray[Any], Placement]:
        """Makes the network's input and says where the image is on it.

        Resizes bilinearly, as OpenCV and the YOLO projects do, or as Darknet does.

        Args:
            image: `(h, w, 3)` uint8 BGR.
            size: (W, H) of the network's input, in pixels.

        Returns:
            The input, `(1, 3, H, W)` float32 unless `form` is another, and the placement of the
            image on it.
        """
        placement = Placement(0.0, 0.0, 1.0, 1.0)
        pixels: NDArray[np.uint8] | NDArray[np.float32] = image
        if self.resize != "stretch":
            pixels, (left, top), inner = letterbox(image, size, self.resize, self.padding)
            placement = Placement(
                left / size[0], top / size[1], inner[0] / size[0], inner[1] / size[1]
            )
        blob = cv2.dnn.blobFromImage(pixels, self.scale, size, swapRB=self.channels == "rgb")
        if self.normalises:
            blob -= np.array(self.mean, np.float32).reshape(1, 3, 1, 1)
            blob /= np.array(self.std, np.float32).reshape(1, 3, 1, 1)
        return self.form.convert(blob), placement


DARKNET = Preprocessing(padding=127.5, letterbox="letterbox-darknet")  # fills with 0.5
