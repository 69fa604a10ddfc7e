"""What `featurize` does on a worker: batches of images -> rows of features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...features.extractor import Pool
from ...features.loader import FeatureModel, load_feature_model
from ...object_detection.images import decode_image
from ...settings import Settings
from ..io.images import label
from ..io.model_files import MemoryFolder
from ..jobs.rounds import FIELDS
from .rows import keep, rows_of

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

SCHEMA = pa.schema([*FIELDS, ("label", pa.string()), ("features", pa.list_(pa.float32()))])


@dataclass(frozen=True)
class Cut:
    """Which features are wanted of a network, as `load_feature_model` takes it."""

    layer: str | None
    size: tuple[int, int] | None
    pool: Pool

    def load(self, folder: MemoryFolder, engine: str) -> FeatureModel:
        """The network, ready."""
        return load_feature_model(folder, engine, layer=self.layer, size=self.size, pool=self.pool)


@dataclass(frozen=True)
class FeaturizeImages:
    """Extracts features on a worker; the network is loaded there once.

    digest: the model's, which tells it from others in the life of a worker.
    """

    folder: Broadcast[MemoryFolder]
    digest: str
    settings: Settings
    cut: Cut
    done: Accumulator[int]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `SCHEMA`, in the order of the images."""
        model = keep(
            (self.digest, self.settings.engine, self.cut),
            lambda: self.cut.load(self.folder.value, self.settings.engine),
        )
        return rows_of(batches, SCHEMA, self.done, lambda path, data: self._row(path, data, model))

    def _row(self, path: str, data: bytes, model: FeatureModel) -> dict[str, Any]:
        image = decode_image(data, max_pixels=self.settings.max_image_pixels)
        return {"label": label(path), "features": model.extractor.extract(image.pixels)}
