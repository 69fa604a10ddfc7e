import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modules.object_detection.preprocessing import Preprocessing

from .onnx.onnx_oracles import ultralytics_letterbox, yolox_input


def noise(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


@given(st.integers(20, 200), st.integers(20, 200))
def test_a_letterbox_is_ultralytics(width: int, height: int) -> None:
    image = noise(width, height)

    blob, _ = Preprocessing(resize="letterbox").apply(image, (96, 64))

    expected = ultralytics_letterbox(image, (96, 64))[..., ::-1].transpose(2, 0, 1) / 255
    np.testing.assert_allclose(blob[0], expected, atol=1e-6)


@given(st.integers(20, 200), st.integers(20, 200))
def test_a_letterbox_in_the_corner_is_yoloxs(width: int, height: int) -> None:
    image = noise(width, height)
    preprocessing = Preprocessing(scale=1.0, channels="bgr", resize="letterbox-top-left")

    blob, _ = preprocessing.apply(image, (96, 64))

    np.testing.assert_array_equal(blob, yolox_input(image, (96, 64)))


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-top-left"])
def test_a_box_on_the_input_is_found_again_in_the_image(resize: str) -> None:
    """A white square on black: where it lies on the input, and where `Placement` says it lay."""
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


def test_a_letterbox_that_is_asked_for_stays_where_the_family_has_it() -> None:
    corner = Preprocessing(resize="letterbox-top-left")
    stretch = Preprocessing(resize="stretch")

    assert corner.resized(letterbox=True).resize == "letterbox-top-left"
    assert corner.resized(letterbox=False).resize == "stretch"
    assert stretch.resized(letterbox=True).resize == "letterbox"
    assert stretch.resized(letterbox=None) == stretch
