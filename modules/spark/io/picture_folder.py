"""Writes files from workers, where Spark's file systems are out of reach; see `picture_folder`.

S3 is written as the function does it, everything else through pyarrow's file systems.
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
def picture_folder(place: str) -> PictureFolder:
    """The one of a place, made once in a worker; `place` as `images.qualified` has it."""
    return PictureFolder(place)


class PictureFolder:
    """A prefix or folder that files are written under; made on a worker, not sent to one."""

    def __init__(self, place: str) -> None:
        self._scheme, _, rest = place.partition(":")
        self._place = place
        self._bucket, _, self._prefix = rest.lstrip("/").partition("/")

    def write(self, name: str, data: bytes, media_type: str) -> None:
        """Writes a file under the prefix, whole or not at all, over one that may be there.

        Raises:
            StorageError: S3 fails.
            OSError: another file system does.
        """
        if self._scheme in SCHEMES:
            key = posixpath.join(self._prefix, name)
            with storage_errors(f"writing s3://{self._bucket}/{key}"):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=data, ContentType=media_type
                )
            return
        system, root = self._system
        folder, _, own = posixpath.join(root, name).rpartition("/")
        system.create_dir(folder, recursive=True)
        part = f"{folder}/.{uuid.uuid4().hex}.part"  # own may have all 255 bytes
        with system.open_output_stream(part) as stream:
            stream.write(data)
        system.move(part, f"{folder}/{own}")

    @cached_property
    def _client(self) -> S3Client:
        return create_client()

    @cached_property
    def _system(self) -> tuple[Any, str]:
        """The file system in pyarrow, and the folder's path in it."""
        from pyarrow import fs

        if self._scheme == "file":
            return fs.LocalFileSystem(), "/" + self._place.partition(":")[2].lstrip("/")
        if self._scheme == "dbfs":  # Databricks mounts it on every machine
            return fs.LocalFileSystem(), "/dbfs/" + self._place.partition(":")[2].lstrip("/")
        system, path = fs.FileSystem.from_uri(self._place)
        return system, path
