from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import ImageError
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.preprocessing import Preprocessing
from modules.object_detection.slicing import MOST_SLICES, Progress, Slicing, detect_in_slices
from modules.settings import Settings
from tests.colour_model import SIZE, large_picture

NOTHING = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


@pytest.fixture
def detector(colour_model: Path) -> Detector:
    return load_model(LocalFolder(colour_model), Settings()).detector


@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    side=st.integers(64, 1000),
    overlap=st.floats(0, 0.9),
    proportions=st.sampled_from([(1, 1), (4, 3), (3, 5)]),
)
def test_slices_cover_the_image_lie_inside_it_and_overlap(
    width: int, height: int, side: int, overlap: float, proportions: tuple[int, int]
) -> None:
    slicing = Slicing(side, overlap, proportions)
    size = slicing.size
    if slicing.count(width, height) > MOST_SLICES:
        return
    rectangles = slicing.rectangles(width, height)

    assert len(rectangles) == slicing.count(width, height)
    assert bool(rectangles) == (max(width, height) > side)
    for axis, length in enumerate((width, height)):
        spans = sorted({(each[axis], each[axis + 2]) for each in rectangles})
        assert {end - start for start, end in spans} <= {min(size[axis], length)}
        if spans:
            assert (spans[0][0], spans[-1][1]) == (0, length)
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end - start >= size[axis] - max(1, round(size[axis] * (1 - overlap)))


def test_slices_go_row_by_row_and_the_last_are_moved_inside() -> None:
    assert Slicing(100, 0.2).rectangles(190, 100) == [
        (0, 0, 100, 100),
        (80, 0, 180, 100),
        (90, 0, 190, 100),
    ]
    assert Slicing(100, 0).rectangles(90, 250) == [
        (0, 0, 90, 100),
        (0, 100, 90, 200),
        (0, 150, 90, 250),
    ]


def test_slices_have_the_proportions_of_the_input_or_of_photos_that_the_network_stretches() -> None:
    letterboxed, stretched = Preprocessing(resize="letterbox"), Preprocessing(resize="stretch")

    assert Slicing.for_network(640, 0.2, letterboxed, (416, 416)).size == (640, 640)
    assert Slicing.for_network(640, 0.2, letterboxed, (640, 384)).size == (640, 384)
    assert Slicing.for_network(640, 0.2, stretched, (320, 320)).size == (640, 480)


def test_small_things_of_a_large_image_are_found_in_its_slices_only(detector: Detector) -> None:
    image = large_picture(red=(20, 13), green=(31, 31))

    whole = detector.detect(image)
    found = detect_in_slices(detector.detect, image, Slicing(SIZE, 0.25))

    assert len(whole) == 0
    assert sorted(found.class_ids.tolist()) == [0, 1]
    boxes = {tuple(round(side) for side in box) for box in found.boxes.tolist()}
    assert boxes == {(160, 104, 168, 112), (248, 248, 256, 256)}
    assert (found.confidences > 0.9).all()


def test_an_image_no_larger_than_a_slice_is_looked_at_once_with_the_same_outcome(
    detector: Detector,
) -> None:
    image = large_picture(red=(1, 2))[:SIZE, :SIZE]
    passes = []

    def detect(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Detections:
        passes.append(pixels.shape)
        return detector.detect(pixels)

    found = detect_in_slices(detect, image, Slicing(SIZE, 0.2))

    assert passes == [(SIZE, SIZE, 3)]
    alone = detector.detect(image)
    for name in ("boxes", "confidences", "class_ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))


def test_slices_are_views_of_the_image() -> None:
    image = np.zeros((300, 500, 3), np.uint8)
    seen = []

    def detect(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Detections:
        seen.append(pixels)
        return NOTHING

    detect_in_slices(detect, image, Slicing(100, 0.2))

    assert [each.shape[:2] for each in seen] == [(300, 500)] + [(100, 100)] * (len(seen) - 1)
    assert all(np.shares_memory(each, image) for each in seen)


def test_progress_counts_the_passes_left_and_may_stop_them() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    seen: list[Progress] = []

    def stop(progress: Progress) -> None:
        seen.append(progress)
        if progress.passes_left == 1:
            raise ImageError("enough")

    with pytest.raises(ImageError, match="enough"):
        detect_in_slices(lambda _: NOTHING, image, Slicing(100, 0), stop)

    assert [(each.slices, each.passes_left) for each in seen] == [(3, 3), (3, 2), (3, 1)]
    assert all(each.seconds_a_pass >= 0 for each in seen)


def test_an_image_with_too_many_slices_is_refused_with_a_side_that_makes_fewer() -> None:
    image = np.broadcast_to(np.zeros(3, np.uint8), (9_000, 12_000, 3))

    with pytest.raises(ImageError) as error:
        detect_in_slices(lambda _: NOTHING, image, Slicing(64, 0.2))

    assert str(error.value) == (
        "12000 x 9000 pixels have 41,772 slices with SLICE=64 and SLICE_OVERLAP=0.2; at most 2,000 "
        "are allowed; SLICE=320 is enough"
    )
    assert Slicing(256, 0.2).count(12_000, 9_000) > MOST_SLICES
    assert Slicing(320, 0.2).count(12_000, 9_000) <= MOST_SLICES


@pytest.mark.parametrize("name", ["yolo-fastest-1.1-xl", "yolox-nano"])
@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_people_in_a_mosaic_of_photos_are_found_in_slices(
    name: str, engine: str, shared: Callable[[str], Path]
) -> None:
    from modules.object_detection.images import decode_image

    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
    detector = load_model(LocalFolder(shared(f"models/{name}")), Settings(engine=engine)).detector
    folder = shared("coco128/images")
    photos = [
        decode_image((folder / f"{number:012}.jpg").read_bytes(), max_pixels=10**7).pixels
        for number in (36, 61, 81, 110)
    ]
    image = np.zeros((1280, 2560, 3), np.uint8)
    for index, photo in enumerate(photos):
        top, left = 0, index * 640
        image[top : top + photo.shape[0], left : left + photo.shape[1]] = photo

    whole = detector.detect(image, class_ids=[0])
    found = detect_in_slices(
        lambda pixels: detector.detect(pixels, class_ids=[0]), image, Slicing(640, 0.2)
    )

    assert len(found) > len(whole)
    assert (found.boxes >= 0).all()
    assert (found.boxes <= np.tile([2560, 1280], 2)).all()
    assert (np.diff(found.confidences) <= 0).all()
