"""Compares our detections with those of the projects that define and export a network.

    .venv-exporters/bin/python benchmarks/exporters.py IMAGE_DIR [--families yolov8n ...]

Each family is built from its project's definition with seeded random weights, because trained ones
would have to be downloaded. Its project exports it in every form: with a fixed size, with any size,
with the suppression inside, end to end. The last layers are scaled so that a network detects some
dozens of objects in an image. Our detections are compared with those of the project's own
predictor. Two detections are the same if they have the same class, confidences that differ by at
most 0.01, and boxes with an intersection over union of at least 0.99, or with all corners within
half a pixel. Engines round differently, and near-ties may fall either way, so the share of same
detections has to be at least `MIN_SAME_SHARE`.

YOLOX gets the images in a size that can be halved without a remainder: it rounds the size down when
it resizes an image, but not when it scales boxes back; our code uses the rounded size for both.

`make exporters` installs the projects into a separate environment and runs this there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch

from modules.errors import ModelError
from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.engines.registry import ENGINE_NAMES
from modules.object_detection.onnx.importer import import_onnx

SIZE = 320
CONFIDENCE = (
    0.25  # Ultralytics writes this, NMS and MAX_DETECTIONS into exports with suppression inside
)
NMS = 0.7
MAX_DETECTIONS = 300  # detections of an image
ULTRALYTICS = ("yolov5n", "yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n")
END_TO_END = ("yolov10n", "yolo26n")
FORMS: dict[str, dict[str, Any]] = {
    "fixed size": {},
    "any size": {"dynamic": True},
    "NMS inside": {"nms": True},
    "end to end": {"nms": False},
    "end to end, any size": {"nms": False, "dynamic": True},
}
MIN_SAME_SHARE = 0.99


@dataclass(frozen=True)
class Export:
    """One exported file of a family. labels: for files that do not name their classes."""

    form: str
    file: Path
    labels: tuple[str, ...] | None = None


Image = np.ndarray
Predict = Callable[[Image], Detections]


def ultralytics_exports(name: str, folder: Path, images: list[Image]) -> Iterator[
    tuple[Export, Predict]
]:  # fmt: skip
    """Yields every form of one of Ultralytics' networks, with the project's predictor for it."""
    from ultralytics import YOLO

    weights = (
        folder / f"random-{name}.pt"
    )  # under its usual name, the trained file would be downloaded
    torch.manual_seed(0)
    model = YOLO(f"{name}.yaml")
    head = model.model.model[-1]
    boxes, scores = [head.cv2], [head.cv3]
    if name in END_TO_END:
        boxes, scores = [*boxes, head.one2one_cv2], [*scores, head.one2one_cv3]
    settle(model.model, [(branch, 1.5e-4) for branch in scores], ultralytics_blobs(images))
    if head.reg_max == 1:  # without bins, distances may be negative
        for layer in (level[-1] for branch in boxes for level in branch):
            layer.weight.data *= 0.1
    model.save(weights)
    for form, options in FORMS.items():
        end_to_end = options.get("nms") is False
        if end_to_end and name not in END_TO_END:
            continue
        file = Path(YOLO(weights).export(format="onnx", imgsz=SIZE, simplify=False, **options))
        renamed = file.rename(folder / f"{name}-{form.replace(' ', '-')}.onnx")
        yield Export(form, renamed), partial(ultralytics_found, YOLO(renamed, task="detect"))


def ultralytics_found(model: Any, image: Image) -> Detections:
    """Returns the detections of Ultralytics' predictor, which runs the file with ONNX Runtime."""
    (result,) = model.predict(
        image,
        imgsz=SIZE,
        conf=CONFIDENCE,
        iou=NMS,
        rect=False,
        verbose=False,
        max_det=MAX_DETECTIONS,
    )
    boxes = result.boxes
    return inside(boxes.xyxy.numpy(), boxes.conf.numpy(), boxes.cls.numpy(), image)


def ultralytics_blobs(images: list[Image]) -> torch.Tensor:
    """Returns images, stretched to `SIZE`, as a batch `(N, 3, SIZE, SIZE)` RGB from 0 to 1."""
    blobs = cv2.dnn.blobFromImages(images, 1 / 255, (SIZE, SIZE), swapRB=True)
    return torch.from_numpy(blobs)


def yolox_exports(name: str, folder: Path, images: list[Image]) -> Iterator[tuple[Export, Predict]]:
    """Yields YOLOX with its boxes decoded in the network, and without."""
    from yolox.exp import get_exp
    from yolox.models.network_blocks import SiLU
    from yolox.utils import replace_module

    torch.manual_seed(0)
    model = get_exp(exp_name=name).get_model()
    blobs = ultralytics_blobs(images)[:, [2, 1, 0]] * 255
    settle(model, [(model.head.cls_preds, 2e-3), (model.head.obj_preds, 0.05)], blobs)
    for layer in model.head.reg_preds:
        layer.weight.data *= 0.1  # sizes are exponentials of these
    model = replace_module(model.eval(), torch.nn.SiLU, SiLU)  # as tools/export_onnx.py does
    labels = tuple(str(index) for index in range(model.head.num_classes))
    for decoded in (True, False):
        model.head.decode_in_inference = decoded
        file = folder / f"{name}-{decoded}.onnx"
        torch.onnx.export(
            model, torch.zeros(1, 3, SIZE, SIZE), str(file), input_names=["images"],
            output_names=["output"], opset_version=11, dynamo=False,
        )  # fmt: skip
        form = "decoded" if decoded else "not decoded"
        yield Export(form, file, labels), partial(yolox_found, model)


def yolox_found(model: Any, image: Image) -> Detections:
    """Returns the detections of YOLOX's own preprocessing and postprocessing, with PyTorch."""
    from yolox.data.data_augment import preproc
    from yolox.utils import postprocess

    blob, ratio = preproc(image, (SIZE, SIZE))
    model.head.decode_in_inference = True
    with torch.no_grad():
        (rows,) = postprocess(
            model(torch.from_numpy(blob)[None]), model.head.num_classes, CONFIDENCE, NMS
        )
    if rows is None:
        rows = torch.zeros(0, 7)
    scores = (rows[:, 4] * rows[:, 5]).numpy()
    return inside(rows[:, :4].numpy() / ratio, scores, rows[:, 6].numpy(), image)


def inside(boxes: Any, scores: Any, class_ids: Any, image: Image) -> Detections:
    """Clips boxes to the image and drops empty ones, as our code does."""
    height, width = image.shape[:2]
    boxes = boxes.clip(0, [width, height, width, height])
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(boxes[kept], scores[kept], class_ids[kept].astype(np.int32))


def settle(model: Any, branches: list[tuple[Any, float]], blobs: torch.Tensor) -> None:
    """Adjusts random weights: batch norms fit the images, and some scores are high.

    branches: for each level, the layer before the scores, or a sequence that ends in it, and the
    share of the scores that shall be above a half.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # cumulative averages
    layers = [
        (part[-1] if isinstance(part, torch.nn.Sequential) else part, share)
        for branch, share in branches
        for part in branch
    ]
    training = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    model.eval()
    with torch.no_grad():
        for module in training:
            module.train()
        model(blobs)
        model.eval()
        seen: dict[Any, torch.Tensor] = {}
        hooks = [
            layer.register_forward_hook(lambda own, _, out: seen.update({own: out}))
            for layer, _ in layers
        ]
        model(blobs)
        for hook in hooks:
            hook.remove()
        for layer, share in layers:
            logits = seen[layer]
            means = logits.mean(dim=(0, 2, 3), keepdim=True)
            passing = ((logits - means) / logits.std()).quantile(1 - share)
            layer.weight /= logits.std()
            layer.bias.copy_((layer.bias - means.flatten()) / logits.std() - passing)


def same(found: Detections, expected: Detections) -> tuple[int, int]:
    """Counts same detections, and all, among the `MAX_DETECTIONS` most confident of each side."""
    left = list(range(min(len(found), MAX_DETECTIONS)))
    same_count = 0
    for index in range(min(len(expected), MAX_DETECTIONS)):
        for other in left:
            if (
                found.class_ids[other] == expected.class_ids[index]
                and abs(found.confidences[other] - expected.confidences[index]) <= 0.01
                and same_box(found.boxes[other], expected.boxes[index])
            ):
                left.remove(other)
                same_count += 1
                break
    return 2 * same_count, min(len(found), MAX_DETECTIONS) + min(len(expected), MAX_DETECTIONS)


def same_box(a: Any, b: Any) -> bool:
    """Returns whether two boxes, `(4,)` xyxy, count as the same."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(sides.clip(0)))
    overlap = shared / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)
    return overlap >= 0.99 or bool(np.abs(a - b).max() <= 0.5)


def compare(family: str, export: Export, predict: Predict, images: list[Image]) -> bool:
    """Prints a line for each engine; returns whether each found the same or refused as expected."""
    expected = [predict(image) for image in images]
    agreed = True
    for engine in ENGINE_NAMES:
        try:
            network, loaded = import_onnx(
                np.fromfile(export.file, np.uint8), engine=engine, labels=export.labels
            )
        except ModelError as error:
            print(family, export.form, engine, f"refused: {str(error)[:90]}", sep="\t", flush=True)
            agreed &= engine == "opencv" and export.form == "NMS inside"
            continue
        detector = Detector(network, engine=loaded)
        pairs = [
            same(detector.detect(image, confidence=CONFIDENCE, nms=NMS), wanted)
            for image, wanted in zip(images, expected, strict=True)
        ]
        same_count, total = np.sum(pairs, axis=0)
        share = same_count / total if total else 0.0
        print(family, export.form, engine, f"{same_count} of {total}", f"{share:.2%}", sep="\t",
              flush=True)  # fmt: skip
        agreed &= bool(share >= MIN_SAME_SHARE)
    return agreed


def main() -> int:
    """Compares every family; returns 1 if one differs from its project's predictor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", type=Path, metavar="IMAGE_DIR")
    parser.add_argument("--families", nargs="+", default=[*ULTRALYTICS, "yolox-nano"])
    arguments = parser.parse_args()
    images = [cv2.imread(str(path)) for path in sorted(arguments.images.glob("*.jpg"))]
    agreed = True
    print("family", "form", "engine", "same detections", "share", sep="\t")
    with tempfile.TemporaryDirectory() as folder:
        for family in arguments.families:
            seen = images
            exports = ultralytics_exports
            if family.startswith("yolox"):
                seen = [cv2.resize(image, (2 * SIZE, 3 * SIZE // 2)) for image in images]
                exports = yolox_exports
            pairs = exports(family, Path(folder), seen)
            while True:
                with contextlib.redirect_stdout(io.StringIO()):  # exporters print a lot
                    pair = next(pairs, None)
                if pair is None:
                    break
                agreed &= compare(family, *pair, seen)
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
