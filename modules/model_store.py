"""Keeps the last good model of each place in a bucket warm, and refreshed; see `ModelStore`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model_folder import ModelFolder, S3Folder
from .model_loader import Model, load_model
from .object_detection.errors import TransientError
from .settings import Settings, SettingsError
from .telemetry import count, logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ModelStore:
    """Keeps one model a place warm, and asks at most once a TTL whether its files changed.

    A changed model is swapped in only when it has loaded; one that does not load is logged, and
    the one before serves on.
    """

    def __init__(
        self, client: S3Client, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def model_for(self, bucket: str) -> Model:
        """The model that images of `bucket` are to be run through.

        Raises:
            ModelError: there is none, and none from before either.
            StorageError: S3 fails, and there is none from before.
            SettingsError: CLASSES names a class that the model does not know.
        """
        folder = self._folder(bucket)
        kept = self._kept.get(folder.location)
        if kept is None:
            files = folder.files()
            kept = _Kept(load_model(folder, self._settings, files), files, self._clock())
            self._kept[folder.location] = kept
            logger.info("model loaded", model=kept.model.name, digest=kept.model.digest)
        elif self._clock() - kept.checked_at >= self._settings.model_ttl_seconds:
            self._refresh(folder, kept)
        return kept.model

    def expire(self) -> None:
        """Has the next image ask whether the models changed, whenever they were asked last."""
        for kept in self._kept.values():
            kept.checked_at = -math.inf

    def _refresh(self, folder: ModelFolder, kept: _Kept) -> None:
        kept.checked_at = self._clock()
        try:
            files = folder.files()
            if files == kept.files:
                return
            kept.model = load_model(folder, self._settings, files)
            kept.files = files
            count("ModelSwaps")
            logger.info("model changed", model=kept.model.name, digest=kept.model.digest)
        except (TransientError, SettingsError) as error:
            count("ModelRejections")
            logger.error("model not changed; the one before serves on", error=str(error))

    def _folder(self, bucket: str) -> ModelFolder:
        place = self._settings.model
        if place.startswith("s3://"):
            bucket, _, place = place.removeprefix("s3://").partition("/")
        return S3Folder(self._client, bucket, place)


@dataclass
class _Kept:
    model: Model
    files: dict[str, str]
    checked_at: float
