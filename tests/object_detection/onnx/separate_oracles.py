"""Each project's own reading of boxes, scores and what else its network finds, from its sources.

Like onnx_oracles.py: the code is theirs, simplified, and ONNX Runtime runs the network.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tests.object_detection.onnx.onnx_layers import SIZE
from tests.object_detection.onnx.onnx_oracles import (
    Array,
    Found,
    nms,
    scale_boxes,
    xywh2xyxy,
    yolox_input,
)
from tests.object_detection.onnx.separate_models import BINS, NANODET_STRIDES

Image = NDArray[np.uint8]
BGR_MEAN, BGR_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def run(onnx: bytes, blob: Array, **others: Array) -> dict[str, Array]:
    """Returns all outputs by name; `others` are the inputs besides the image, the first one."""
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feed = {session.get_inputs()[0].name: blob, **others}
    return dict(zip(names, session.run(None, feed), strict=True))


def per_class(boxes: Array, scores: Array, confidence: float, iou: float) -> Found:
    """Takes each box's best class, and suppresses within each class."""
    classes, best = scores.argmax(1), scores.max(1)
    (passed,) = np.nonzero(best > confidence)
    kept = passed[nms(boxes[passed] + classes[passed, None] * 7680, best[passed], iou)]
    return Found(boxes[kept], best[kept], classes[kept])


def yolo_nas(boxes: Array, scores: Array, image: Image, confidence: float, iou: float) -> Found:
    """PPYoloEPostPredictionCallback in super-gradients, with a letterbox of the whole input."""
    found = per_class(boxes[0], scores[0], confidence, iou)
    return Found(scale_boxes(found.boxes, image), found.confidences, found.class_ids)


def yolo_nas_batch(outputs: list[Array], image: Image, confidence: float) -> Found:
    """iterate_over_detection_predictions_in_batched_format in super-gradients' export docs."""
    number, boxes, scores, classes = outputs
    count = int(number[0, 0])
    boxes, scores, classes = boxes[0, :count], scores[0, :count], classes[0, :count]
    passed = scores > confidence
    return Found(scale_boxes(boxes[passed], image), scores[passed], classes[passed])


def rtmdet_input(image: Image) -> Array:
    """The test_pipeline of rtmdet_l_8xb32-300e_coco.py: Resize, Pad at the right and below.

    The data_preprocessor then subtracts the mean and divides by the std, in BGR.
    """
    padded = yolox_input(image)
    mean, std = (np.array(each).reshape(1, 3, 1, 1) for each in (BGR_MEAN, BGR_STD))
    scaled: Array = ((padded - mean) / std).astype(np.float32)
    return scaled


def mmdeploy(dets: Array, labels: Array, image: Image, confidence: float) -> Found:
    """End2EndModel.forward in mmdeploy's object_detection_model.py: boxes / scale_factor."""
    scale = min(SIZE[0] / image.shape[1], SIZE[1] / image.shape[0])
    passed = dets[0, :, 4] > confidence
    return Found(dets[0, passed, :4] / scale, dets[0, passed, 4], labels[0, passed])


def paddle_input(image: Image, *, normalised: bool) -> Array:
    """Resize and NormalizeImage in PaddleDetection's deploy/python/preprocess.py.

    It resizes by cubic interpolation (`interp: 2`); this resizes bilinearly, as our code does.
    """
    pixels = cv2.resize(image, SIZE)[..., ::-1].astype(np.float32) / 255
    if normalised:
        pixels = (pixels - np.array(RGB_MEAN)) / np.array(RGB_STD)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)


def paddle_factor(image: Image) -> Array:
    """The same file: `scale_factor` is [[height, width]] of the input / the image."""
    factors = [SIZE[1] / image.shape[0], SIZE[0] / image.shape[1]]
    return np.array([factors], np.float32)


def paddle(rows: Array, confidence: float) -> Found:
    """deploy/third_engine/onnx/infer.py: class, score and box; boxes are the image's already."""
    rows = rows[(rows[:, 0] > -1) & (rows[:, 1] > confidence)]
    return Found(rows[:, 2:], rows[:, 1], rows[:, 0].astype(int))


def per_class_stretched(
    boxes: Array, scores: Array, image: Image, confidence: float, iou: float
) -> Found:
    """`exclude_nms` of ppyoloe_head.py: scores `(1, classes, N)`, and a factor of 1."""
    found = per_class(boxes[0], scores[0].T, confidence, iou)
    scale = np.tile([image.shape[1] / SIZE[0], image.shape[0] / SIZE[1]], 2)
    return Found(found.boxes * scale, found.confidences, found.class_ids)


def tensorflow_input(image: Image) -> Array:
    """The image with its proportions, as the network's own resizing makes it, in RGB, 0 to 255."""
    padded = np.full((SIZE[1], SIZE[0], 3), 116, np.uint8)
    scale = min(SIZE[0] / image.shape[1], SIZE[1] / image.shape[0])
    width, height = int(image.shape[1] * scale), int(image.shape[0] * scale)
    padded[:height, :width] = cv2.resize(image, (width, height))
    return np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32)


def tensorflow(outputs: dict[str, Array], image: Image, confidence: float) -> Found:
    """visualize_boxes_and_labels_on_image_array in visualization_utils.py, on the padded input."""
    boxes, scores = outputs["detection_boxes"][0], outputs["detection_scores"][0]
    passed = scores > confidence
    side = max(image.shape[1] / SIZE[0], image.shape[0] / SIZE[1])
    ymin, xmin, ymax, xmax = boxes[passed].T
    corners = np.stack(
        [xmin * SIZE[0], ymin * SIZE[1], xmax * SIZE[0], ymax * SIZE[1]], axis=1
    ) * side  # fmt: skip
    return Found(corners, scores[passed], outputs["detection_classes"][0][passed] - 1)


def effdet_input(image: Image, *, lite: bool) -> Array:
    """ResizePad and normalize in effdet/data; the mean colour is one grey here."""
    padded = yolox_input(image)[0].transpose(1, 2, 0)[..., ::-1].copy()
    scale = min(SIZE[0] / image.shape[1], SIZE[1] / image.shape[0])
    padded[int(image.shape[0] * scale) :] = 0 if lite else 116
    padded[:, int(image.shape[1] * scale) :] = 0 if lite else 116
    mean, std = ((0.5,) * 3, (0.5,) * 3) if lite else (RGB_MEAN, RGB_STD)
    scaled = (padded / 255 - np.array(mean)) / np.array(std)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], dtype=np.float32)


def effdet(rows: Array, image: Image, confidence: float) -> Found:
    """Rows of corners, score and a class from 1; boxes times `img_scale` (effdet/bench.py)."""
    table = rows[0][rows[0][:, 4] > confidence]
    scale = min(SIZE[0] / image.shape[1], SIZE[1] / image.shape[0])
    return Found(table[:, :4] / scale, table[:, 4], table[:, 5] - 1)


def nanodet_input(image: Image, *, keep_ratio: bool) -> Array:
    """Pipeline of nanodet/data/transform: ShapeTransform, then color_aug_and_norm.

    cv2.warpPerspective resizes there; this resizes with cv2.resize, as our code does, which places
    pixels half a pixel elsewhere.
    """
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    size = SIZE
    if keep_ratio:
        scale = min(SIZE[0] / image.shape[1], SIZE[1] / image.shape[0])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    left, top = (SIZE[0] - size[0]) // 2, (SIZE[1] - size[1]) // 2
    pixels[top : top + size[1], left : left + size[0]] = cv2.resize(image, size)
    scaled = (pixels.astype(np.float32) - np.array(BGR_MEAN)) / np.array(BGR_STD)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], dtype=np.float32)


def nanodet(
    rows: Array, image: Image, confidence: float, iou: float, *, plus: bool = True
) -> Found:
    """`get_bboxes` of nanodet_plus_head.py, or with plus=False of gfl_head.py."""
    boxes = []
    start, classes = 0, rows.shape[2] - 4 * BINS
    for stride in NANODET_STRIDES[: 4 if plus else 3]:
        height, width = math.ceil(SIZE[1] / stride), math.ceil(SIZE[0] / stride)
        for row in range(height):
            for column in range(width):
                logits = rows[0, start, classes:].reshape(4, BINS).astype(np.float64)
                weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
                left, top, right, bottom = (weights * np.arange(BINS)).sum(axis=1) * stride
                x, y = (np.array([column, row]) + (0 if plus else 0.5)) * stride
                boxes.append([x - left, y - top, x + right, y + bottom])
                start += 1
    clipped = np.array(boxes).clip(0, np.tile(SIZE, 2))
    found = per_class(clipped, rows[0, :, :classes], confidence, iou)
    if not plus:
        return Found(scale_boxes(found.boxes, image), found.confidences, found.class_ids)
    scale = np.tile([image.shape[1] / SIZE[0], image.shape[0] / SIZE[1]], 2)
    return Found(found.boxes * scale, found.confidences, found.class_ids)


def extended(rows: Array, image: Image, confidence: float, iou: float, classes: int) -> Found:
    """ultralytics/utils/nms.py, non_max_suppression, of `(1, 4 + classes + extra, N)`."""
    table = rows[0].T
    found = per_class(xywh2xyxy(table), table[:, 4 : 4 + classes], confidence, iou)
    return Found(scale_boxes(found.boxes, image), found.confidences, found.class_ids)


def extended_list(rows: Array, image: Image, confidence: float) -> Found:
    """The same file, of `(1, N, 6 + extra)`: only the confidence is compared."""
    table = rows[0][rows[0][:, 4] > confidence]
    return Found(scale_boxes(table[:, :4], image), table[:, 4], table[:, 5])


def angled(rows: Array, image: Image, confidence: float, iou: float, classes: int) -> Found:
    """The same file with rotated=True: fast_nms by batch_probiou, and then the corners' extremes.

    Corners: xywhr2xyxyxyxy in ultralytics/utils/ops.py.
    """
    table = rows[0].T.astype(np.float64)
    scores = table[:, 4 : 4 + classes]
    (passed,) = np.nonzero(scores.max(1) > confidence)
    order = passed[np.argsort(-scores[passed].max(1), kind="stable")]
    kept: list[int] = []
    for position, index in enumerate(order):
        same = [i for i in order[:position] if scores[i].argmax() == scores[index].argmax()]
        if all(_probiou(_xywhr(table[i]), _xywhr(table[index])) <= iou for i in same):
            kept.append(index)
    boxes = np.array([_extremes(*_xywhr(table[index])) for index in kept])
    return Found(scale_boxes(boxes, image), scores[kept].max(1), scores[kept].argmax(1))


def angled_list(rows: Array, image: Image, confidence: float) -> Found:
    """Rows of box, score, class and angle, of which only the confidence is compared."""
    table = rows[0][rows[0][:, 4] > confidence]
    boxes = np.array([_extremes(*row[[0, 1, 2, 3, 6]]) for row in table])
    return Found(scale_boxes(boxes, image), table[:, 4], table[:, 5])


def _xywhr(row: Array) -> Array:
    return row[[0, 1, 2, 3, -1]]


def _extremes(x: Any, y: Any, width: Any, height: Any, angle: Any) -> list[float]:
    cos, sin = math.cos(angle), math.sin(angle)
    vec1 = np.array([width / 2 * cos, width / 2 * sin])
    vec2 = np.array([-height / 2 * sin, height / 2 * cos])
    signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    corners = np.array([[x, y] + a * vec1 + b * vec2 for a, b in signs])
    return [*corners.min(axis=0), *corners.max(axis=0)]


def _probiou(first: Array, second: Array, eps: float = 1e-7) -> float:
    (x1, y1), (x2, y2) = first[:2], second[:2]
    (a1, b1, c1), (a2, b2, c2) = _covariance(*first[2:]), _covariance(*second[2:])
    shared = (a1 + a2) * (b1 + b2) - (c1 + c2) ** 2
    t1 = ((a1 + a2) * (y1 - y2) ** 2 + (b1 + b2) * (x1 - x2) ** 2) / (shared + eps) * 0.25
    t2 = (c1 + c2) * (x2 - x1) * (y1 - y2) / (shared + eps) * 0.5
    root = math.sqrt(max(a1 * b1 - c1**2, 0) * max(a2 * b2 - c2**2, 0))
    t3 = math.log(shared / (4 * root + eps) + eps) * 0.5
    distance = min(max(t1 + t2 + t3, eps), 100.0)
    return 1 - math.sqrt(1.0 - math.exp(-distance) + eps)


def _covariance(width: float, height: float, angle: float) -> tuple[float, float, float]:
    a, b, cos, sin = width**2 / 12, height**2 / 12, math.cos(angle), math.sin(angle)
    return a * cos**2 + b * sin**2, a * sin**2 + b * cos**2, (a - b) * cos * sin
