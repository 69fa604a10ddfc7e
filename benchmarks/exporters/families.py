"""The families whose exports are compared; start at `FAMILIES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2

from . import (
    contracts,
    rf_detr_family,
    transformers_families,
    ultralytics_families,
    ultralytics_tasks,
    yolox_family,
)
from .comparison import Exports, Image


@dataclass(frozen=True)
class Family:
    """A family: the project that exports it, and its exports.

    size: (width, height) to which images are resized first; None leaves them.
    """

    project: str
    exports: Callable[[str, Path, list[Image]], Exports]
    size: tuple[int, int] | None = None

    def prepare(self, images: list[Image]) -> list[Image]:
        """Resizes the images as this family needs them."""
        if self.size is None:
            return images
        return [cv2.resize(image, self.size, interpolation=cv2.INTER_AREA) for image in images]


FAMILIES: Mapping[str, Family] = {
    **{
        name: Family("Ultralytics", ultralytics_families.yolo_exports)
        for name in ultralytics_families.YOLOS
    },
    "yolox-nano": Family("Megvii", yolox_family.yolox_exports, (640, 480)),
    "rtdetr-l": Family("Ultralytics", ultralytics_families.rt_detr_exports),
    **{
        name: Family("transformers", transformers_families.exports)
        for name in transformers_families.FAMILIES
    },
    "rf-detr-nano": Family("rfdetr", rf_detr_family.exports),
    **{name: Family("Ultralytics", ultralytics_tasks.exports) for name in ultralytics_tasks.NAMES},
    **{name: Family("as its project", contracts.exports) for name in contracts.CONTRACTS},
}
