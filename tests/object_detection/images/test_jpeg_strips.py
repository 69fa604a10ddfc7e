import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError
from modules.object_detection.images import jpeg_strips
from modules.object_detection.images.jpeg_strips import encode_jpeg


def photo(height: int, width: int) -> NDArray[np.uint8]:
    """Makes a picture with as much detail as a photo."""
    draw = np.random.default_rng(height * width)
    small = draw.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy: NDArray[np.uint8] = cv2.add(large, draw.integers(0, 16, large.shape, np.uint8))
    return noisy


def decode(data: bytes) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return pixels


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (576, 768), (1000, 1003), (1024, 1024), (1153, 900), (130, 8000), (1537, 2050)],
)
def test_the_pixels_are_those_of_a_picture_that_is_encoded_in_one_call(
    height: int, width: int
) -> None:
    pixels = photo(height, width)
    in_one_call = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 92))[1]

    for threads in (1, 2, 3, 8):
        data = encode_jpeg(pixels, quality=92, threads=threads)

        assert (decode(data) == decode(bytes(in_one_call))).all()
        assert len(data) < len(in_one_call) * 1.05 + 100


@pytest.mark.parametrize(("height", "width"), [(576, 768), (1153, 900), (1537, 2050)])
def test_the_bytes_do_not_depend_on_the_number_of_threads(height: int, width: int) -> None:
    pixels = photo(height, width)

    data = encode_jpeg(pixels, quality=92, threads=1)

    for threads in (2, 3, 8):
        assert encode_jpeg(pixels, quality=92, threads=threads) == data


def test_one_thread_encodes_the_whole_picture_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_strips, "ThreadPoolExecutor", lambda _: pytest.fail("started threads"))
    monkeypatch.setattr(jpeg_strips, "segments", lambda _: pytest.fail("joined strips"))

    encode_jpeg(photo(1537, 2050), quality=92, threads=1)


def test_a_slice_of_a_larger_array_is_encoded_correctly() -> None:
    whole = photo(1200, 1200)

    part = whole[100:1100, 50:1050]  # its rows are not contiguous in memory

    expected = encode_jpeg(np.ascontiguousarray(part), quality=92, threads=1)
    assert encode_jpeg(part, quality=92, threads=4) == expected


def test_a_picture_that_is_too_wide_is_refused() -> None:
    with pytest.raises(
        ImageError, match=r"^the encoder refused it; a side may be too long for the format$"
    ):
        encode_jpeg(np.zeros((2, 70_000, 3), np.uint8), quality=92, threads=2)
