"""Keeps the last usable model of each model folder in memory, and reloads it; see `ModelStore`."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import FolderChangedError, ModelError, StorageError
from ..settings import BUNDLED, Settings
from ..telemetry.logs import logger
from ..telemetry.metrics import count
from .folder import LocalFolder, S3Folder, bundled_folder
from .reader import is_read

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ..storage.function_client import FunctionClient
    from .loader import Model

_S3 = "s3://"
_ATTEMPTS = 3  # to read a folder that is being changed
_MAX_PREFETCHED = 8  # files at the same time; a model has at most five, with its manifest


# A folder, its listing, and a context in which its files are prefetched
_Folder = S3Folder | LocalFolder
_Listed = tuple[_Folder, Mapping[str, str], AbstractContextManager[object]]


@dataclass
class _FolderState:
    """What the store knows about one model folder.

    model: the last usable one. files: the listing that was last loaded or refused. refusal: why
    these files were refused. checked_at: the clock's time of the last listing.
    """

    model: Model | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    refusal: ModelError | None = None
    checked_at: float = -math.inf


class ModelStore:
    """Keeps one loaded model per folder; checks at most once per TTL whether the files changed.

    If the files changed, the new model is loaded while the old one stays in use, and then replaces
    it in one step. Files that do not load are refused, logged and counted once, and not read again
    until they change; the old model stays in use. Nothing is written to disk: files are streamed,
    each only in the version that was listed (`S3Folder`), so that an upload in between never mixes
    the files of two models. Threads may share a store; one at a time checks and loads.
    """

    def __init__(
        self,
        client: S3Client | FunctionClient,
        settings: Settings,
        executor: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Creates an empty store.

        Args:
            client: the S3 client.
            settings: name the model folder and the TTL.
            executor: opens a model's files in parallel; None opens them one after the other.
            clock: returns seconds.
        """
        self._client = client
        self._settings = settings
        self._executor = executor
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[str, _FolderState] = {}
        self._prefetched: Future[_Listed] | None = None
        self._prefetched_at = -math.inf

    def model_for(self, bucket: str) -> Model:
        """Returns the model for the images of `bucket`.

        Raises:
            ModelError: the files do not load, or the model lacks a class that CLASSES names; and
                no earlier model is in memory.
            StorageError: S3 fails, and no earlier model is in memory.
        """
        folder = self._folder(bucket)
        with self._lock:
            state = self._states.setdefault(folder.location, _FolderState())
            if state.model is None:
                self._load(folder, state)
            elif self._clock() - state.checked_at >= self._settings.model_ttl_seconds:
                self._refresh(folder, state)
        if state.model is None:
            raise (state.refusal or ModelError(f"the model {folder.location} keeps changing"))
        return state.model

    def prefetch(self) -> None:
        """Starts to list and open the model's files in the background.

        Does nothing if the settings do not name the model's bucket, or without an executor. Needs
        neither NumPy nor OpenCV, so that the caller can import them meanwhile.
        """
        if self._executor and self._settings.model.startswith(_S3):
            self._prefetched_at = self._clock()
            self._prefetched = self._executor.submit(self._list_and_open, self._folder(""))

    def expire(self) -> None:
        """Makes the next call of `model_for` check the files again, whatever the TTL."""
        for state in self._states.values():
            state.checked_at = -math.inf

    def _refresh(self, folder: _Folder, state: _FolderState) -> None:
        try:
            self._load(folder, state)
        except StorageError as error:  # S3's failure is no reason to refuse the model
            logger.warning("model not checked; the previous one stays in use", error=str(error))

    def _load(self, folder: _Folder, state: _FolderState) -> None:
        """Loads the folder's files, unless the same files were loaded or refused before."""
        from .loader import load_model  # imports NumPy and OpenCV

        state.checked_at = self._clock()
        for _ in range(_ATTEMPTS):
            if prefetched := self._take_prefetched():
                state.checked_at = self._prefetched_at
            folder, files, opened = prefetched or self._list(folder)
            if files == state.files and (state.model or state.refusal):
                return
            try:
                with opened:
                    model = load_model(folder, self._settings, files)
            except FolderChangedError as error:
                logger.info("model changed while it was being read", error=str(error))
                continue
            except ModelError as error:
                _refuse(state, files, error)
                return
            _swap(state, files, model)
            return

    def _list(self, folder: _Folder) -> _Listed:
        """Lists the folder; its files are opened when the returned context is entered."""
        files = folder.files()
        names = [name for name in files if is_read(name)]
        if (
            self._executor is None
            or isinstance(folder, LocalFolder)
            or len(names) > _MAX_PREFETCHED
        ):
            return folder, files, nullcontext()
        return folder, files, folder.prefetching(names, self._executor)

    def _list_and_open(self, folder: _Folder) -> _Listed:
        folder, files, opened = self._list(folder)
        stack = ExitStack()
        stack.enter_context(opened)
        return folder, files, stack

    def _take_prefetched(self) -> _Listed | None:
        """Returns the prefetched listing and files once.

        None if prefetching failed; the caller then lists the folder again and gets the error. None
        also if the TTL has passed: Lambda may start an environment long before its first image.
        """
        prefetched, self._prefetched = self._prefetched, None
        if prefetched is None or prefetched.exception():
            return None
        folder, files, opened = prefetched.result()
        if self._clock() - self._prefetched_at < self._settings.model_ttl_seconds:
            return folder, files, opened
        with opened:  # closes the files
            return None

    def _folder(self, bucket: str) -> _Folder:
        location = self._settings.model
        if location == BUNDLED:
            return bundled_folder()
        if location.startswith(_S3):
            bucket, _, location = location.removeprefix(_S3).partition("/")
        return S3Folder(self._client, bucket, location)


def _swap(state: _FolderState, files: Mapping[str, str], model: Model) -> None:
    """Puts a loaded model into use."""
    previous, state.model = state.model, model
    state.files, state.refusal = files, None
    if previous is None:
        logger.info("model loaded", model=model.name, digest=model.digest, engine=model.engine)
    elif previous.digest != model.digest:
        count("ModelSwaps")
        logger.info("model changed", model=model.name, digest=model.digest, engine=model.engine)


def _refuse(state: _FolderState, files: Mapping[str, str], error: ModelError) -> None:
    """Remembers why these files cannot be used."""
    state.files, state.refusal = files, error
    count("ModelRejections")
    logger.error(
        "model refused" + ("; the previous one stays in use" if state.model else ""),
        error=str(error),
    )
