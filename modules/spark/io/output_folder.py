"""Writes files from workers, which cannot use Hadoop's file systems; see `open_output_folder`.

S3 is written with the function's client, everything else through pyarrow's file systems.
"""

from __future__ import annotations

import posixpath
import uuid
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from ...storage.client import create_client
from ...storage.errors import storage_errors
from ..session.s3a import SCHEMES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@cache
def open_output_folder(location: str) -> OutputFolder:
    """Returns the folder at a location, created once per worker process.

    location: as `locations.qualify` returns it.
    """
    return OutputFolder(location)


class OutputFolder:
    """A prefix or folder that a worker writes files to; cannot be pickled."""

    def __init__(self, location: str) -> None:
        self._scheme, _, rest = location.partition(":")
        self._location = location
        self._bucket, _, self._prefix = rest.lstrip("/").partition("/")

    def write(self, name: str, data: bytes, media_type: str) -> None:
        """Writes a file, completely or not at all; overwrites an existing one.

        Raises:
            StorageError: S3 failed.
            OSError: another file system failed.
        """
        if self._scheme in SCHEMES:
            key = posixpath.join(self._prefix, name)
            with storage_errors(f"writing s3://{self._bucket}/{key}"):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=data, ContentType=media_type
                )
            return
        system, root = self._system
        folder, _, file_name = posixpath.join(root, name).rpartition("/")
        system.create_dir(folder, recursive=True)
        part = f"{folder}/.{uuid.uuid4().hex}.part"  # short: file_name may have all 255 bytes
        with system.open_output_stream(part) as stream:
            stream.write(data)
        system.move(part, f"{folder}/{file_name}")

    @cached_property
    def _client(self) -> S3Client:
        return create_client()

    @cached_property
    def _system(self) -> tuple[Any, str]:
        """Pyarrow's file system, and the path of the folder in it."""
        from pyarrow import fs

        if self._scheme == "file":
            return fs.LocalFileSystem(), "/" + self._location.partition(":")[2].lstrip("/")
        if self._scheme == "dbfs":  # Databricks mounts it on every machine
            return fs.LocalFileSystem(), "/dbfs/" + self._location.partition(":")[2].lstrip("/")
        system, path = fs.FileSystem.from_uri(self._location)
        return system, path
