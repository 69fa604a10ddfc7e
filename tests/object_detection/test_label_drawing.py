"""Right-to-left labels in the picture, against Pillow, which shapes and orders by libraqm."""

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from layers.opencv.arabic_font import sans_font
from modules.object_detection import annotate as annotation
from modules.object_detection.annotate import annotate
from modules.object_detection.detections import Detections
from modules.object_detection.label_font import WEIGHT
from tests.object_detection.right_to_left import ARABIC, HEBREW, MARKED, NOT_IN_THE_FONT, YIDDISH

TEXT_SIZE = 80
SIDE = round(TEXT_SIZE / 0.025)  # of a picture in which labels have this size
YELLOW = (0, 255, 255)


@pytest.fixture(autouse=True)
def _one_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation, "class_colour", lambda _: YELLOW)


def ink(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cuts off the empty margins."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def drawn(label: str) -> NDArray[np.bool_]:
    """The ink of the tag that `annotate` draws above a box, in a picture of the tag's colour."""
    picture = np.full((SIDE, SIDE, 3), YELLOW, np.uint8)
    box = np.array([[100, 300, 900, 900]], np.float32)
    found = Detections(box, np.array([0.9], np.float32), np.array([0], np.int32))
    annotate(picture, found, [label], in_place=True)
    above_the_frame = picture[: 300 - TEXT_SIZE // 7]
    return ink(above_the_frame[:, :, 1] < 128)


@pytest.fixture(scope="module")
def font() -> ImageFont.FreeTypeFont:
    data = sans_font()
    ascent = ImageFont.truetype(io.BytesIO(data), 1000).getmetrics()[0]
    font = ImageFont.truetype(  # OpenCV's size is that of the ascent
        io.BytesIO(data), TEXT_SIZE * 1000 / ascent, layout_engine=ImageFont.Layout.RAQM
    )
    font.set_variation_by_axes([WEIGHT])
    return font


def reference(label: str, font: ImageFont.FreeTypeFont) -> NDArray[np.bool_]:
    picture = Image.new("L", (SIDE, 3 * TEXT_SIZE), 255)
    draw = ImageDraw.Draw(picture)
    draw.text((50, 50), label, font=font, fill=0, features=["-kern"])
    end = 50 + draw.textlength(label, font=font, features=["-kern"])
    draw.text((end, 50), " 90%", font=font, fill=0, features=["-kern"])
    return ink(np.asarray(picture) < 128)


def overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union after scaling to one size, as OpenCV rounds each glyph's width."""
    size = (second.shape[1], second.shape[0])
    scaled = cv2.resize(first.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
    return float((scaled & second).sum() / (scaled | second).sum())


def test_pillow_has_libraqm() -> None:
    assert features.check("raqm"), "without it, Pillow neither shapes nor orders"


@pytest.mark.parametrize("label", HEBREW + YIDDISH + ARABIC)
def test_labels_are_drawn_as_libraqm_draws_them(label: str, font: ImageFont.FreeTypeFont) -> None:
    assert overlap(drawn(label), reference(label, font)) > 0.8


@pytest.mark.parametrize("label", ["כלב", "חתול בית", "كلب", "هاتف (محمول)"])
def test_labels_in_logical_order_would_differ(
    label: str, font: ImageFont.FreeTypeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = reference(label, font)
    right = overlap(drawn(label), expected)

    monkeypatch.setattr(annotation, "drawn_text", lambda label: label)

    assert overlap(drawn(label), expected) < right - 0.05


@pytest.mark.parametrize("label", NOT_IN_THE_FONT + MARKED)
def test_labels_that_cannot_be_drawn_correctly_become_the_class_id(label: str) -> None:
    assert np.array_equal(drawn(label), drawn("#0"))


def test_the_confidence_is_on_the_right_of_a_right_to_left_label() -> None:
    confidence, tag = drawn(" "), drawn("כלב")

    assert overlap(ink(tag[:, -confidence.shape[1] :]), confidence) > 0.9
