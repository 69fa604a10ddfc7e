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

    def __len__(self) -> int:
        return len(self.confidences)
