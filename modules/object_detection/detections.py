"""The objects found in one image; see `Detections`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detections:
    """The objects found in one image, most confident first.

    boxes: `(N, 4)` float32, xyxy, in pixels of the image, inside the image. confidences: `(N,)`
    float32, 0 to 1. class_ids: `(N,)` int32, indices into the labels.
    """

    boxes: NDArray[np.float32]
    confidences: NDArray[np.float32]
    class_ids: NDArray[np.int32]

    def best_first(self) -> Detections:
        """Returns the same objects in order.

        Ties are ordered by class and position, so that the order does not depend on the engine.
        """
        boxes, class_ids = self.boxes, self.class_ids
        order = np.lexsort((boxes[:, 1], boxes[:, 0], class_ids, -self.confidences))
        return Detections(boxes[order], self.confidences[order], class_ids[order])

    def __len__(self) -> int:
        return len(self.confidences)
