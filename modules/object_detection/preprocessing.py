"""How a picture becomes a network's input; start at `Preprocessing`."""

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
    """Where the image lies on the network's input, in units of the input."""

    left: float
    top: float
    width: float
    height: float

    def to_pixels(
        self, boxes: NDArray[np.float32], image_size: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Boxes `(N, 4)` xyxy, in units of the input, in pixels of the image, (width, height)."""
        origin = np.tile([self.left, self.top], 2)
        extent = np.tile([self.width, self.height], 2)
        pixels: NDArray[np.float64] = (boxes - origin) / extent * np.tile(image_size, 2)
        return pixels


@dataclass(frozen=True)
class Preprocessing:
    """What a network was trained to be fed.

    scale: what pixels, 0 to 255, are multiplied by. channels: their order. resize: "stretch" gives
    the input's proportions to the image; "letterbox" keeps the image's own, in the middle of the
    input, and "letterbox-top-left" in its corner. padding: the grey, 0 to 255, around it. mean and
    std: what each channel then loses, and is divided by, in the order of `channels` and in
    units of scaled pixels.
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

    def resized(self, *, letterbox: bool | None) -> Preprocessing:
        """The same, but keeping an image's proportions or not; None changes nothing."""
        if letterbox is None or letterbox == (self.resize != "stretch"):
            return self
        return replace(self, resize="letterbox" if letterbox else "stretch")

    def apply(
        self, image: NDArray[np.uint8], size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], Placement]:
        """The input, `(1, 3, H, W)` float32, of an image `(h, w, 3)` BGR; `size` is (W, H).

        Sizes are changed bilinearly, as Darknet and the YOLO projects do.
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
        # Ultralytics' LetterBox rounds, YOLOX's preproc cuts off
        whole = round if self.resize == "letterbox" else int
        inner = (max(1, whole(width * scale)), max(1, whole(height * scale)))
        left, top = 0, 0
        if self.resize == "letterbox":
            left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        canvas = np.full((size[1], size[0], 3), self.padding, np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
        return canvas, Placement(
            left / size[0], top / size[1], inner[0] / size[0], inner[1] / size[1]
        )
