"""RF-DETR by Roboflow's own exporter."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image as Pillow

from modules.object_detection.detections import Detections

from .comparison import CONFIDENCE, Export, Exports, Image, inside
from .random_weights import blobs, settle_logits

# (names in the file, columns without a name): COCO's category ids, own classes
FORMS = {"COCO's 91 ids": (90, 91), "20 own classes": (20, 20)}


def exports(name: str, folder: Path, images: list[Image]) -> Exports:
    """Yields RF-DETR-nano with COCO's category ids, and with own classes."""
    from rfdetr import RFDETRNano

    for form, (classes, names) in FORMS.items():
        torch.manual_seed(0)
        model = RFDETRNano(pretrain_weights=None, num_classes=classes)
        inner = model.model.model
        size = model.model.resolution
        batch = blobs(images, size)
        with torch.no_grad():
            settle_logits(inner.eval(), inner.class_embed, 1e-4, batch)
        path = folder / form.replace(" ", "-")
        model.export(output_dir=str(path), verbose=False)
        (file,) = path.glob("*.onnx")
        labels = tuple(map(str, range(names)))
        yield Export(form, file, labels), partial(found, model, names, size)


def found(model: Any, names: int, size: int, image: Image) -> Detections:
    """Returns the detections of RF-DETR's own predictor, of classes that have names.

    OpenCV resizes the image, as in our code; see `post_processed` in transformers_families.py.
    """
    pixels = cv2.cvtColor(cv2.resize(image, (size, size)), cv2.COLOR_BGR2RGB)
    rows = model.predict(Pillow.fromarray(pixels), threshold=CONFIDENCE)
    named = rows.class_id < names
    boxes = rows.xyxy / size * np.tile(image.shape[1::-1], 2)
    return inside(boxes[named], rows.confidence[named], rows.class_id[named], image)
