"""Fits an image into a network's input without changing its proportions; see `letterbox`.

The projects differ in how they round the sides, where they put the image, and how they resample.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Letterbox = Literal["letterbox", "letterbox-top-left", "letterbox-darknet"]
Size = tuple[int, int]
_Pixels = NDArray[np.uint8] | NDArray[np.float32]


def letterbox(
    image: NDArray[np.uint8], size: Size, kind: Letterbox, padding: float
) -> tuple[_Pixels, tuple[int, int], Size]:
    """Puts an image on a grey canvas of the input's size.

    "letterbox" equals Ultralytics' LetterBox, "letterbox-top-left" YOLOX's preproc, and
    "letterbox-darknet" Darknet's letterbox_image.

    Args:
        image: `(h, w, 3)` uint8.
        size: (W, H) of the input, in pixels.
        kind: which project's rules count.
        padding: the grey value of the canvas, 0 to 255.

    Returns:
        The canvas, `(H, W, 3)`, 0 to 255, float32 if values are not whole; the (left, top) corner
        of the image on it; and the image's (width, height) on it. All in pixels of the input.
    """
    height, width = image.shape[:2]
    inner = fitted_size((width, height), size, kind)
    left, top = 0, 0
    if kind != "letterbox-top-left":
        left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    is_darknet = kind == "letterbox-darknet"
    canvas: _Pixels = np.full((size[1], size[0], 3), padding, np.float32)
    if not is_darknet and padding == int(padding):
        canvas = canvas.astype(np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = (
        _resize_like_darknet(image, inner) if is_darknet else cv2.resize(image, inner)
    )
    return canvas, (left, top), inner


def fitted_size(image_size: Size, size: Size, kind: Letterbox) -> Size:
    """Returns the (width, height) that an image of `image_size` gets on an input of `size`.

    All sizes are (width, height) in pixels. No side is smaller than 1.
    """
    width, height = image_size
    if kind == "letterbox-darknet":
        # letterbox_image in github.com/AlexeyAB/darknet, src/image.c: floats are compared, and
        # integers divided
        if np.float32(size[0]) / np.float32(width) < np.float32(size[1]) / np.float32(height):
            return size[0], max(1, height * size[0] // width)
        return max(1, width * size[1] // height), size[1]
    scale = min(size[0] / width, size[1] / height)
    # LetterBox in ultralytics/data/augment.py rounds; preproc in YOLOX's data_augment.py truncates
    to_whole = round if kind == "letterbox" else int
    return max(1, to_whole(width * scale)), max(1, to_whole(height * scale))


def _resize_like_darknet(image: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
    """Resizes `(h, w, 3)` to `size`, (width, height), with the values of Darknet's resize_image.

    Its bilinear interpolation maps corners to corners, in float32. OpenCV's maps areas to areas and
    rounds to whole numbers; with small networks that moves confidences by up to 0.2.
    """
    width, height = size
    if (width, height) == (image.shape[1], image.shape[0]):
        return image.astype(np.float32)
    left, share = _steps(image.shape[1], width)
    left[-1], share[-1] = image.shape[1] - 1, 0  # Darknet reads the last column as it is
    right = np.minimum(left + 1, image.shape[1] - 1)
    share = share[np.newaxis, :, np.newaxis]
    part = (1 - share) * image[:, left] + share * image[:, right]
    upper, share = _steps(image.shape[0], height)
    lower = np.minimum(upper + 1, image.shape[0] - 1)
    share = share[:, np.newaxis, np.newaxis]
    resized: NDArray[np.float32] = (1 - share) * part[upper]
    # Darknet adds nothing to the last row. For some sizes, rounding puts its position just above
    # the image's last row, and it becomes almost black. Networks were measured with that.
    resized[:-1] += share[:-1] * part[lower[:-1]]
    return resized


def _steps(length: int, steps: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Returns, for each of `steps` new pixels, the old pixel before it and the share of the next.

    The old side has `length` pixels. The positions are computed in float32, as in Darknet.
    """
    scale = np.float32(length - 1) / np.float32(max(1, steps - 1))
    at = np.arange(steps, dtype=np.float32) * scale
    before = at.astype(np.int64)
    return before, at - before.astype(np.float32)
