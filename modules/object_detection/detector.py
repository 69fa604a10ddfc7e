"""Finds objects in an image: preprocess, infer, decode, suppress; start at `Detector`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .angled_nms import keep_angled
from .detections import Detections
from .engines.engine import Blob, Engine
from .engines.registry import create_engine
from .heads.plausibility import require_numbers, require_plausible
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
            network: what an importer returned; its ONNX bytes are not kept.
            engine: a name in `ENGINE_NAMES`, or an engine that has already loaded the network.
            letterbox: True keeps an image's proportions and pads with grey, False stretches it,
                None does as in the network's training.

        Raises:
            ModelError: the engine cannot load the network.
        """
        self.input_size = network.input_size
        self.classes = network.classes
        self.head = network.head
        self._outputs = network.outputs
        self.preprocessing = network.preprocessing.with_letterbox(letterbox=letterbox)
        if isinstance(engine, str):
            engine = create_engine(engine, network.onnx, network.outputs, network.inputs)
        self._engine = engine

    def raw_outputs(self, image: NDArray[np.uint8]) -> list[Blob]:
        """Returns the network's outputs for `image`, in the order in which the head decodes them.

        `image` is as in `detect`.
        """
        blob, _ = self.preprocessing.apply(image, self.input_size)
        return self._engine.forward(blob)

    def detect(
        self,
        image: NDArray[np.uint8],
        *,
        confidence: float = 0.5,
        nms: float = 0.4,
        multi_label: bool = False,
        class_ids: Sequence[int] | None = None,
    ) -> Detections:
        """Finds objects in `image`, `(H, W, 3)` uint8 BGR.

        Args:
            image: the pixels, upright.
            confidence: detections with this confidence or less are dropped; 0 to 1.
            nms: if two boxes of one class have an intersection over union above this, the less
                confident one is dropped; 0 to 1.
            multi_label: False gives each box its most probable class. True counts it for every
                class above `confidence`, as Darknet does and as most projects measure accuracy;
                boxes of different classes do not suppress each other.
            class_ids: only these classes are returned; None for all.

        Returns:
            The detections, boxes in pixels of `image`.

        Raises:
            ModelError: the network's outputs hold values that no detection can have, so they are
                decoded wrongly, or the network is damaged.
        """
        height, width = image.shape[:2]
        blob, placement = self.preprocessing.apply(image, self.input_size)
        raw = self._engine.forward(blob)
        require_numbers(raw, self._outputs)
        candidates = self.head.decode(raw, self.input_size, confidence, multi_label=multi_label)
        require_plausible(candidates, self.head, self.input_size)
        if class_ids is not None:
            candidates = candidates.select(np.isin(candidates.class_ids, class_ids))
        suppressed = self.head.suppressed
        if candidates.angled is not None and not suppressed:
            scores, classes = candidates.confidences, candidates.class_ids
            candidates = candidates.select(keep_angled(candidates.angled, scores, classes, nms))
            suppressed = True
        return suppress(
            placement.to_pixels(candidates.boxes, (width, height)),
            candidates.confidences,
            candidates.class_ids,
            nms=None if suppressed else nms,
            image_size=(width, height),
        )
