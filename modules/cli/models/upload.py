"""Uploads a model's files so that a reader never gets half a model; start at `upload`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ModelError, UsageError
from ...models.folder import S3Folder
from ...models.manifest import MANIFEST, format_manifest, read_manifest
from ...models.suffixes import DESCRIPTION, MODEL_SUFFIXES
from ...models.zoo.download import digest_of
from ...storage.errors import storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Place:
    """A model's bucket and prefix; the prefix ends with a slash."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    @staticmethod
    def parse(target: str, name: str) -> Place:
        """Parses `s3://BUCKET/PREFIX`; adds `name` if `target` ends with a slash.

        Raises:
            UsageError: `target` has another form.
        """
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
    """Uploads a model's files, and replaces a model that is already there.

    A reader lists the folder once, and reads each file only in the listed version. If the folder
    has a manifest, the reader accepts only the files and contents that it lists (manifest.py). The
    manifest is one object, so it changes in one step:

    - If there is a manifest, it is uploaded last. Until then the old manifest counts: if a listed
      file has been overwritten, the reader refuses the folder; otherwise the reader gets the old
      model, and ignores the new files. With the new manifest the folder is the new model, and all
      files of the new model are there.
    - If there is none, the manifest is uploaded first. From then on the reader refuses the folder
      until all files are the new model's. Before, the folder was unchanged.

    In the end, files that only the old model had are deleted; the manifest does not list them, so
    no reader uses them. If the upload stops halfway, the folder stays in one of these states, and
    another upload completes it.

    Args:
        client: the S3 client.
        files: the local paths, by the names that the files get in the bucket.
        place: the bucket and the prefix.
        sent: called with a file's name and the number of bytes just sent.

    Raises:
        StorageError: S3 fails.
        ModelError: there are too many files under the prefix for one model.
    """
    # A botocore client has no upload_fileobj method, so boto3's function is called with the client
    from boto3.s3.inject import upload_fileobj

    folder = S3Folder(client, place.bucket, place.prefix)
    existing = folder.files()
    stale = _stale(folder, existing, files)
    digests = {name: digest_of(path) for name, path in files.items()}
    if MANIFEST not in existing:
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
    if MANIFEST in existing:
        _put_manifest(client, place, digests)
    for name in stale:
        with storage_errors(f"deleting {place}{name}"):
            client.delete_object(Bucket=place.bucket, Key=place.prefix + name)


def _stale(folder: S3Folder, existing: Mapping[str, str], files: Mapping[str, Path]) -> list[str]:
    """Returns the names of existing files that belong to the old model and not to the new one."""
    try:
        listed = read_manifest(folder, existing).digests or {}
    except ModelError:  # a malformed manifest; the new one replaces it
        listed = {}
    return [
        name
        for name in existing
        if (name in listed or name == DESCRIPTION or name.endswith(MODEL_SUFFIXES))
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
