"""Networks with the outputs of projects that are not installed here, which need old PyTorch.

Each module is small, and has the inputs, the last steps and the outputs that its project exports:
YOLO-NAS (super-gradients), RTMDet (mmdeploy), PP-YOLOE (PaddleDetection), NanoDet-Plus, and the
lists of TensorFlow's detection API. The predictors are these modules in PyTorch, with the project's
own preprocessing. So the table shows what engines make of such outputs, not of these backbones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torchvision.ops import batched_nms

from modules.object_detection.detections import Detections
from modules.object_detection.letterbox import letterbox
from modules.object_detection.model_description import Description

from .comparison import CONFIDENCE, NMS, Export, Exports, Image, inside
from .random_weights import blobs, settle

SIZE = 320
CLASSES = 12
SHARE = 2e-3  # of the scores that are above a half
BINS = 8
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BGR = ((103.53, 116.28, 123.675), (57.375, 57.12, 58.395))


class Core(nn.Module):
    """Features of several strides, and for each cell a box and class probabilities."""

    def __init__(self, strides: tuple[int, ...] = (8, 16, 32), numbers: int = 4) -> None:
        super().__init__()
        self.strides = strides
        kernels = [(3, 32, strides[0]), *((32, 32, 2) for _ in strides[1:])]
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(old, new, side, side), nn.BatchNorm2d(new), nn.SiLU())
            for old, new, side in kernels
        )
        # RTMDet's names: they stay in its exports
        self.bbox_head = nn.ModuleDict(
            {
                "rtm_cls": nn.ModuleList(nn.Conv2d(32, CLASSES, 1) for _ in strides),
                "rtm_reg": nn.ModuleList(nn.Conv2d(32, numbers, 1) for _ in strides),
            }
        )

    def forward(self, x: Any) -> Any:
        """Returns numbers for boxes `(1, N, numbers)` and probabilities `(1, N, CLASSES)`."""
        numbers, scores = [], []
        layers = zip(self.stages, self.bbox_head["rtm_cls"], self.bbox_head["rtm_reg"], strict=True)
        for stage, classify, measure in layers:
            x = stage(x)
            scores.append(classify(x).sigmoid().flatten(2))
            numbers.append(measure(x).flatten(2))
        return torch.cat(numbers, 2).permute(0, 2, 1), torch.cat(scores, 2).permute(0, 2, 1)

    def cells(self, offset: float) -> tuple[Any, Any]:
        """Returns each cell's point, `(N, 2)`, and its stride, `(N, 1)`, in pixels."""
        points, strides = [], []
        for stride in self.strides:
            y, x = torch.meshgrid(*[torch.arange(SIZE // stride)] * 2, indexing="ij")
            points.append((torch.stack([x, y], 2).reshape(-1, 2) + offset) * stride)
            strides.append(torch.full((len(points[-1]), 1), stride))
        return torch.cat(points), torch.cat(strides)


class Boxes(nn.Module):
    """Boxes `(1, N, 4)` xyxy in pixels, and probabilities: YOLO-NAS."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core
        self.points, self.sides = core.cells(0.5)

    def forward(self, x: Any) -> Any:
        """Computes the outputs."""
        numbers, scores = self.core(x)
        distances = numbers.sigmoid() * 4 * self.sides
        boxes = [self.points - distances[..., :2], self.points + distances[..., 2:]]
        return torch.cat(boxes, 2), scores


class Bytes(Boxes):
    """The same with an input of uint8, which the network scales itself."""

    def forward(self, x: Any) -> Any:
        """Computes the outputs."""
        return super().forward(x.float() / 255)


class Suppressed(Boxes):
    """Boxes `(n, 4)`, scores `(n,)` and classes `(n,)`, most probable first."""

    def forward(self, x: Any) -> Any:
        """Computes the outputs."""
        boxes, scores = super().forward(x)
        best, classes = scores[0].max(1)
        passed = (best > CONFIDENCE).nonzero()[:, 0]
        kept = passed[batched_nms(boxes[0, passed], best[passed], classes[passed], NMS)]
        return boxes[0, kept], best[kept], classes[kept]


class Mmdeploy(Suppressed):
    """`dets` and `labels`."""

    def forward(self, x: Any) -> Any:
        """Computes the outputs."""
        boxes, scores, classes = super().forward(x)
        return torch.cat([boxes, scores[:, None]], 1)[None], classes[None]


class Paddle(Suppressed):
    """Rows of class, score and box, and their number; boxes are divided by `scale_factor`."""

    def forward(self, x: Any, scale_factor: Any = None) -> Any:
        """Computes the outputs."""
        boxes, scores, classes = super().forward(x)
        boxes = boxes / scale_factor[0, [1, 0, 1, 0]]
        rows = torch.cat([classes[:, None].float(), scores[:, None], boxes], 1)
        return rows, torch.ones_like(classes).sum()[None].int()


class Tensorflow(Suppressed):
    """Lists of boxes y1, x1, y2, x2 from 0 to 1, scores and classes from 1; a uint8 input, NHWC."""

    def forward(self, x: Any) -> Any:
        """Computes the outputs."""
        boxes, scores, classes = super().forward(x.permute(0, 3, 1, 2).float() / 255)
        number = torch.ones_like(scores).sum()[None]
        boxes = boxes[:, [1, 0, 3, 2]] / SIZE
        return boxes[None], scores[None], (classes[None] + 1).float(), number


class Nanodet(nn.Module):
    """Probabilities and 4 x 8 logits in each row: NanoDet-Plus."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core

    def forward(self, x: Any) -> Any:
        """Computes the outputs."""
        numbers, scores = self.core(x)
        return torch.cat([scores, numbers], 2)


@dataclass(frozen=True)
class Contract:
    """A project's outputs.

    module: makes the network. read: the project's reading of the outputs, in pixels of the input.
    resize: how images are fitted into the input. scale, mean, std, bgr: what happens to pixels
    then. form: of the input. family: what model.json has to give.
    """

    module: Callable[[Core], nn.Module]
    outputs: tuple[str, ...]
    read: Callable[..., tuple[Any, Any, Any]]
    resize: str = "letterbox"
    bgr: bool = False
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0, 0, 0)
    std: tuple[float, ...] = (1, 1, 1)
    form: str = "float"
    family: str | None = None
    core: Callable[[], Core] = Core

    def prepare(self, image: Image) -> tuple[Any, tuple[int, int], tuple[int, int]]:
        """Returns the input, and where the image is on it: its corner and its size in pixels."""
        if self.resize == "stretch":
            pixels, corner, inner = cv2.resize(image, (SIZE, SIZE)), (0, 0), (SIZE, SIZE)
        else:
            padding = 116 if self.form == "bytes, channels last" else 114
            pixels, corner, inner = letterbox(image, (SIZE, SIZE), self.resize, padding)  # type: ignore[arg-type]
        pixels = pixels if self.bgr else pixels[..., ::-1]
        if self.form != "float":
            blob = torch.from_numpy(np.ascontiguousarray(pixels))[None]
            return blob if "last" in self.form else blob.permute(0, 3, 1, 2), corner, inner
        scaled = (pixels * self.scale - np.array(self.mean)) / np.array(self.std)
        blob = torch.from_numpy(scaled.astype(np.float32).transpose(2, 0, 1)[None])
        return blob, corner, inner


def plain(boxes: Any, scores: Any) -> tuple[Any, Any, Any]:
    """Suppresses boxes within their best class."""
    best, classes = scores[0].max(1)
    passed = (best > CONFIDENCE).nonzero()[:, 0]
    kept = passed[batched_nms(boxes[0, passed], best[passed], classes[passed], NMS)]
    return boxes[0, kept], best[kept], classes[kept]


def nanodet(rows: Any) -> tuple[Any, Any, Any]:
    """`get_bboxes` of nanodet_plus_head.py."""
    points, sides = Core((8, 16, 32, 64)).cells(0.0)
    weights = rows[0, :, CLASSES:].reshape(-1, 4, BINS).softmax(2)
    distances = (weights * torch.arange(BINS)).sum(2) * sides
    boxes = torch.cat([points - distances[:, :2], points + distances[:, 2:]], 1).clamp(0, SIZE)
    return plain(boxes[None], rows[:, :, :CLASSES])


CONTRACTS = {
    "yolo-nas": Contract(Boxes, ("boxes", "scores"), plain),
    "yolo-nas-uint8": Contract(Bytes, ("boxes", "scores"), plain, form="bytes"),
    "rtmdet": Contract(
        Mmdeploy,
        ("dets", "labels"),
        lambda dets, labels: (dets[0, :, :4], dets[0, :, 4], labels[0]),
        resize="letterbox-top-left",
        bgr=True,
        scale=1,
        mean=BGR[0],
        std=BGR[1],
    ),
    "ppyoloe": Contract(
        Paddle,
        ("multiclass_nms3_0.tmp_0", "multiclass_nms3_0.tmp_2"),
        lambda rows, _: (rows[:, 2:], rows[:, 1], rows[:, 0]),
        resize="stretch",
        mean=IMAGENET[0],
        std=IMAGENET[1],
        family="ppyoloe",
    ),
    "efficientdet": Contract(
        Tensorflow,
        ("detection_boxes", "detection_scores", "detection_classes", "num_detections"),
        lambda boxes, scores, classes, _: (
            boxes[0][:, [1, 0, 3, 2]] * SIZE, scores[0], classes[0] - 1
        ),
        resize="letterbox-top-left",
        form="bytes, channels last",
    ),
    "nanodet-plus": Contract(
        Nanodet,
        ("output",),
        nanodet,
        resize="stretch",
        bgr=True,
        scale=1,
        mean=BGR[0],
        std=BGR[1],
        core=lambda: Core((8, 16, 32, 64), 4 * BINS),
    ),
}  # fmt: skip


def exports(name: str, folder: Path, images: list[Image]) -> Exports:
    """Yields the export of one contract, with its predictor."""
    contract = CONTRACTS[name]
    torch.manual_seed(0)
    core = contract.core()
    batch = blobs(images, SIZE)
    if contract.scale == 1:
        batch = torch.cat([contract.prepare(image)[0] for image in images])
    settle(core, [(core.bbox_head["rtm_cls"], SHARE)], batch)
    model = contract.module(core).eval()
    example = [contract.prepare(images[0])[0]]
    inputs = ["image"]
    if contract.family:
        example, inputs = [*example, torch.ones(1, 2)], ["image", "scale_factor"]
    file = folder / f"{name}.onnx"
    torch.onnx.export(
        model, tuple(example), str(file), input_names=inputs, output_names=list(contract.outputs),
        opset_version=17, dynamo=False,
    )  # fmt: skip
    labels = tuple(map(str, range(CLASSES)))
    description = Description(family=contract.family)
    yield Export("fixed size", file, labels, description), partial(found, model, contract)


def found(model: nn.Module, contract: Contract, image: Image) -> Detections:
    """Returns the detections of the module in PyTorch, read as its project reads them."""
    blob, corner, inner = contract.prepare(image)
    factor = np.array([image.shape[1], image.shape[0]]) / inner
    with torch.no_grad():
        if contract.family:
            outputs = model(blob, torch.tensor(1 / factor[None, ::-1].copy(), dtype=torch.float32))
        else:
            outputs = model(blob)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        boxes, scores, classes = (each.numpy() for each in contract.read(*outputs))
    if not contract.family:  # these boxes are in pixels of the image already
        boxes = (boxes - np.tile(corner, 2)) * np.tile(factor, 2)
    return inside(boxes, scores, classes, image)
