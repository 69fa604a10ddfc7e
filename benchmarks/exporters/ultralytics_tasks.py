"""Ultralytics' networks that find masks, keypoints or angles too: boxes are compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from modules.object_detection.detections import Detections

from .comparison import Export, Exports, Image, inside
from .random_weights import blobs, settle
from .ultralytics_families import FORMS, SIZE, predict

TASKS = {"seg": "segment", "pose": "pose", "obb": "obb"}
NAMES = tuple(
    f"{version}-{suffix}" for suffix in TASKS for version in ("yolov8n", "yolo11n", "yolo26n")
)


def exports(name: str, folder: Path, images: list[Image]) -> Exports:
    """Yields every form of one network, with the project's predictor for it."""
    from ultralytics import YOLO

    weights = folder / "random.pt"
    torch.manual_seed(0)
    model = YOLO(f"{name}.yaml")
    head = model.model.model[-1]
    boxes, scores = [head.cv2], [head.cv3]
    end_to_end = name.startswith("yolo26")
    if end_to_end:
        boxes, scores = [*boxes, head.one2one_cv2], [*scores, head.one2one_cv3]
    settle(model.model, [(branch, 1.5e-4) for branch in scores], blobs(images, SIZE))
    if head.reg_max == 1:  # without bins, distances may be negative
        for layer in (level[-1] for branch in boxes for level in branch):
            layer.weight.data *= 0.1
    model.save(weights)
    for form, options in FORMS.items():
        if options.get("nms") is False and not end_to_end:
            continue
        file = Path(YOLO(weights).export(format="onnx", imgsz=SIZE, simplify=False, **options))
        renamed = file.rename(folder / f"{name}-{form.replace(' ', '-')}.onnx")
        task = TASKS[name.partition("-")[2]]
        yield Export(form, renamed), partial(found, YOLO(renamed, task=task), task)


def found(model: Any, task: str, image: Image) -> Detections:
    """Returns the boxes of Ultralytics' predictor, which runs the file with ONNX Runtime.

    They are upright: around angled boxes, those that `OBB.xyxy` returns. The predictor drops
    objects whose mask is empty, which happens with random weights; here they are kept.
    """
    if task == "segment":
        keep_empty_masks()
    result = predict(model, image)
    boxes = result.obb if task == "obb" else result.boxes
    return inside(boxes.xyxy.numpy(), boxes.conf.numpy(), boxes.cls.numpy(), image)


def keep_empty_masks() -> None:
    """Replaces the masks of Ultralytics' predictor, which are not compared, by full ones."""
    from ultralytics.utils import ops

    def full(_: Any, __: Any, boxes: Any, shape: tuple[int, int], **___: Any) -> torch.Tensor:
        return torch.ones(len(boxes), *shape)

    ops.process_mask = full
