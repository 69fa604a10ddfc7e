"""The committed model, loaded as users load it, on scenes that training did not use."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.drawing.varieties import KINDS
from demo.market.scenes import HELD_OUT_SEED, SAMPLE_SEED, TRAINING_SEED, Scene, render_scene
from demo.market.stage import Label
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.object_detection.detections import Detections
from modules.settings import Settings

DEMO = Path(__file__).parent.parent.parent / "demo"
FRESH_SEED, SCENES = 4, 40
SAMPLES = sorted(DEMO.glob("market-*.jpg"))


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(LocalFolder(DEMO / "fruits"), Settings())


@pytest.fixture(scope="module")
def detected(model: Model) -> list[tuple[Scene, Detections]]:
    """Scenes, and the detections at the default confidence."""
    scenes = [render_scene(FRESH_SEED, number, (320, 240)) for number in range(SCENES)]
    settings = Settings()
    return [
        (
            scene,
            model.detector.detect(scene.pixels, confidence=settings.confidence, nms=settings.nms),
        )
        for scene in scenes
    ]


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes, xyxy."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (sum(areas) - shared)


def matches(labels: tuple[Label, ...], found: Detections) -> int:
    """Counts the labels that are found: by a detection of their class with an IoU of 0.5."""
    free = list(labels)
    for class_id, box in zip(found.class_ids, found.boxes.tolist(), strict=True):
        candidates = [label for label in free if label.class_id == class_id]
        best = max(candidates, key=lambda label: overlap(label.box, tuple(box)), default=None)
        if best is not None and overlap(best.box, tuple(box)) >= 0.5:
            free.remove(best)
    return len(labels) - len(free)


def test_the_model_is_three_files_of_less_than_a_megabyte_and_a_half(model: Model) -> None:
    files = sorted((DEMO / "fruits").iterdir())

    assert [path.name for path in files] == ["fruits.cfg", "fruits.names", "fruits.weights"]
    assert sum(path.stat().st_size for path in files) < 1_500_000
    assert tuple(model.labels) == KINDS


def test_it_finds_most_fruit_in_scenes_that_training_did_not_use(
    detected: list[tuple[Scene, Detections]],
) -> None:
    there = sum(len(scene.labels) for scene, _ in detected)
    reported = sum(len(found) for _, found in detected)
    right = sum(matches(scene.labels, found) for scene, found in detected)

    assert FRESH_SEED not in (TRAINING_SEED, HELD_OUT_SEED, SAMPLE_SEED)
    assert right / there >= 0.85
    assert right / reported >= 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_every_kind(kind: str, detected: list[tuple[Scene, Detections]]) -> None:
    class_id = KINDS.index(kind)
    wanted = [
        tuple(label for label in scene.labels if label.class_id == class_id)
        for scene, _ in detected
    ]
    right = sum(matches(labels, found) for labels, (_, found) in zip(wanted, detected, strict=True))

    # cherries lie in heaps, where bunches are hard to tell apart
    assert right / sum(map(len, wanted)) >= (0.6 if kind == "cherry" else 0.8)


def test_it_finds_nothing_on_an_empty_table(model: Model) -> None:
    for grey in (0, 90, 200):
        empty = np.full((240, 320, 3), grey, np.uint8)

        assert len(model.detector.detect(empty)) == 0


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_unchanged_rendered_scenes(path: Path) -> None:
    scene = render_scene(SAMPLE_SEED, int(path.stem.removeprefix("market-")), (768, 576))
    pixels = cv2.imread(str(path))

    assert path.stat().st_size < 150_000
    assert np.abs(pixels.astype(int) - scene.pixels).mean() < 6  # JPEG's loss


def test_the_training_log_ends_with_the_accuracy_that_was_reached() -> None:
    with (DEMO / "training.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert float(rows[-1]["map50"]) >= 0.9
    assert float(rows[0]["map50"]) < 0.6
