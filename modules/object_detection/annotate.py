"""Draws detections on an image so that a person can read them; start at `annotate`."""

from __future__ import annotations

import colorsys
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .detections import Detections
from .label_font import WEIGHT, font_for, has_glyph
from .label_text import drawn_text

Colour = tuple[int, int, int]

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
# Of 20,000 salts tried, the one that makes COCO's twelve commonest classes differ most in colour
_COLOUR_SALT = "6858"
_MIN_TEXT_SIZE = 11.0  # pixels; smaller letters run together


@dataclass(frozen=True)
class _Rectangle:
    left: int
    top: int
    right: int
    bottom: int

    def overlap(self, other: _Rectangle) -> int:
        """Returns the shared area in pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, width) * max(0, height)


def annotate(
    image: NDArray[np.uint8],
    detections: Detections,
    labels: Sequence[str] | Mapping[int, str],
    *,
    in_place: bool = False,
) -> NDArray[np.uint8]:
    """Draws boxes and labels on a copy of `image` and returns the copy.

    Text and lines grow with the image, so that a label is as easy to read in a large photo as in a
    thumbnail when both fill the screen. The most confident detection is drawn last, on top. A label
    that OpenCV's font cannot draw correctly is drawn as its class id, like `#12`.

    Args:
        image: `(H, W, 3)` uint8 BGR.
        detections: boxes in pixels of `image`.
        labels: the name of each class, in any script, by class id.
        in_place: draws on `image` itself, which saves memory and time for large images.
    """
    canvas = image if in_place else image.copy()
    height, width = canvas.shape[:2]
    text_size = round(max(_MIN_TEXT_SIZE, 0.025 * math.sqrt(width * height)))
    line = max(1, round(text_size / 7))
    tags: list[_Rectangle] = []
    order = range(len(detections))
    boxes = [_Rectangle(*map(round, detections.boxes[index].tolist())) for index in order]
    colours = [class_colour(labels[class_id]) for class_id in detections.class_ids.tolist()]
    for index in reversed(order):
        _draw_box(canvas, boxes[index], colours[index], line)
    for index in order:  # the most confident gets the first choice of position
        class_id = int(detections.class_ids[index])
        text = f"{_drawable(labels[class_id], class_id)} {detections.confidences[index]:.0%}"
        tags.append(_draw_label(canvas, text, boxes[index], colours[index], text_size, line, tags))
    return canvas


def class_colour(label: str) -> Colour:
    """Returns the class's BGR colour, which depends only on the label.

    So it is the same in every run, container and model. The label's CRC-32 selects one of 24 hues
    and one of three tones.
    """
    code = zlib.crc32((_COLOUR_SALT + label).encode())
    hue = code % 24 / 24
    saturation, value = ((0.95, 1.0), (0.75, 0.85), (0.55, 1.0))[code // 24 % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(blue * 255), round(green * 255), round(red * 255)


def _draw_box(canvas: NDArray[np.uint8], box: _Rectangle, colour: Colour, line: int) -> None:
    """Draws a coloured frame with a thin black border, to stand out from any background."""
    corners = (box.left, box.top), (box.right - 1, box.bottom - 1)
    cv2.rectangle(canvas, *corners, _BLACK, line + 2 * max(1, line // 3))
    cv2.rectangle(canvas, *corners, colour, line)


def _draw_label(
    canvas: NDArray[np.uint8],
    text: str,
    box: _Rectangle,
    colour: Colour,
    text_size: int,
    line: int,
    taken: Sequence[_Rectangle],
) -> _Rectangle:
    """Draws a label where it covers the other labels least.

    Args:
        canvas: `(H, W, 3)` uint8 BGR.
        text: the label and the confidence.
        box: the detection's box.
        colour: BGR.
        text_size: height of the text in pixels.
        line: width of the box's frame in pixels.
        taken: the labels that are already drawn.

    Returns:
        The label's rectangle, which is inside the image.
    """
    height, width = canvas.shape[:2]
    font = font_for(text)
    margin = max(2, text_size // 4)
    left, top, text_width, text_height = cv2.getTextSize(
        (width, height), text, (0, 0), font, text_size, WEIGHT
    )
    tag_width = min(width, text_width + 2 * margin)
    tag_height = min(height, text_height + margin)
    edge = line // 2
    corners = [
        (box.left - edge, box.top - tag_height),  # above the box
        (box.left - edge, box.top - edge),  # inside its upper left corner
        (box.right - tag_width + edge, box.top - tag_height),  # above, at its right end
        (box.left - edge, box.bottom),  # below the box
        (box.left - edge, box.bottom - tag_height + edge),  # inside its lower left corner
        (box.right - tag_width + edge, box.bottom),  # below, at its right end
    ]
    tags = []
    for x, y in corners:
        x, y = min(max(0, x), width - tag_width), min(max(0, y), height - tag_height)
        tags.append(_Rectangle(x, y, x + tag_width, y + tag_height))
    tag = min(tags, key=lambda tag: sum(tag.overlap(other) for other in taken))
    cv2.rectangle(canvas, (tag.left, tag.top), (tag.right - 1, tag.bottom - 1), colour, -1)
    cv2.putText(
        canvas,
        text,
        (tag.left + margin - left, tag.top + (tag_height - text_height) // 2 - top),
        _text_colour(colour),
        font,
        text_size,
        WEIGHT,
    )
    return tag


def _drawable(label: str, class_id: int) -> str:
    """Returns what to draw for a label, from left to right.

    The confidence is appended afterwards, so it stands at the right of every label. If both were
    ordered as one text, a number at the label's end could change places with the confidence.
    """
    text = label if label.isascii() else drawn_text(label)
    return f"#{class_id}" if text is None or not all(map(has_glyph, text)) else text


def _text_colour(background: Colour) -> Colour:
    """Returns black or white, whichever has more contrast (WCAG 2.1, relative luminance)."""
    share = np.array(background, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.0722, 0.7152, 0.2126))
    return _BLACK if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else _WHITE
