"""Keeps the last good model of each place in a bucket warm, and refreshed; see `ModelStore`."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import FolderChangedError, ModelError, SettingsError, StorageError
from ..settings import Settings
from ..telemetry.logs import logger
from ..telemetry.metrics import count
from .folder import S3Folder
from .reader import is_read

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .loader import Model

_S3 = "s3://"
_ATTEMPTS = 3  # at reading a folder that somebody is changing
_MOST_AHEAD = 8  # files that are opened side by side; a model has five at most, its seal included


# A folder, its files with their marks, and a context in which they are opened ahead
_Listed = tuple[S3Folder, Mapping[str, str], AbstractContextManager[object]]


@dataclass
class _Place:
    """What is known of one model folder.

    files: as they were when they were last loaded, or refused. refusal: why they were refused.
    """

    model: Model | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    refusal: ModelError | SettingsError | None = None
    looked_at: float = -math.inf


class ModelStore:
    """Keeps one model a place warm, and looks at most once a TTL whether its files changed.

    Changed files are loaded beside the model that serves, which they replace in one step once they
    have loaded. Files that do not load are refused, logged and counted once, and not read again
    until they change; the model before serves on. Nothing touches a disk: files are read from their
    streams, each only as the listing named it (`S3Folder`), so that an upload in between never
    mixes two models' files. Several threads may ask; one at a time looks and loads.
    """

    def __init__(
        self,
        client: S3Client,
        settings: Settings,
        executor: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`executor` opens a model's files side by side; without it they are one after the other."""
        self._client = client
        self._settings = settings
        self._executor = beside
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self._prefetched: Future[_Listed] | None = None
        self._prefetched_at = -math.inf

    def model_for(self, bucket: str) -> Model:
        """The model that images of `bucket` are to be run through.

        Raises:
            ModelError: there is none that loads, and none from before either.
            StorageError: S3 fails, and there is none from before.
            SettingsError: CLASSES names a class that the model does not know.
        """
        folder = self._folder(bucket)
        with self._lock:
            place = self._places.setdefault(folder.location, _Place())
            if place.model is None:
                self._load(folder, place)
            elif self._clock() - place.looked_at >= self._settings.model_ttl_seconds:
                self._refresh(folder, place)
        if place.model is None:
            raise (place.refusal or ModelError(f"the model {folder.location} keeps changing"))
        return place.model

    def prefetch(self) -> None:
        """Has a model's files on their way until it is asked for, if the settings name its bucket.

        This needs neither NumPy nor OpenCV, which may be imported meanwhile.
        """
        if self._executor and self._settings.model.startswith(_S3):
            self._prefetched_at = self._clock()
            self._prefetched = self._executor.submit(self._start_prefetch, self._folder(""))

    def expire(self) -> None:
        """Has the next image ask whether the models changed, whenever they were asked last."""
        for place in self._places.values():
            place.looked_at = -math.inf

    def _refresh(self, folder: S3Folder, place: _Place) -> None:
        try:
            self._load(folder, place)
        except StorageError as error:  # says nothing about the model
            logger.warning("model not looked at; the one before serves on", error=str(error))

    def _load(self, folder: S3Folder, place: _Place) -> None:
        """Loads the folder's files, unless they are those that were loaded or refused before."""
        from .loader import load_model  # and with it NumPy and OpenCV

        place.looked_at = self._clock()
        for _ in range(_ATTEMPTS):
            if prefetched := self._take_prefetched():
                place.looked_at = self._prefetched_at
            folder, files, opened = prefetched or self._list(folder)
            if files == place.files and (place.model or place.refusal):
                return
            try:
                with opened:
                    model = load_model(folder, self._settings, files)
            except FolderChangedError as error:
                logger.info("model changed while it was being read", error=str(error))
                continue
            except (ModelError, SettingsError) as error:
                _refuse(place, files, error)
                return
            _swap(place, files, model)
            return

    def _list(self, folder: S3Folder) -> _Listed:
        files = folder.files()
        names = [name for name in files if is_read(name)]
        if self._executor is None or len(names) > _MOST_AHEAD:
            return folder, files, nullcontext()
        return folder, files, folder.prefetching(names, self._executor)

    def _start_prefetch(self, folder: S3Folder) -> _Listed:
        folder, files, opened = self._list(folder)
        stack = ExitStack()
        stack.enter_context(opened)
        return folder, files, stack

    def _take_prefetched(self) -> _Listed | None:
        """What was sent for, once; None if that failed: who asks himself is told why.

        Lambda may start an environment long before its first image. What was listed then is as good
        as anything that was looked at then: until the TTL is over.
        """
        prefetched, self._prefetched = self._prefetched, None
        if prefetched is None or prefetched.exception():
            return None
        folder, files, opened = prefetched.result()
        if self._clock() - self._prefetched_at < self._settings.model_ttl_seconds:
            return folder, files, opened
        with opened:
            return None

    def _folder(self, bucket: str) -> S3Folder:
        location = self._settings.model
        if location.startswith(_S3):
            bucket, _, location = location.removeprefix(_S3).partition("/")
        return S3Folder(self._client, bucket, location)


def _swap(place: _Place, files: Mapping[str, str], model: Model) -> None:
    before, place.model = place.model, model
    place.files, place.refusal = files, None
    if before is None:
        logger.info("model loaded", model=model.name, digest=model.digest)
    elif before.digest != model.digest:
        count("ModelSwaps")
        logger.info("model changed", model=model.name, digest=model.digest)


def _refuse(place: _Place, files: Mapping[str, str], error: ModelError | SettingsError) -> None:
    place.files, place.refusal = files, error
    count("ModelRejections")
    logger.error(
        "model refused" + ("; the one before serves on" if place.model else ""), error=str(error)
    )
