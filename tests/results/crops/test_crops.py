"""What is cut out: the right pixels, as JPEGs that say where they come from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.images import decode_image
from modules.results.crops import cut_objects, pixels_of
from modules.results.crops.mark import add_mark, is_crop_of, read_mark


def found(label: str = "dog", **box: float) -> dict[str, object]:
    sides = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 8.0}
    return {"label": label, "confidence": 0.75, "box": {**sides, **box}}


def gradient() -> np.ndarray:
    rows, columns = np.mgrid[:100, :200]
    return np.dstack([rows, columns, rows + columns // 2]).astype(np.uint8)


def test_a_crop_has_the_pixels_of_the_box_in_their_own_size() -> None:
    image = gradient()

    (crop,) = cut_objects(image, [found()], name="a/b.png", key="photos/a/b.png")

    decoded = decode_image(crop.encode(), max_pixels=1000)
    assert crop.path == "dog/a~b.png_0.jpg"
    assert decoded.format == "jpeg"
    assert decoded.pixels.shape == (8, 30, 3)
    error = decoded.pixels.astype(int) - image[20:28, 10:40]
    assert np.abs(error).mean() < 1.5


def test_thin_colours_stay_as_they_are() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, ::2] = (0, 0, 255)

    (crop,) = cut_objects(
        image, [found(x=0, y=0, width=16, height=16)], name="stripes.png", key="stripes.png"
    )

    decoded = decode_image(crop.encode(), max_pixels=1000).pixels.astype(int)
    # With colours at half the resolution, red would become grey, and the error 60
    assert np.abs(decoded - image).mean() < 8


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ({"x": 0.0, "y": 0.0, "width": 200.0, "height": 100.0}, (0, 100), (0, 200)),
        ({"x": 1.4, "y": 1.6, "width": 2.0, "height": 2.0}, (2, 4), (1, 3)),
        ({"x": -5.0, "y": -5.0, "width": 500.0, "height": 500.0}, (0, 100), (0, 200)),
        ({"x": 3.0, "y": 4.0, "width": 1.0, "height": 1.0}, (4, 5), (3, 4)),
        ({"x": 3.2, "y": 4.2, "width": 0.1, "height": 0.1}, (4, 5), (3, 4)),
        ({"x": 3.0, "y": 4.0, "width": 0.0, "height": 0.0}, (4, 5), (3, 4)),
        ({"x": 200.0, "y": 100.0, "width": 0.0, "height": 0.0}, (99, 100), (199, 200)),
        ({"x": 900.0, "y": -900.0, "width": 5.0, "height": 5.0}, (0, 1), (199, 200)),
    ],
)
def test_boxes_are_clipped_and_have_at_least_one_pixel(
    box: dict[str, float], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    assert pixels_of(box, 200, 100) == (slice(*rows), slice(*columns))


def test_an_object_has_the_number_that_it_has_in_the_document() -> None:
    crops = cut_objects(
        gradient(), [found("dog"), found("cat"), found("dog")], name="a.png", key="a.png"
    )

    assert [crop.path for crop in crops] == [
        "dog/a.png_0.jpg",
        "cat/a.png_1.jpg",
        "dog/a.png_2.jpg",
    ]


def test_equal_objects_have_equal_files() -> None:
    one, other = (
        cut_objects(gradient(), [found()], name="a.png", key="a.png")[0].encode() for _ in range(2)
    )

    assert one == other


def test_an_object_that_no_jpeg_can_hold_is_refused_by_name() -> None:
    wide = np.zeros((1, 70_000, 3), np.uint8)

    with pytest.raises(ImageError, match=r"object 0 \(dog\) has 70000 x 1 pixels, too many"):
        cut_objects(wide, [found(x=0, y=0, width=70_000, height=1)], name="a", key="a")


def test_a_crop_says_what_it_was_cut_from() -> None:
    (crop,) = cut_objects(gradient(), [found("naïve")], name="é.png", key="photos/é.png")

    facts = read_mark(crop.encode())

    assert facts == {
        "crop_of": "photos/é.png",
        "label": "naïve",
        "confidence": 0.75,
        "box": {"x": 10.0, "y": 20.0, "width": 30.0, "height": 8.0},
    }
    assert is_crop_of(facts, "photos/é.png")
    assert not is_crop_of(facts, "é.png")


def test_a_crop_that_was_changed_has_no_mark_any_more() -> None:
    (crop,) = cut_objects(gradient(), [found()], name="a.png", key="a.png")
    data = crop.encode()

    assert read_mark(data) is not None
    for changed in (data + b"x", data[:-3] + b"x" + data[-2:], data.replace(b"a.png", b"b"), b""):
        assert read_mark(changed) is None


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"sha256": 3}', b"\xff", b"[" * 60_000])
def test_jpegs_with_other_comments_are_no_crops(text: bytes) -> None:
    jpeg = bytes(cv2.imencode(".jpg", gradient())[1])
    length = (len(text) + 2).to_bytes(2, "big")

    assert read_mark(jpeg) is None
    assert read_mark(jpeg[:20] + b"\xff\xfe" + length + text + jpeg[20:]) is None


def test_names_of_any_length_fit_into_the_mark_and_stay_different() -> None:
    jpeg = bytes(cv2.imencode(".jpg", gradient())[1])
    key, other = "🐕" * 5000, "🐕" * 5001

    facts = read_mark(add_mark(jpeg, {"crop_of": key, "label": key}))

    assert facts is not None
    assert is_crop_of(facts, key)
    assert not is_crop_of(facts, other)
