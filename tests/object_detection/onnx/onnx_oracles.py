"""Each YOLO project's own reading of its network's outputs, copied from its sources.

Our detections must equal these. They share no code with ours, and ONNX Runtime runs the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tests.object_detection.onnx.onnx_layers import ANCHORS, SIZE, STRIDES

Array = NDArray[Any]
_GREY = 114


@dataclass(frozen=True)
class Found:
    """boxes: `(N, 4)` xyxy in pixels of the image. confidences, class_ids: `(N,)`, best first."""

    boxes: Array
    confidences: Array
    class_ids: Array


def ultralytics_letterbox(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """ultralytics/data/augment.py, class LetterBox (auto=False, center=True)."""
    shape = image.shape[:2]
    r = min(size[1] / shape[0], size[0] / shape[1])
    new_unpad = max(round(shape[1] * r), 1), max(round(shape[0] * r), 1)
    dw, dh = (size[0] - new_unpad[0]) / 2, (size[1] - new_unpad[1]) / 2
    resized = cv2.resize(image, new_unpad, interpolation=cv2.INTER_LINEAR)
    top, bottom = round(dh - 0.1), round(dh + 0.1)
    left, right = round(dw - 0.1), round(dw + 0.1)
    return cv2.copyMakeBorder(  # type: ignore[no-any-return]
        resized, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(_GREY, _GREY, _GREY)
    )


def ultralytics_input(image: NDArray[np.uint8]) -> Array:
    """ultralytics/engine/predictor.py, preprocess; YOLOv5, v6 and v7 do the same."""
    rgb = ultralytics_letterbox(image, SIZE)[..., ::-1].transpose(2, 0, 1)[np.newaxis]
    return np.ascontiguousarray(rgb).astype(np.float32) / 255


def yolox_input(image: NDArray[np.uint8], size: tuple[int, int] = SIZE) -> Array:
    """yolox/data/data_augment.py, preproc."""
    padded = np.ones((size[1], size[0], 3), np.uint8) * _GREY
    r = min(size[1] / image.shape[0], size[0] / image.shape[1])
    resized = cv2.resize(
        image, (int(image.shape[1] * r), int(image.shape[0] * r)), interpolation=cv2.INTER_LINEAR
    ).astype(np.uint8)
    padded[: int(image.shape[0] * r), : int(image.shape[1] * r)] = resized
    return np.ascontiguousarray(padded.transpose((2, 0, 1)), dtype=np.float32)[np.newaxis]


def run(onnx: bytes, blob: Array) -> list[Array]:
    """Returns all outputs."""
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: blob}))


def nms(boxes: Array, scores: Array, threshold: float) -> Array:
    """torchvision.ops.nms."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        box, others = boxes[index], boxes[kept]
        sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
        shared = sides.clip(0).prod(axis=1)
        areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
        if (shared / ((box[2:] - box[:2]).prod() + areas - shared) <= threshold).all():
            kept.append(int(index))
    return np.array(kept, int)


def xywh2xyxy(x: Array) -> Array:
    """Turns centres and sizes, `(N, 4)`, into corners."""
    return np.concatenate([x[:, :2] - x[:, 2:4] / 2, x[:, :2] + x[:, 2:4] / 2], axis=1)


def scale_boxes(boxes: Array, image: NDArray[np.uint8]) -> Array:
    """ultralytics/utils/ops.py, scale_boxes."""
    height, width = image.shape[:2]
    gain = min(SIZE[1] / height, SIZE[0] / width)
    pad = round((SIZE[0] - width * gain) / 2 - 0.1), round((SIZE[1] - height * gain) / 2 - 0.1)
    boxes = (boxes - np.array([*pad, *pad])) / gain
    return boxes.clip(0, [width, height, width, height])


def _suppressed(
    boxes: Array, scores: Array, classes: Array, confidence: float, iou: float
) -> Found:
    """Suppresses within each class: boxes of different classes are moved away from each other."""
    passed = scores > confidence
    boxes, scores, classes = boxes[passed], scores[passed], classes[passed]
    kept = nms(boxes + classes[:, np.newaxis] * 7680, scores, iou)
    return Found(boxes[kept], scores[kept], classes[kept])


def yolov5(prediction: Array, image: Any, confidence: float, iou: float) -> Found:
    """yolov5/utils/general.py, non_max_suppression (multi_label=False)."""
    x = prediction[0][prediction[0][:, 4] > confidence]
    scores = x[:, 5:] * x[:, 4:5]
    found = _suppressed(xywh2xyxy(x), scores.max(1), scores.argmax(1), confidence, iou)
    return Found(scale_boxes(found.boxes, image), found.confidences, found.class_ids)


def yolov7(prediction: Array, image: Any, confidence: float, iou: float) -> Found:
    """yolov7/utils/general.py, non_max_suppression: one class takes the objectness alone."""
    x = prediction.copy()
    if x.shape[2] == 6:
        x[..., 5] = 1
    return yolov5(x, image, confidence, iou)


def yolov5_last_step(levels: list[Array]) -> Array:
    """yolov5/models/yolo.py, Detect.forward, of raw levels `(1, 3, H, W, 5 + classes)`."""
    z = []
    for raw, stride, anchors in zip(levels, STRIDES, ANCHORS, strict=True):
        y = 1 / (1 + np.exp(-raw))
        for anchor, (width, height) in enumerate(anchors):
            for row in range(raw.shape[2]):
                for column in range(raw.shape[3]):
                    cell = y[0, anchor, row, column]
                    cell[0:2] = (cell[0:2] * 2 - 0.5 + np.array([column, row])) * stride
                    cell[2:4] = (cell[2:4] * 2) ** 2 * np.array([width, height])
        z.append(y.reshape(1, -1, raw.shape[4]))
    return np.concatenate(z, axis=1)


def yolov8(prediction: Array, image: Any, confidence: float, iou: float) -> Found:
    """ultralytics/utils/nms.py, non_max_suppression (multi_label=False)."""
    x = prediction[0].T
    scores = x[:, 4:]
    found = _suppressed(xywh2xyxy(x), scores.max(1), scores.argmax(1), confidence, iou)
    return Found(scale_boxes(found.boxes, image), found.confidences, found.class_ids)


def end_to_end(prediction: Array, image: Any, confidence: float, iou: float) -> Found:
    """ultralytics/utils/nms.py: `if prediction.shape[-1] == 6 or end2end`."""
    x = prediction[0][prediction[0][:, 4] > confidence]
    return Found(scale_boxes(x[:, :4], image), x[:, 4], x[:, 5])


def yolov7_end_to_end(prediction: Array, image: Any, confidence: float, iou: float) -> Found:
    """The columns as in YOLOv7's ONNX Runtime notebook."""
    x = np.array(
        [[x0, y0, x1, y1, s, c] for _, x0, y0, x1, y1, c, s in prediction if s > confidence]
    )
    return Found(scale_boxes(x[:, :4], image), x[:, 4], x[:, 5])


def demo_postprocess(outputs: Array) -> Array:
    """yolox/utils/demo_utils.py."""
    grids, expanded_strides = [], []
    for stride in STRIDES:
        xv, yv = np.meshgrid(np.arange(SIZE[0] // stride), np.arange(SIZE[1] // stride))
        grids.append(np.stack((xv, yv), 2).reshape(1, -1, 2))
        expanded_strides.append(np.full((1, grids[-1].shape[1], 1), stride))
    strides = np.concatenate(expanded_strides, 1)
    xy = (outputs[..., :2] + np.concatenate(grids, 1)) * strides
    return np.concatenate([xy, np.exp(outputs[..., 2:4]) * strides, outputs[..., 4:]], axis=2)


def yolox(prediction: Array, image: Any, confidence: float, iou: float) -> Found:
    """yolox/utils/boxes.py, postprocess; boxes divided by preproc's ratio as in demo.py."""
    x = prediction[0]
    scores = x[:, 4] * x[:, 5:].max(1)
    found = _suppressed(xywh2xyxy(x), scores, x[:, 5:].argmax(1), confidence, iou)
    height, width = image.shape[:2]
    boxes = found.boxes / min(SIZE[1] / height, SIZE[0] / width)
    boxes = boxes.clip(0, [width, height, width, height])
    return Found(boxes, found.confidences, found.class_ids)
