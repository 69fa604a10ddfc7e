"""Finds objects in an image: preprocess, infer, decode, suppress; start at `Detector`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .engines import Blob, create_engine
from .heads import Candidates
from .network import Network

_LETTERBOX_GREY = 127.5  # Darknet's letterbox_image fills with 0.5


@dataclass(frozen=True)
class Detections:
    """What was found in one image, most confident first.

    boxes: `(N, 4)` float32, xyxy, pixels of the image, inside it. confidences: `(N,)` float32,
    0 to 1. class_ids: `(N,)` int32, the class's line in the names, from 0.
    """

    boxes: NDArray[np.float32]
    confidences: NDArray[np.float32]
    class_ids: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.confidences)


@dataclass(frozen=True)
class _Placement:
    """Where the image lies on the network's input, in units of the input."""

    left: float
    top: float
    width: float
    height: float


class Detector:
    """One network, loaded and ready."""

    def __init__(
        self, network: Network, *, engine: str = "opencv", letterbox: bool | None = None
    ) -> None:
        """Loads `network` into `engine`.

        Args:
            network: what an importer made; its ONNX bytes are not kept.
            engine: a name in `engines.ENGINES`.
            letterbox: True keeps an image's proportions and pads with grey, False stretches it,
                None does what the network was trained with.

        Raises:
            ModelError: the engine cannot load the network.
        """
        self.input_size = network.input_size
        self.classes = network.classes
        self._heads = network.heads
        self._letterbox = network.letterbox if letterbox is None else letterbox
        self._engine = create_engine(engine, network.onnx, network.outputs)

    def detect(
        self,
        image: NDArray[np.uint8],
        *,
        confidence: float = 0.5,
        nms: float = 0.4,
        class_ids: Sequence[int] | None = None,
    ) -> Detections:
        """Finds objects in `image`, `(H, W, 3)` uint8 BGR.

        Args:
            image: the pixels, upright.
            confidence: detections at or under it are dropped; 0 to 1.
            nms: of two boxes of one class, the less confident is dropped where their
                intersection over union is above this; 0 to 1.
            class_ids: only these classes; None for all.
        """
        height, width = image.shape[:2]
        blob, placement = self._preprocess(image)
        raw = self._engine.forward(blob)
        candidates = Candidates.concatenate(
            [
                head.decode(output, self.input_size, confidence)
                for head, output in zip(self._heads, raw, strict=True)
            ]
        )
        origin = np.tile([placement.left, placement.top], 2)
        extent = np.tile([placement.width, placement.height], 2)
        boxes = (candidates.boxes - origin) / extent * np.tile([width, height], 2)
        wanted = np.ones(len(boxes), bool)
        if class_ids is not None:
            wanted = np.isin(candidates.class_ids, class_ids)
        return suppress(
            boxes[wanted],
            candidates.confidences[wanted],
            candidates.class_ids[wanted],
            nms=nms,
            image_size=(width, height),
        )

    def _preprocess(self, image: NDArray[np.uint8]) -> tuple[Blob, _Placement]:
        """The network's input, `(1, 3, H, W)` float32 RGB from 0 to 1, bilinear as Darknet's."""
        whole = _Placement(0.0, 0.0, 1.0, 1.0)
        if self._letterbox:
            image, whole = _letterbox(image, self.input_size)
        blob = cv2.dnn.blobFromImage(image, 1 / 255, self.input_size, swapRB=True)
        return blob, whole


def suppress(
    boxes: NDArray[np.floating],
    confidences: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    *,
    nms: float,
    image_size: tuple[int, int],
) -> Detections:
    """Greedy non-maximum suppression within each class, then clips to the image.

    Args:
        boxes: `(N, 4)`, xyxy, pixels. confidences: `(N,)`. class_ids: `(N,)`.
        nms: the intersection over union above which the less confident box goes.
        image_size: (width, height); a box with nothing inside is dropped.
    """
    keep: NDArray[np.int64] = np.empty(0, np.int64)
    if len(boxes):
        sides = boxes[:, 2:] - boxes[:, :2]
        keep = np.array(
            cv2.dnn.NMSBoxesBatched(
                np.concatenate([boxes[:, :2], sides], axis=1).astype(np.float64),
                confidences,
                class_ids,
                score_threshold=0.0,
                nms_threshold=nms,
            ),
            np.int64,
        ).reshape(-1)
    clipped = boxes[keep].clip(0, np.tile(image_size, 2)).astype(np.float32)
    inside = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    keep, clipped = keep[inside], clipped[inside]
    # the place settles ties, so that the order never depends on the engine's
    order = np.lexsort((clipped[:, 1], clipped[:, 0], class_ids[keep], -confidences[keep]))
    keep = keep[order]
    return Detections(clipped[order], confidences[keep], class_ids[keep])


def _letterbox(
    image: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], _Placement]:
    """Fits `image` into `size` (width, height), centred on grey, with its proportions kept."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.full((size[1], size[0], 3), _LETTERBOX_GREY, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
    return canvas, _Placement(left / size[0], top / size[1], inner[0] / size[0], inner[1] / size[1])
