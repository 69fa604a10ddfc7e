"""Measures COCO mAP of our core, and of OpenCV 4.14's Darknet importer for comparison.

    make accuracy
    .venv/bin/python benchmarks/accuracy.py MODEL_DIR IMAGE_DIR LABEL_DIR [--reference PYTHON]

The first row is measured as the network's own project does: with its suppression threshold, and
with every class of a box if the project counts those. Below are our default settings, and these
with `--multi-label`. The confidence is 0.001 in all rows, because mAP takes every detection into
account; what a user sees at CONFIDENCE=0.5 is the most confident part of these.

Labels are in YOLO's format: one text file per image, one line per object, `class x y width height`
with the centre and size in units of the image. The reference runs in the given Python, which has
OpenCV 4.14. pycocotools computes mAP (github.com/ppwwyyxx/cocoapi, after Lin et al., 2014).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from modules.cli.models.compare.accuracy import (
    CONFIDENCE,
    Accuracy,
    Rows,
    measure,
    truth_document,
    truth_object,
)
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.object_detection.heads.objectness import YOLOX
from modules.object_detection.images import Image, decode_image, list_suffixes
from modules.settings import Settings

_MAX_PIXELS = 200_000_000


@dataclass(frozen=True)
class Method:
    """How detections are chosen: the threshold of suppression, and the classes of a box."""

    nms: float
    multi_label: bool

    def cells(self) -> tuple[str, str]:
        """Returns how the table shows the method."""
        return "every one" if self.multi_label else "best one", f"{self.nms:g}"


@dataclass(frozen=True)
class OwnTool:
    """The tool by which a project measures its networks, and its method."""

    name: str
    method: Method


# By the head's name: validate_detector_map in Darknet's detector.c, val.py of YOLOv5, tools/eval.py
# of YOLOX, tools/test.py of NanoDet, `yolo val` of Ultralytics. YOLOX's files may have the head of
# YOLOv5's; their preprocessing tells them apart.
_OWN_TOOLS = {
    **dict.fromkeys(
        ("yolo", "region", "Gaussian_yolo"),
        OwnTool("Darknet", Method(0.45, multi_label=True)),
    ),
    **dict.fromkeys(("objectness", "anchors"), OwnTool("YOLOv5", Method(0.6, multi_label=True))),
    "yolox": OwnTool("YOLOX", Method(0.65, multi_label=False)),
    "nanodet": OwnTool("NanoDet", Method(0.6, multi_label=True)),
}
_ULTRALYTICS = OwnTool("Ultralytics", Method(0.7, multi_label=True))


def main() -> int:
    """Prints a row for each method, and one for the reference if --reference is given."""
    parser = argparse.ArgumentParser(description="COCO mAP over a folder of images and YOLO labels")
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("images", type=Path, metavar="IMAGE_DIR")
    parser.add_argument("labels", type=Path, metavar="LABEL_DIR")
    parser.add_argument("--reference", metavar="PYTHON", help="a Python that has OpenCV 4.14")
    parser.add_argument("--by-class", action="store_true", help="also print AP@0.5 of each class")
    parser.add_argument("--engine", default=Settings.engine, help="default: %(default)s")
    parser.add_argument("--nms", type=float, help="measure only with this threshold")
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.images.iterdir() if p.suffix.lower() in list_suffixes())
    if not paths:
        parser.error(f"no images in {arguments.images}")
    model = load_model(LocalFolder(arguments.model), Settings(engine=arguments.engine))
    console = Console(stderr=True)
    images = {
        path.name: decode_image(path.read_bytes(), max_pixels=_MAX_PIXELS)
        for path in track(paths, "decoding", console=console, transient=True)
    }
    truth = read_truth(images, arguments.labels, len(model.labels))
    rows: dict[str, Accuracy] = {}
    columns = ("classes of a box", "NMS", "mAP@0.5", "mAP@0.5:0.95")
    table = Table("", *columns, title=f"{model.name}, {len(images)} images")
    for name, method in choose_methods(model, arguments.nms).items():
        detections = {
            file: detect(model, image, method)
            for file, image in track(images.items(), name, console=console, transient=True)
        }
        measured = {name: measure(truth, detections)}
        if arguments.reference:
            reference = detect_with_reference(arguments, method)
            measured[f"{name}, OpenCV 4.14"] = measure(truth, reference)
        for title, accuracy in measured.items():
            scores = f"{accuracy.map50:.4f}", f"{accuracy.map50_95:.4f}"
            table.add_row(title, *method.cells(), *scores)
        rows |= measured
    Console().print(table)
    if arguments.by_class:
        Console().print(tabulate_classes(model.labels, rows))
    return 0


def own_tool(model: Model) -> OwnTool | None:
    """Returns the tool by which the network's own project measures; None if boxes are final."""
    head = model.detector.head
    if head.suppressed:
        return None
    if head.summary.name == "objectness" and model.detector.preprocessing == YOLOX:
        return _OWN_TOOLS["yolox"]
    return _OWN_TOOLS.get(head.summary.name, _ULTRALYTICS)


def choose_methods(model: Model, nms: float | None) -> dict[str, Method]:
    """Returns the methods to measure, by what to call them; `nms` replaces their thresholds."""
    tool = own_tool(model)
    default = Method(Settings.nms if nms is None else nms, Settings.multi_label)
    if tool is None:
        return {"default": default}
    methods = {"default": default, "--multi-label": replace(default, multi_label=True)}
    return methods if nms is not None else {f"as {tool.name} does": tool.method, **methods}


def tabulate_classes(labels: Sequence[str], rows: dict[str, Accuracy]) -> Table:
    """Returns a table of AP@0.5, with a row for each class in the truth."""
    table = Table("class", *rows, title="AP@0.5")
    for label, *values in zip(labels, *(row.by_class for row in rows.values()), strict=True):
        if not math.isnan(values[0]):
            table.add_row(label, *(f"{value:.4f}" for value in values))
    return table


def read_truth(images: dict[str, Image], labels: Path, classes: int) -> dict[str, Any]:
    """Reads the labels into a COCO document; an image without a label file has no objects."""
    annotations: list[dict[str, Any]] = []
    for image_id, (name, image) in enumerate(images.items(), 1):
        path = labels / f"{Path(name).stem}.txt"
        for line in path.read_text().splitlines() if path.exists() else ():
            class_id, x, y, width, height = (float(value) for value in line.split()[:5])
            sides = width * image.width, height * image.height
            corner = x * image.width - sides[0] / 2, y * image.height - sides[1] / 2
            number = len(annotations) + 1
            annotations.append(truth_object(number, image_id, int(class_id), (*corner, *sides)))
    return truth_document(list(images), annotations, classes)


def detect(model: Model, image: Image, method: Method) -> Rows:
    """Returns our detections as rows: class id, confidence, x1, y1, x2, y2 in pixels."""
    found = model.detector.detect(
        image.pixels, confidence=CONFIDENCE, nms=method.nms, multi_label=method.multi_label
    )
    parts = zip(found.class_ids, found.confidences, found.boxes.tolist(), strict=True)
    return [[int(class_id), float(confidence), *box] for class_id, confidence, box in parts]


def detect_with_reference(arguments: argparse.Namespace, method: Method) -> dict[str, Rows]:
    """Runs benchmarks/opencv4_reference.py in its environment; returns rows as `detect` does."""
    script = Path(__file__).with_name("opencv4_reference.py")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "reference.json")
        command = [arguments.reference, script, arguments.model, arguments.images, out]
        options = ["--confidence", str(CONFIDENCE), "--nms", str(method.nms)]
        options += ["--multi-label"] if method.multi_label else []
        subprocess.run([*map(str, command), *options], check=True)
        recorded = json.loads(out.read_text())["images"]
    return {name: entry["detections"] for name, entry in recorded.items()}


if __name__ == "__main__":
    sys.exit(main())
