from collections.abc import Callable
from pathlib import Path

import pytest

from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.object_detection.images import decode_image
from modules.settings import Settings

pytest.importorskip("pycocotools", reason="needs pycocotools of requirements-batch.txt")

from benchmarks.accuracy import Method, choose_methods, detect, read_truth
from modules.cli.models.compare.accuracy import measure


@pytest.mark.parametrize(
    ("name", "tool", "method"),
    [
        ("yolo-fastest-1.1", "as Darknet does", Method(0.45, multi_label=True)),
        ("yolox-nano", "as YOLOX does", Method(0.65, multi_label=False)),
    ],
)
def test_a_network_is_measured_as_its_project_does_and_with_our_defaults(
    name: str, tool: str, method: Method, shared: Callable[[str], Path]
) -> None:
    model = load_model(LocalFolder(shared(f"models/{name}")), Settings())

    assert choose_methods(model, None) == {
        tool: method,
        "default": Method(0.4, multi_label=False),
        "--multi-label": Method(0.4, multi_label=True),
    }


@pytest.mark.parametrize(
    ("name", "method", "map50", "map50_95"),
    [
        ("yolo-fastest-1.1-xl", Method(0.45, multi_label=True), 0.45, 0.24),
        ("yolo-fastest-1.1-xl", Method(0.4, multi_label=False), 0.42, 0.225),
        ("yolox-nano", Method(0.65, multi_label=False), 0.50, 0.325),
    ],
)
def test_accuracy_on_photos_of_coco(
    name: str, method: Method, map50: float, map50_95: float, shared: Callable[[str], Path]
) -> None:
    """The bounds lie up to a hundredth below what `make accuracy` measured."""
    model = load_model(LocalFolder(shared(f"models/{name}")), Settings())
    paths = sorted(shared("coco128/images").iterdir())
    images = {path.name: decode_image(path.read_bytes(), max_pixels=10**7) for path in paths}
    truth = read_truth(images, shared("coco128/labels"), len(model.labels))

    found = measure(truth, {key: detect(model, image, method) for key, image in images.items()})

    assert len(images) == 128
    assert map50 <= found.map50 < map50 + 0.02
    assert map50_95 <= found.map50_95 < map50_95 + 0.02
