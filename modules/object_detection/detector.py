"""Finds objects in an image: preprocess, infer, decode, suppress; start at `Detector`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .engines import Blob, Engine, create_engine
from .network import Network


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


class Detector:
    """One network, loaded and ready."""

    def __init__(
        self,
        network: Network,
        *,
        engine: str | Engine = "opencv",
        letterbox: bool | None = None,
    ) -> None:
        """Loads `network` into `engine`.

        Args:
            network: what an importer made; its ONNX bytes are not kept.
            engine: a name in `engines.ENGINES`, or the engine that the network is loaded in.
            letterbox: True keeps an image's proportions and pads with grey, False stretches it,
                None does what the network was trained with.

        Raises:
            ModelError: the engine cannot load the network.
        """
        self.input_size = network.input_size
        self.classes = network.classes
        self._head = network.head
        self._preprocessing = network.preprocessing.resized(letterbox=letterbox)
        if isinstance(engine, str):
            engine = create_engine(engine, network.onnx, network.outputs)
        self._engine = engine

    def raw_outputs(self, image: NDArray[np.uint8]) -> list[Blob]:
        """What the network puts out for `image`, as its head gets it; see `detect`."""
        blob, _ = self._preprocessing.apply(image, self.input_size)
        return self._engine.forward(blob)

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
        blob, placement = self._preprocessing.apply(image, self.input_size)
        candidates = self._head.decode(self._engine.forward(blob), self.input_size, confidence)
        wanted = np.ones(len(candidates.boxes), bool)
        if class_ids is not None:
            wanted = np.isin(candidates.class_ids, class_ids)
        return suppress(
            placement.to_pixels(candidates.boxes, (width, height))[wanted],
            candidates.confidences[wanted],
            candidates.class_ids[wanted],
            nms=None if self._head.suppressed else nms,
            image_size=(width, height),
        )


def suppress(
    boxes: NDArray[np.floating],
    confidences: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    *,
    nms: float | None,
    image_size: tuple[int, int],
) -> Detections:
    """Greedy non-maximum suppression within each class, then clips to the image.

    Args:
        boxes: `(N, 4)`, xyxy, pixels. confidences: `(N,)`. class_ids: `(N,)`.
        nms: the intersection over union above which the less confident box goes; None where
            the network has suppressed them itself.
        image_size: (width, height); a box with nothing inside is dropped.
    """
    keep: NDArray[np.int64] = np.arange(len(boxes))
    if nms is not None and len(boxes):
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
