"""Cuts the objects that were found out of an image, as JPEGs; start at `cut_objects`.

A crop has the image's upright pixels under the object's box, at their own size; nothing is drawn on
it. Every crop is a JPEG, whatever format the image came in: pictures in a folder a class are the
input of training and of `batch run`, whose tools all read JPEG, and a PNG of each object of a photo
would take ten times the space. The quality is high and colours keep their full resolution, because
many objects are only some pixels wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from ...object_detection.images import opencv_codec
from .mark import add_mark
from .names import class_folder, crop_name

MEDIA_TYPE = "image/jpeg"
_MAX_SIDE = 65_500  # libjpeg's JPEG_MAX_DIMENSION
_OPTIONS = (
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)


@dataclass(frozen=True)
class Crop:
    """One object of an image, which is not encoded yet.

    pixels: `(H, W, 3)` uint8 BGR, a view of the image's. folder: of the class. name: of the file.
    facts: what the file says about itself; see `mark.py`.
    """

    pixels: NDArray[np.uint8]
    folder: str
    name: str
    facts: Mapping[str, Any]

    @property
    def path(self) -> str:
        """The path of the file under the folder of all crops: `dog/a.jpg_0.jpg`."""
        return f"{self.folder}/{self.name}"

    def encode(self) -> bytes:
        """Returns the JPEG. Equal pixels and facts have equal bytes."""
        jpeg = opencv_codec.encode("jpeg", np.ascontiguousarray(self.pixels), _OPTIONS)
        return add_mark(jpeg, self.facts)


def cut_objects(
    pixels: NDArray[np.uint8], detections: Sequence[Mapping[str, Any]], *, name: str, key: str
) -> list[Crop]:
    """Returns a crop for each object. Encode them before anything is drawn on `pixels`.

    Args:
        pixels: `(H, W, 3)` uint8 BGR, the upright image.
        detections: as in the image's document.
        name: of the image, with the folders above it, by which crops are named. It is another one
            for each image of a run. The number in a crop's name is that of the object among
            `detections`, from 0 on.
        key: of the image, as in its document; each crop says it.

    Raises:
        ImageError: an object is too large for a JPEG.
    """
    crops = []
    for number, detection in enumerate(detections):
        part = pixels[pixels_of(detection["box"], pixels.shape[1], pixels.shape[0])]
        height, width = part.shape[:2]
        if max(width, height) > _MAX_SIDE:
            raise ImageError(
                f"object {number} ({detection['label']}) has {width} x {height} pixels, too many "
                f"for a crop: it is a JPEG, which has at most {_MAX_SIDE:,} a side"
            )
        facts = {
            "crop_of": key,
            **{field: detection[field] for field in ("label", "confidence", "box")},
        }
        crops.append(Crop(part, class_folder(detection["label"]), crop_name(name, number), facts))
    return crops


def pixels_of(box: Mapping[str, float], width: int, height: int) -> tuple[slice, slice]:
    """Returns the rows and columns of the pixels that are cut out for a box.

    Sides are rounded to whole pixels, as for drawing, and clipped to the image. At least one pixel
    is cut out, also for a box that is empty or outside the image.

    Args:
        box: x, y, width and height in pixels of the image.
        width: of the image.
        height: of the image.

    >>> pixels_of({"x": 1.6, "y": -2.0, "width": 3.0, "height": 4.4}, 4, 9)
    (slice(0, 2, None), slice(2, 4, None))
    >>> pixels_of({"x": 4.0, "y": 8.7, "width": 0.0, "height": 0.2}, 4, 9)
    (slice(8, 9, None), slice(3, 4, None))
    """
    left, right = _range(box["x"], box["width"], width)
    top, bottom = _range(box["y"], box["height"], height)
    return slice(top, bottom), slice(left, right)


def _range(start: float, length: float, size: int) -> tuple[int, int]:
    first = min(max(round(start), 0), size - 1)
    return first, min(max(round(start + length), first + 1), size)
