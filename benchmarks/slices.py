"""Measures what SLICE finds in large pictures, and its cost; writes benchmarks/slices.md.

    make slices
    .venv/bin/python benchmarks/slices.py IMAGES LABELS MODEL_DIR [MODEL_DIR ...]

Photos of their own size are laid side by side, 4 x 4 to a mosaic, with their labels. The mAP of the
photos one by one is what slices of the mosaics could reach. Every detection from a confidence of
0.001 on counts, and any number of them for each picture. Times are of the processor, in pairs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.accuracy import read_truth
from benchmarks.machine import describe_machine
from modules.cli.models.compare.accuracy import CONFIDENCE, Rows, measure
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.object_detection.detections import Detections
from modules.object_detection.images import Image, decode_image
from modules.object_detection.slicing import Slicing, detect_in_slices
from modules.settings import Settings

_REPORT = Path(__file__).with_suffix(".md")
_ACROSS = 4
_SIDES = (640, 320)  # for mosaics; for photos, which 640 would not cut
_PAIRS = 7

Pixels = NDArray[np.uint8]


def main() -> None:
    """Writes a row for each network."""
    parser = argparse.ArgumentParser(description="mAP and time of SLICE")
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL_DIR")
    arguments = parser.parse_args()
    photos = {
        path.name: decode_image(path.read_bytes(), max_pixels=10**8)
        for path in sorted(arguments.images.iterdir())
    }
    accuracy, times = [], []
    for folder in arguments.models:
        model = load_model(LocalFolder(folder), Settings())
        truth = read_truth(photos, arguments.labels, len(model.labels))
        mosaics, mosaic_truth = make_mosaics(photos, truth)
        accuracy.append(measure_accuracy(model, photos, truth, mosaics, mosaic_truth))
        print(accuracy[-1], flush=True)
        times.append(measure_time(model, next(iter(mosaics.values())).pixels))
        print(times[-1], flush=True)
    tables = _REPORT.read_text().partition("<!-- what was tried -->")
    _REPORT.write_text(_page(accuracy, times) + tables[1] + tables[2])


def make_mosaics(photos: dict[str, Image], truth: dict[str, Any]) -> tuple[dict[str, Image], Any]:
    """Lays photos side by side, row under row, 4 x 4 to a mosaic; returns these and their truth."""
    numbers = {item["file_name"]: item["id"] for item in truth["images"]}
    mosaics: dict[str, Image] = {}
    annotations: list[dict[str, Any]] = []
    for group in _groups(list(photos), _ACROSS**2):
        rows = list(_groups(group, _ACROSS))
        width = max(sum(photos[name].width for name in row) for row in rows)
        heights = [max(photos[name].height for name in row) for row in rows]
        pixels = np.full((sum(heights), width, 3), 114, np.uint8)
        top = 0
        for row, height in zip(rows, heights, strict=True):
            left = 0
            for name in row:
                photo = photos[name]
                pixels[top : top + photo.height, left : left + photo.width] = photo.pixels
                annotations += [
                    {
                        **item,
                        "id": len(annotations) + index,
                        "image_id": len(mosaics) + 1,
                        "bbox": [item["bbox"][0] + left, item["bbox"][1] + top, *item["bbox"][2:]],
                    }
                    for index, item in enumerate(_of(truth, numbers[name]), 1)
                ]
                left += photo.width
            top += height
        mosaics[f"mosaic {len(mosaics) + 1}"] = Image(pixels, "jpeg")
    images = [{"id": number, "file_name": name} for number, name in enumerate(mosaics, 1)]
    return mosaics, {**truth, "images": images, "annotations": annotations}


def _of(truth: dict[str, Any], image_id: int) -> list[dict[str, Any]]:
    return [item for item in truth["annotations"] if item["image_id"] == image_id]


def _groups(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def measure_accuracy(
    model: Model,
    photos: dict[str, Image],
    truth: dict[str, Any],
    mosaics: dict[str, Image],
    mosaic_truth: dict[str, Any],
) -> str:
    """Returns the table's row of a network."""
    plain = partial(model.detector.detect, confidence=CONFIDENCE)
    found = {
        "photos": score(plain, photos, truth),
        "mosaics": score(plain, mosaics, mosaic_truth),
        "sliced": score(sliced(model, _SIDES[0]), mosaics, mosaic_truth),
        "photos sliced": score(sliced(model, _SIDES[1]), photos, truth),
    }
    ratio = found["sliced"] / found["photos"]
    cells = [f"{value:.4f}" for value in found.values()]
    return f"| {model.name} | {' | '.join(cells[:3])} | {ratio:.3f} | {cells[3]} |"


def sliced(model: Model, side: int) -> Callable[[Pixels], Detections]:
    """Returns a function that detects in slices, as the settings do."""
    detector = model.detector
    slicing = Slicing.for_network(
        side, Settings.slice_overlap, detector.preprocessing, detector.input_size
    )
    detect = partial(detector.detect, confidence=CONFIDENCE)
    return lambda pixels: detect_in_slices(detect, pixels, slicing)


def score(
    detect: Callable[[Pixels], Detections], images: dict[str, Image], truth: dict[str, Any]
) -> float:
    """Returns mAP@0.5; as many detections of an image count as there are."""
    rows = {name: _rows(detect(image.pixels)) for name, image in images.items()}
    return measure(truth, rows, most=max(map(len, rows.values()), default=1)).map50


def _rows(found: Detections) -> Rows:
    parts = zip(found.class_ids, found.confidences, found.boxes.tolist(), strict=True)
    return [[int(class_id), float(confidence), *box] for class_id, confidence, box in parts]


def measure_time(model: Model, mosaic: Pixels) -> str:
    """Returns the table's row of a network: of all passes, against one pass of a photo's size."""
    detector = model.detector
    slicing = Slicing.for_network(
        _SIDES[0], Settings.slice_overlap, detector.preprocessing, detector.input_size
    )
    height, width = mosaic.shape[:2]
    slices = slicing.count(width, height)
    across, down = slicing.size
    one, all_ = [], []
    for _ in range(_PAIRS):
        one.append(_seconds(lambda: detector.detect(mosaic[:down, :across])))
        all_.append(_seconds(lambda: detect_in_slices(detector.detect, mosaic, slicing)))
    single, whole = statistics.median(one), statistics.median(all_)
    return (
        f"| {model.name} | {width} x {height} | {slices} | {single * 1000:.1f} ms | "
        f"{whole * 1000:.0f} ms | {whole / single / slices:.2f} |"
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _page(accuracy: list[str], times: list[str]) -> str:
    overlap = Settings.slice_overlap
    return "\n".join(
        [
            "# Slices",
            "",
            f"`make slices`, on {describe_machine()}. Photos of COCO128, one by one, and laid side "
            f"by side, 4 x 4 to a mosaic; `SLICE={_SIDES[0]}`, `SLICE_OVERLAP={overlap}`. mAP@0.5:",
            "",
            "| network | photos, one by one | mosaics | mosaics, `SLICE=640` | of one by one "
            "| photos, `SLICE=320` |",
            "|---|--:|--:|--:|--:|--:|",
            *accuracy,
            "",
            "With `SLICE=640` the photos, of at most 640 pixels a side, have the same result as "
            "without. Processor time:",
            "",
            "| network | mosaic | slices | one pass | all passes | of slices x one |",
            "|---|---|--:|--:|--:|--:|",
            *times,
            "",
            "",
        ]
    )


if __name__ == "__main__":
    main()
