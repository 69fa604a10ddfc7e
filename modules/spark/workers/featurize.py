"""The worker of `featurize`: images -> rows of features; see `FeaturizeImages`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...features.extractor import Pool
from ...features.loader import FeatureModel, load_feature_model
from ...object_detection.images import decode_image
from ...settings import Settings
from ..io.locations import label_of
from ..io.model_files import MemoryFolder
from ..io.readers import ReadImage
from .rows import FIELDS, load_once, make_rows

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

SCHEMA = pa.schema([*FIELDS, ("label", pa.string()), ("features", pa.list_(pa.float32()))])


@dataclass(frozen=True)
class FeatureOptions:
    """The options of `load_feature_model`: layer, input size (width, height) and pooling."""

    layer: str | None
    size: tuple[int, int] | None
    pool: Pool

    def load(self, folder: MemoryFolder, engine: str) -> FeatureModel:
        """Loads the network in `folder` into `engine`, cut at the layer."""
        return load_feature_model(folder, engine, layer=self.layer, size=self.size, pool=self.pool)


@dataclass(frozen=True)
class FeaturizeImages:
    """Extracts features on a worker, which loads the network once.

    folder: the model's files. digest: identifies the model, as a worker outlives a job. done:
    counts finished images.
    """

    folder: Broadcast[MemoryFolder]
    digest: str
    settings: Settings
    options: FeatureOptions
    done: Accumulator[int]

    def __call__(self, images: Iterator[ReadImage]) -> Iterator[pa.RecordBatch]:
        """Yields rows of `SCHEMA`, in the order of the images."""
        model = load_once(
            (self.digest, self.settings.engine, self.options),
            lambda: self.options.load(self.folder.value, self.settings.engine),
        )
        return make_rows(
            images, SCHEMA, self.done, lambda path, data: self._make_row(path, data, model)
        )

    def _make_row(self, path: str, data: bytes, model: FeatureModel) -> dict[str, Any]:
        image = decode_image(data, max_pixels=self.settings.max_image_pixels)
        return {"label": label_of(path), "features": model.extractor.extract(image.pixels)}
