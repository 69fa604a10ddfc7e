"""Fetches a model of the zoo; start at `pull`. Which there are stands in zoo_models.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import DownloadError, NotThereError, UnreachableError
from ...storage.local_files import lock_folder
from .catalogue import RemoteFile, ZooModel
from .download import Progress, digest_of, download


def pull(
    model: ZooModel,
    folder: Path,
    *,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Path:
    """Fetches a model into `folder/NAME`, unless its files are there; returns that path.

    The folder appears when all its files are there and right; until then they lie in
    `folder/.NAME.part`, from where a later call goes on. MODEL_MIRROR, a folder or an address
    with files as `NAME/FILE` or `FILE`, is asked first, the public addresses then.

    Args:
        model: one of `zoo_models.MODELS`.
        folder: where the model's own folder is made.
        progress: see `download`.
        note: told what went wrong at the mirror, where another address is then asked.

    Raises:
        DownloadError: a file cannot be had anywhere, or not be written here; or another process
            fetches the same model.
    """
    target = folder / model.name
    missing = [file for file in model.files if not _is_right(target / file.name, file)]
    if not missing:
        return target
    staging = folder / f".{model.name}.part"
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with _alone(staging):
            sources = _Sources(model, note)
            for file in missing:
                if not _is_right(staging / file.name, file):
                    sources.fetch(file, staging / file.name, progress)
            _move(staging, target)
    except OSError as error:  # no place left, no permission to write
        raise DownloadError(f"{staging}: {error}") from error
    return target


def _is_right(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and digest_of(path) == file.sha256


def _move(staging: Path, target: Path) -> None:
    """Makes the staged files the model's: as one folder, or in place of wrong ones of an old."""
    if not target.exists():
        staging.rename(target)
        return
    for path in staging.iterdir():
        path.replace(target / path.name)
    staging.rmdir()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps a second process from writing to the same files."""
    try:
        with lock_folder(folder, wait=False):
            yield
    except BlockingIOError:
        raise DownloadError(
            f"another process is fetching to {folder}; try again when it has ended"
        ) from None


class _Sources:
    """Where a model's files may be had: the mirror, as long as it answers, and their own place."""

    def __init__(self, model: ZooModel, note: Callable[[str], None]) -> None:
        self._name = model.name
        self._mirror = os.environ.get("MODEL_MIRROR", "").rstrip("/")
        self._note = note

    def fetch(self, file: RemoteFile, path: Path, progress: Progress | None) -> None:
        """Fetches one file from the first that has it."""
        if self._mirror:
            try:
                return self._from_mirror(file, path, progress)
            except DownloadError as error:
                self._note(f"MODEL_MIRROR: {error}; asking {file.folder}{file.name}")
                if isinstance(error, UnreachableError):
                    self._mirror = ""
        try:
            _download(file.folder + file.name, file, path, progress)
        except DownloadError as error:
            raise type(error)(
                f"{error}. Where this address is out of reach, MODEL_MIRROR may name a folder or "
                f"an address that has {self._name}/{file.name}"
            ) from error

    def _from_mirror(self, file: RemoteFile, path: Path, progress: Progress | None) -> None:
        place = self._mirror
        if "://" not in place:
            place = Path(place).resolve().as_uri()
        try:
            _download(f"{place}/{self._name}/{file.name}", file, path, progress)
        except NotThereError as first:
            try:
                _download(f"{place}/{file.name}", file, path, progress)
            except NotThereError as second:
                raise NotThereError(f"{first}; {second}") from None


def _download(address: str, file: RemoteFile, path: Path, progress: Progress | None) -> None:
    download(address, path, sha256=file.sha256, size=file.size, progress=progress)
