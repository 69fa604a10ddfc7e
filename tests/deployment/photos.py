"""One photo in the formats that people drop, and how each has to come back; see `check_photo`.

The files are in cases/pictures of the shared data: a dog before a bicycle, and a white car behind.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.object_detection.images import FORMATS, decode_image

# Width and height in pixels, upright, of the files that are not 384 x 288
_SIZES = {"rgb565.bmp": (192, 144), "grey-12-bit.tif": (320, 240), "grey-4-bit.tif": (320, 240)}
# These come back as they came; all others as JPEG
_SAME_FORMAT = {
    ".bmp": "image/bmp",
    ".jfif": "image/jpeg",
    ".mpo": "image/jpeg",
    ".tif": "image/tiff",
    ".webp": "image/webp",
}
# In parts of the width and the height: left, top, width, height
_BOXES = {"bicycle": (0.15, 0.215, 0.6, 0.64), "car": (0.58, 0.14, 0.31, 0.14)}


def read_photos(folder: Path) -> dict[str, bytes]:
    """Returns the content of every file, by its name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def annotated_key(name: str) -> str:
    """Returns the key of the annotated image of `input/NAME`."""
    suffix = "" if PurePath(name).suffix in _SAME_FORMAT else ".jpg"
    return f"output/{name}{suffix}"


def check_photo(
    name: str, document: Any, annotated: bytes, media_type: str, photo: NDArray[np.uint8]
) -> None:
    """Asserts that a document and an annotated image are those of the photo.

    Args:
        name: the file that was dropped.
        document: the document of the result.
        annotated: the annotated image, found under `annotated_key`.
        media_type: that of the annotated image.
        photo: the photo without boxes, `(H, W, 3)` uint8 BGR.
    """
    expected = _SAME_FORMAT.get(PurePath(name).suffix, "image/jpeg")
    said = document["annotated"]
    assert (said["key"], said["media_type"], media_type) == (
        annotated_key(name),
        expected,
        expected,
    )
    width, height = _SIZES.get(name, (384, 288))
    assert (document["image"]["width"], document["image"]["height"]) == (width, height)
    found = {item["label"]: item["box"] for item in document["detections"]}
    for label, (x, y, w, h) in _BOXES.items():
        box = found[label]
        inside = (box["x"] / width, box["y"] / height, box["width"] / width, box["height"] / height)
        assert np.allclose(inside, (x, y, w, h), atol=0.06), (name, label, inside)
    drawn = decode_image(annotated, max_pixels=10**6)
    assert FORMATS[drawn.format].media_type == expected
    assert drawn.pixels.shape == (height, width, 3)
    if name.startswith("grey"):
        grey = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
        photo = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    resized = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    # The median, because boxes are drawn on some of the pixels. In the file of 4 bits a sample,
    # values were rounded down, by 8 levels on average
    assert np.median(np.abs(drawn.pixels.astype(int) - resized)) < 10, name
