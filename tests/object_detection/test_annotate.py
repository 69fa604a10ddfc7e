import numpy as np
import pytest
from numpy.typing import NDArray

from modules.object_detection.annotate import _text_colour, annotate, class_colour
from modules.object_detection.detections import Detections


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.6, count).astype(np.float32),
        np.arange(count, dtype=np.int32),
    )


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((before != after).any(axis=2))


def contrast(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """Returns the contrast ratio of two BGR colours, by the definition in WCAG 2.1."""

    def luminance(colour: tuple[int, int, int]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in
                  (value / 255 for value in colour)]  # fmt: skip
        return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_image_itself_is_not_changed() -> None:
    image = np.full((100, 100, 3), 90, np.uint8)
    copy = image.copy()

    annotate(image, detections((10, 10, 60, 60)), ["thing"])

    assert (image == copy).all()


def test_in_place_draws_on_the_image_itself() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    copy = annotate(image, detections((10, 10, 60, 60)), ["thing"])

    drawn = annotate(image, detections((10, 10, 60, 60)), ["thing"], in_place=True)

    assert drawn is image
    assert (drawn == copy).all()


def test_without_detections_the_picture_stays_the_same() -> None:
    image = np.random.default_rng(1).integers(0, 255, (50, 60, 3)).astype(np.uint8)

    assert (annotate(image, detections(), []) == image).all()


def test_the_frame_is_drawn_along_the_box() -> None:
    image = np.full((400, 600, 3), 90, np.uint8)

    marks = changed(image, annotate(image, detections((100, 150, 300, 350)), ["thing"]))

    assert marks[150:350, 100].all()
    assert marks[349, 100:300].all()
    assert not marks[200:300, 150:250].any(), "the inside must stay as it was"
    assert not marks[360:, 310:].any(), "the outside must stay as it was"


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (40, 40), (200, 150)])
@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.4, 0.4, 0.6, 0.6), (0.9, 0.9, 1, 1)])
def test_boxes_anywhere_in_images_of_any_size_are_drawn(
    size: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    height, width = size
    x1, y1, x2, y2 = box

    drawn = annotate(
        image, detections((x1 * width, y1 * height, x2 * width, y2 * height)), ["refrigerator"]
    )

    assert drawn.shape == image.shape
    assert changed(image, drawn).any()


@pytest.mark.parametrize("background", [0, 128, 255])
def test_labels_are_large_enough_in_a_thumbnail_and_in_a_large_photo(background: int) -> None:
    for height, width in [(150, 200), (4000, 6000)]:
        image = np.full((height, width, 3), background, np.uint8)
        box = (0.3 * width, 0.5 * height, 0.8 * width, 0.9 * height)

        marks = changed(image, annotate(image, detections(box), ["dog"]))

        tag_rows = np.flatnonzero(marks[: int(0.49 * height)].any(axis=1))
        assert len(tag_rows) >= max(10, height / 50)


def test_labels_do_not_cover_each_other_if_there_is_room() -> None:
    image = np.full((600, 800, 3), 90, np.uint8)
    same = (200.0, 200.0, 500.0, 500.0)

    together = annotate(image, detections(same, same, same), ["first", "second", "third"])

    for label, confidence in (("first", 0.9), ("second", 0.75), ("third", 0.6)):
        colour = np.array(class_colour(label))
        tag = (together == colour).all(axis=2)
        assert tag.sum() > 500, f"{label} at {confidence} is covered"


def test_a_class_always_has_the_same_colour() -> None:
    assert class_colour("person") == (185, 255, 115)
    assert class_colour("dog") == (54, 95, 217)
    assert class_colour("naïve café") == class_colour("naïve café")


@pytest.mark.parametrize("label", [f"class {index}" for index in range(100)])
def test_text_has_enough_contrast_with_its_background(label: str) -> None:
    colour = class_colour(label)

    assert contrast(_text_colour(colour), colour) >= 4.5


@pytest.fixture
def _one_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives all classes one colour, so that labels differ only in their letters."""
    monkeypatch.setattr("modules.object_detection.annotate.class_colour", lambda _: (255, 200, 0))


def draw_label(label: str) -> NDArray[np.uint8]:
    image = np.full((300, 400, 3), 90, np.uint8)
    return annotate(image, detections((50, 100, 300, 280)), [label])


@pytest.mark.usefixtures("_one_colour")
@pytest.mark.parametrize(
    "label", ["dog", "éléphant", "собака", "σκύλος", "כלב", "كلب", "狗", "いぬ", "개"]
)
def test_labels_in_many_scripts_are_drawn_in_their_own_letters(label: str) -> None:
    assert (draw_label(label) != draw_label("?" * len(label))).any()
    assert (draw_label(label) != draw_label("#0")).any()


@pytest.mark.usefixtures("_one_colour")
@pytest.mark.parametrize("label", ["ஆப்பிள்", "dog 🐶", "tab\tbed"])
def test_a_label_with_a_character_missing_from_the_font_is_drawn_as_the_class_id(
    label: str,
) -> None:
    assert (draw_label(label) == draw_label("#0")).all()
