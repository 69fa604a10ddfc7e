"""The loss of `[yolo]` layers; start at `yolo_loss`.

Every anchor within a factor of four of an object's size predicts that object, in the cell of its
centre and in the two nearest neighbours, as in YOLOv5 (github.com/ultralytics/yolov5,
utils/loss.py); with a `scale_x_y` of 2, a cell's boxes reach that far. Boxes are trained with
complete IoU (Zheng et al., 2020), objectness and classes with binary cross-entropy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from .network import YoloLayer

_MAX_RATIO = 4.0  # between the sides of an object and of an anchor that predicts it
_MAX_EXPONENT = 4.0  # boxes over 50 anchors wide occur only in the first steps
_WEIGHTS = (0.075, 0.375, 0.075)  # of box, objectness, class
_FINE = 4.0  # weight of the finer head's objectness: its many cells count less each


@dataclass(frozen=True)
class Loss:
    """The weighted parts of the loss, each a scalar tensor."""

    box: Tensor
    objectness: Tensor
    classes: Tensor

    def total(self) -> Tensor:
        """Returns the sum, which training minimises."""
        return self.box + self.objectness + self.classes


def yolo_loss(raw: list[Tensor], heads: list[YoloLayer], truth: Tensor, width: int) -> Loss:
    """Returns the loss of a batch.

    Args:
        raw: the network's outputs, `(N, A * (5 + classes), H, W)` each.
        heads: the `[yolo]` layers of these outputs.
        truth: `(T, 6)`: number in the batch, class, centre x, y, width, height in pixels.
        width: of the network's input, in pixels.
    """
    parts = torch.zeros(3)
    strides = [width // output.shape[3] for output in raw]
    for output, head, stride in zip(raw, heads, strides, strict=True):
        box, objectness, classes = _head_loss(output, head, truth, stride)
        weight = _FINE if stride == min(strides) else 1.0
        parts = parts + torch.stack([box, objectness * weight, classes])
    box, objectness, classes = parts * torch.tensor(_WEIGHTS)
    return Loss(box, objectness, classes)


def _head_loss(
    output: Tensor, head: YoloLayer, truth: Tensor, stride: int
) -> tuple[Tensor, Tensor, Tensor]:
    images, _, height, width = output.shape
    grid = output.reshape(images, len(head.anchors), 5 + head.classes, height, width)
    target = torch.zeros_like(grid[:, :, 4])
    row, anchor, x, y = _assign(head, truth, stride, width, height)
    box_loss = class_loss = grid.sum() * 0
    if len(row):
        image = truth[row, 0].long()
        predicted = grid[image, anchor, :, y, x]
        centre = torch.sigmoid(predicted[:, :2]) * head.scale_x_y - (head.scale_x_y - 1) / 2
        centre = (centre + torch.stack([x, y], 1)) * stride
        anchors = truth.new_tensor(head.anchors)[anchor]
        sides = predicted[:, 2:4].clamp(max=_MAX_EXPONENT).exp() * anchors
        overlap = complete_iou(torch.cat([centre, sides], 1), truth[row, 2:6])
        box_loss = (1 - overlap).mean()
        certainty = 0.5 + 0.5 * overlap.detach().clamp(0, 1)
        where = ((image * len(head.anchors) + anchor) * height + y) * width + x
        target.view(-1).scatter_reduce_(0, where, certainty, "amax")
        classes = one_hot(truth[row, 1].long(), head.classes).to(predicted.dtype)
        class_loss = binary_cross_entropy_with_logits(predicted[:, 5:], classes)
    return box_loss, binary_cross_entropy_with_logits(grid[:, :, 4], target), class_loss


def _assign(
    head: YoloLayer, truth: Tensor, stride: int, width: int, height: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Assigns objects to predictions.

    Returns `(M,)` each: row of the truth, anchor, the cell's x and y.
    """
    ratio = truth[:, None, 4:6] / truth.new_tensor(head.anchors)
    row, anchor = torch.nonzero(torch.maximum(ratio, 1 / ratio).amax(2) < _MAX_RATIO, as_tuple=True)
    centre = truth[row, 2:4] / stride
    cell = centre.floor()
    nearer = torch.where(centre - cell < 0.5, -1.0, 1.0)
    steps = torch.stack(
        [torch.zeros_like(cell), nearer * cell.new_tensor([1, 0]), nearer * cell.new_tensor([0, 1])]
    )
    if head.scale_x_y < 2:
        steps = steps[:1]
    cells = (cell + steps).reshape(-1, 2).long()
    row, anchor = row.repeat(len(steps)), anchor.repeat(len(steps))
    inside = ((cells >= 0) & (cells < cells.new_tensor([width, height]))).all(1)
    return row[inside], anchor[inside], cells[inside, 0], cells[inside, 1]


def complete_iou(one: Tensor, other: Tensor) -> Tensor:
    """Returns complete IoU, `(M,)`: IoU less penalties for the centres' and proportions' distance.

    Both arguments are `(M, 4)`: centre x, y, width, height.
    """
    low = torch.maximum(one[:, :2] - one[:, 2:] / 2, other[:, :2] - other[:, 2:] / 2)
    high = torch.minimum(one[:, :2] + one[:, 2:] / 2, other[:, :2] + other[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(1)
    overlap = shared / (one[:, 2:].prod(1) + other[:, 2:].prod(1) - shared + 1e-7)
    outer_low = torch.minimum(one[:, :2] - one[:, 2:] / 2, other[:, :2] - other[:, 2:] / 2)
    outer_high = torch.maximum(one[:, :2] + one[:, 2:] / 2, other[:, :2] + other[:, 2:] / 2)
    diagonal = ((outer_high - outer_low) ** 2).sum(1) + 1e-7
    distance = ((one[:, :2] - other[:, :2]) ** 2).sum(1) / diagonal
    slant = torch.atan(one[:, 2] / one[:, 3]) - torch.atan(other[:, 2] / other[:, 3])
    proportions = 4 / math.pi**2 * slant**2
    with torch.no_grad():
        weight = proportions / (1 - overlap + proportions + 1e-7)
    return overlap - distance - weight * proportions
