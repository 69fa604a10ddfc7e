"""What `featurize` does on a worker: batches of images -> rows of features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..feature_loader import FeatureModel, load_feature_model
from ..object_detection.features import Pool
from ..object_detection.image import decode_image
from ..settings import Settings
from .images import label
from .model_files import MemoryFolder
from .rounds import FIELDS, Counts
from .workers import keep, rows_of

if TYPE_CHECKING:
    from pyspark import Broadcast

SCHEMA = pa.schema([*FIELDS, ("label", pa.string()), ("features", pa.list_(pa.float32()))])


@dataclass(frozen=True)
class FeaturizeImages:
    """Extracts features on a worker; the network is loaded there once.

    layer, input_size, pool: as `load_feature_model` takes them.
    """

    folder: Broadcast[MemoryFolder]
    settings: Settings
    layer: str | None
    input_size: tuple[int, int] | None
    pool: Pool
    counts: Counts

    def load(self) -> FeatureModel:
        """The network, ready."""
        return load_feature_model(
            self.folder.value,
            self.settings.engine,
            layer=self.layer,
            size=self.input_size,
            pool=self.pool,
        )

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `SCHEMA`, in the order of the images."""
        key = self.folder.value.location, self.settings, self.layer, self.input_size, self.pool
        model = keep(key, self.load)
        return rows_of(
            batches, SCHEMA, self.counts, lambda path, data: self._row(path, data, model)
        )

    def _row(self, path: str, data: bytes, model: FeatureModel) -> dict[str, Any]:
        image = decode_image(data, max_pixels=self.settings.max_image_pixels)
        return {"label": label(path), "features": model.extractor.extract(image.pixels)}
