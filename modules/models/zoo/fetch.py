"""Downloads a model of the zoo; start at `pull`. catalogue.py lists the models."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import DownloadError, NotThereError, UnreachableError
from ...storage.local_files import lock_folder
from .download import Progress, digest_of, download
from .model import DESCRIPTION, RemoteFile, ZooModel


def pull(
    model: ZooModel,
    folder: Path,
    *,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Path:
    """Downloads a model into `folder/NAME`, unless its files are there; returns that path.

    The folder appears when all files are complete and correct. Until then they are in
    `folder/.NAME.part`, and a later call continues from there. MODEL_MIRROR is tried before the
    public addresses: a folder or an address that has the files as `NAME/FILE` or `FILE`.

    Args:
        model: one of `catalogue.MODELS`.
        folder: where to make the model's own folder.
        progress: see `download`.
        note: called with the terms of the licence, before anything is downloaded, if a user must
            know them; and when the mirror fails and a public address is tried instead.

    Raises:
        DownloadError: no address has a file; or a file cannot be written here; or another process
            downloads the same model.
    """
    target = folder / model.name
    missing = [file for file in model.files if not _is_correct(target / file.name, file)]
    # A model.json that is there already may be the user's own
    text = None if (target / DESCRIPTION).exists() else model.model_json
    if not missing and text is None:
        return target
    if model.terms and missing:
        note(f"{model.name} is {model.terms}")
    staging = folder / f".{model.name}.part"
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with _lock(staging):
            sources = _Sources(model, note)
            for file in missing:
                if not _is_correct(staging / file.name, file):
                    sources.fetch(file, staging / file.name, progress)
            if text is not None:
                (staging / DESCRIPTION).write_text(text)
            _move(staging, target)
    except OSError as error:  # the disk is full, or writing is not permitted
        raise DownloadError(f"{staging}: {error}") from error
    return target


def _is_correct(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and digest_of(path) == file.sha256


def _move(staging: Path, target: Path) -> None:
    """Renames the staging folder to `target`, or replaces wrong files in an existing `target`."""
    if not target.exists():
        staging.rename(target)
        return
    for path in staging.iterdir():
        path.replace(target / path.name)
    staging.rmdir()


@contextmanager
def _lock(staging: Path) -> Iterator[None]:
    """Keeps other processes from writing the same files."""
    try:
        with lock_folder(staging, wait=False):
            yield
    except BlockingIOError:
        raise DownloadError(
            f"another process is downloading to {staging}; try again when it has ended"
        ) from None


class _Sources:
    """The addresses of a model's files: first the mirror, while it answers, then the public one."""

    def __init__(self, model: ZooModel, note: Callable[[str], None]) -> None:
        self._name = model.name
        self._mirror = os.environ.get("MODEL_MIRROR", "").rstrip("/")
        self._note = note

    def fetch(self, file: RemoteFile, path: Path, progress: Progress | None) -> None:
        """Downloads a file from the first address that has it."""
        if self._mirror:
            try:
                return self._fetch_from_mirror(file, path, progress)
            except DownloadError as error:
                self._note(f"MODEL_MIRROR: {error}; trying {file.address}")
                if isinstance(error, UnreachableError):
                    self._mirror = ""
        try:
            _download(file.address, file, path, progress)
        except DownloadError as error:
            raise type(error)(
                f"{error}. If this address cannot be reached from here, set MODEL_MIRROR to a "
                f"folder or an address that has {self._name}/{file.name}"
            ) from error

    def _fetch_from_mirror(self, file: RemoteFile, path: Path, progress: Progress | None) -> None:
        mirror = self._mirror
        if "://" not in mirror:
            mirror = Path(mirror).resolve().as_uri()
        try:
            _download(f"{mirror}/{self._name}/{file.name}", file, path, progress)
        except NotThereError as first:
            try:
                _download(f"{mirror}/{file.name}", file, path, progress)
            except NotThereError as second:
                raise NotThereError(f"{first}; {second}") from None


def _download(address: str, file: RemoteFile, path: Path, progress: Progress | None) -> None:
    download(address, path, sha256=file.sha256, size=file.size, progress=progress)
