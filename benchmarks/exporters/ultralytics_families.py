"""Ultralytics' networks: YOLOv5 to YOLO26 and RT-DETR."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import torch

from modules.object_detection.detections import Detections

from .comparison import CONFIDENCE, MAX_DETECTIONS, NMS, Export, Exports, Image, inside
from .random_weights import blobs, settle, settle_logits

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")

SIZE = 320
YOLOS = ("yolov5n", "yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n")
END_TO_END = ("yolov10n", "yolo26n")
FORMS: dict[str, dict[str, Any]] = {
    "fixed size": {},
    "any size": {"dynamic": True},
    "NMS inside": {"nms": True},
    "end to end": {"nms": False},
    "end to end, any size": {"nms": False, "dynamic": True},
    "batch of 4": {"batch": 4},
    "batch of 4, NMS inside": {"batch": 4, "nms": True},
}
IN_BATCHES = ("yolov8n", "yolo11n")


def yolo_exports(name: str, folder: Path, images: list[Image]) -> Exports:
    """Yields every form of one of Ultralytics' networks, with the project's predictor for it."""
    from ultralytics import YOLO

    weights = folder / "random.pt"  # under its usual name, the trained file would be downloaded
    torch.manual_seed(0)
    model = YOLO(f"{name}.yaml")
    head = model.model.model[-1]
    boxes, scores = [head.cv2], [head.cv3]
    if name in END_TO_END:
        boxes, scores = [*boxes, head.one2one_cv2], [*scores, head.one2one_cv3]
    settle(model.model, [(branch, 1.5e-4) for branch in scores], blobs(images, SIZE))
    if head.reg_max == 1:  # without bins, distances may be negative
        for layer in (level[-1] for branch in boxes for level in branch):
            layer.weight.data *= 0.1
    model.save(weights)
    for form, options in FORMS.items():
        end_to_end, several = options.get("nms") is False, "batch" in options
        if (end_to_end and name not in END_TO_END) or (several and name not in IN_BATCHES):
            continue
        file = Path(YOLO(weights).export(format="onnx", imgsz=SIZE, simplify=False, **options))
        renamed = file.rename(folder / f"{name}-{form.replace(' ', '-')}.onnx")
        # Ultralytics' predictor does not give one image to a file for several
        reference = folder / f"{name}-fixed-size.onnx" if several else renamed
        yield Export(form, renamed), partial(found, YOLO(reference, task="detect"))


def found(model: Any, image: Image) -> Detections:
    """Returns the detections of Ultralytics' predictor, which runs the file with ONNX Runtime."""
    boxes = predict(model, image).boxes
    return inside(boxes.xyxy.numpy(), boxes.conf.numpy(), boxes.cls.numpy(), image)


def predict(model: Any, image: Image) -> Any:
    """Returns what Ultralytics' predictor finds, with the thresholds of this comparison."""
    (result,) = model.predict(
        image,
        imgsz=SIZE,
        conf=CONFIDENCE,
        iou=NMS,
        rect=False,
        verbose=False,
        max_det=MAX_DETECTIONS,
    )
    return result


def rt_detr_exports(name: str, folder: Path, images: list[Image]) -> Exports:
    """Yields RT-DETR with a fixed size and with any size."""
    from ultralytics import RTDETR

    weights = folder / "random.pt"
    torch.manual_seed(0)
    model = RTDETR(f"{name}.yaml")
    batch = blobs(images, SIZE)
    settle(model.model, [], batch)
    settle_logits(model.model, model.model.model[-1].dec_score_head[-1], 2e-3, batch)
    model.save(weights)
    for form, options in (("fixed size", {}), ("any size", {"dynamic": True})):
        file = Path(RTDETR(weights).export(format="onnx", imgsz=SIZE, simplify=False, **options))
        renamed = file.rename(folder / f"{name}-{form.replace(' ', '-')}.onnx")
        yield Export(form, renamed), partial(found, RTDETR(weights))
