"""Finds objects in an image: preprocess, infer, decode, suppress; start at `Detector`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .detections import Detections
from .engines.engine import Blob, Engine
from .engines.registry import create_engine
from .network import Network
from .nms import suppress


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
            engine: a name in `ENGINE_NAMES`, or the engine that the network is loaded in.
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
