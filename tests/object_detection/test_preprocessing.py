import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.object_detection.preprocessing import Preprocessing
from tests.object_detection.onnx.onnx_oracles import ultralytics_letterbox, yolox_input


def noise(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


@given(st.integers(20, 200), st.integers(20, 200))
def test_a_letterbox_equals_that_of_ultralytics(width: int, height: int) -> None:
    image = noise(width, height)

    blob, _ = Preprocessing(resize="letterbox").apply(image, (96, 64))

    expected = ultralytics_letterbox(image, (96, 64))[..., ::-1].transpose(2, 0, 1) / 255
    np.testing.assert_allclose(blob[0], expected, atol=1e-6)


@given(st.integers(20, 200), st.integers(20, 200))
def test_a_letterbox_in_the_corner_equals_that_of_yolox(width: int, height: int) -> None:
    image = noise(width, height)
    preprocessing = Preprocessing(scale=1.0, channels="bgr", resize="letterbox-top-left")

    blob, _ = preprocessing.apply(image, (96, 64))

    np.testing.assert_array_equal(blob, yolox_input(image, (96, 64)))


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_the_mean_is_subtracted_from_scaled_pixels_and_they_are_divided_by_std(
    channels: str,
) -> None:
    image = noise(96, 64)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    preprocessing = Preprocessing(channels=channels, mean=mean, std=std)  # type: ignore[arg-type]

    blob, _ = preprocessing.apply(image, (96, 64))

    pixels = image[..., ::-1] if channels == "rgb" else image
    expected = (pixels / 255 - mean) / std
    np.testing.assert_allclose(blob[0], expected.transpose(2, 0, 1), atol=1e-6)


def test_padding_is_normalised_like_the_image() -> None:
    image = np.full((32, 96, 3), 255, np.uint8)
    preprocessing = Preprocessing(
        resize="letterbox", padding=0, mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.125)
    )

    blob, _ = preprocessing.apply(image, (96, 64))

    np.testing.assert_array_equal(blob[0, :, 0, 0], [-1, -2, -4])
    np.testing.assert_array_equal(blob[0, :, 32, 48], [1, 2, 4])


def test_without_mean_and_std_pixels_are_only_scaled() -> None:
    image = noise(40, 30)

    blob, _ = Preprocessing().apply(image, (96, 64))

    expected = cv2.dnn.blobFromImage(image, 1 / 255, (96, 64), swapRB=True)
    np.testing.assert_array_equal(blob, expected)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-top-left"])
def test_a_box_on_the_input_is_converted_back_to_the_image(resize: str) -> None:
    """Finds a white square on the input and converts its position back with `Placement`."""
    image = np.zeros((120, 200, 3), np.uint8)
    image[40:80, 100:160] = 255
    preprocessing = Preprocessing(resize=resize, padding=0)  # type: ignore[arg-type]

    blob, placement = preprocessing.apply(image, (96, 64))

    rows, columns = np.nonzero(blob[0, 0] > 0.5)
    box = np.array(
        [[columns.min() / 96, rows.min() / 64, (columns.max() + 1) / 96, (rows.max() + 1) / 64]],
        np.float32,
    )
    found = placement.to_pixels(box, (200, 120))
    np.testing.assert_allclose(found, [[100, 40, 160, 80]], atol=2.1)  # a pixel of the input


def test_a_requested_letterbox_stays_in_the_corner_if_the_model_has_it_there() -> None:
    corner = Preprocessing(resize="letterbox-top-left")
    stretch = Preprocessing(resize="stretch")

    assert corner.with_letterbox(letterbox=True).resize == "letterbox-top-left"
    assert corner.with_letterbox(letterbox=False).resize == "stretch"
    assert stretch.with_letterbox(letterbox=True).resize == "letterbox"
    assert stretch.with_letterbox(letterbox=None) == stretch
