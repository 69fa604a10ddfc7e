"""Uploads a model's files so that a reader never gets half a model; start at `upload`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ...errors import ModelError, UsageError
from ...models.folder import S3Folder
from ...models.manifest import MANIFEST, read_manifest, format_manifest
from ...models.zoo.download import digest_of
from ...storage.errors import storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MODEL_SUFFIXES = (".cfg", ".weights", ".names", ".tree", ".onnx")


@dataclass(frozen=True)
class Place:
    """Where a model lies: a bucket, and the prefix of its files' keys, which ends with a slash."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    @staticmethod
    def parse(target: str, name: str) -> Place:
        """Reads `s3://BUCKET/PREFIX`; `name` is added where a slash ends it."""
        bucket, slash, path = target.removeprefix("s3://").partition("/")
        if not (target.startswith("s3://") and bucket and slash):
            raise UsageError(
                f"'{target}' is not of the form s3://BUCKET/PREFIX, "
                f"like s3://my-bucket/models/{name}"
            )
        if not path or path.endswith("/"):
            path += name
        return Place(bucket, path.strip("/") + "/")


def upload(
    client: S3Client,
    files: Mapping[str, Path],
    place: Place,
    sent: Callable[[str, int], None] = lambda name, count: None,
) -> None:
    """Uploads a model's files, by name, in place of any that lie there.

    A reader takes one listing, reads each file only as that listing has it, and, where the listing
    has a seal, only files and contents that the seal lists (manifest.py). A seal is one object,
    so it changes in one moment:

    - Where there is a seal already, the files go first. While they do, it is the old seal that
      counts: a file that was overwritten is not the one it lists, and the reader refuses; if none
      of its files was, the reader gets the old model, whatever lies beside it. The new seal then
      makes it the new model, all of whose files are there.
    - Where there is none, it is the seal that goes first. From then on the reader refuses until
      every file is the new model's; before, nothing had changed.

    What the old model leaves behind is deleted in the end: the seal does not list it, so nobody
    reads it. If the upload breaks off anywhere, the last of these states stays, and uploading again
    mends it.

    Args:
        client: of the bucket's S3.
        files: the paths by their names in the bucket.
        place: where they go.
        sent: told a file's name, and how many bytes more of it have gone.

    Raises:
        StorageError: S3 fails.
        ModelError: the place holds so many files that it cannot be one model's folder.
    """
    from boto3.s3.inject import upload_fileobj  # which a client of botocore's does not have

    folder = S3Folder(client, place.bucket, place.prefix)
    there = folder.files()
    stale = _stale(folder, there, files)
    digests = {name: digest_of(path) for name, path in files.items()}
    if MANIFEST not in there:
        _put_manifest(client, place, digests)
    for name, path in files.items():
        with storage_errors(f"writing {place}{name}"), path.open("rb") as file:
            upload_fileobj(
                client,
                file,
                place.bucket,
                place.prefix + name,
                Callback=lambda count, name=name: sent(name, count),
            )
    if MANIFEST in there:
        _put_manifest(client, place, digests)
    for name in stale:
        with storage_errors(f"deleting {place}{name}"):
            client.delete_object(Bucket=place.bucket, Key=place.prefix + name)


def _stale(folder: S3Folder, there: Mapping[str, str], files: Mapping[str, Path]) -> list[str]:
    """What belonged to a model before, and to this one no more; other files are not touched."""
    try:
        listed = read_manifest(folder, there).digests or {}
    except ModelError:  # a broken seal, which the new one replaces
        listed = {}
    return [
        name
        for name in there
        if (name in listed or name == "model.json" or PurePosixPath(name).suffix in _MODEL_SUFFIXES)
        and name not in files
    ]


def _put_manifest(client: S3Client, place: Place, digests: Mapping[str, str]) -> None:
    with storage_errors(f"writing {place}{MANIFEST}"):
        client.put_object(
            Bucket=place.bucket,
            Key=place.prefix + MANIFEST,
            Body=format_manifest(digests),
            ContentType="text/plain; charset=utf-8",
        )
