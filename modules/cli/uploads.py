"""Uploads local images to a bucket without overwriting anybody's object; see `upload`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from io import BufferedIOBase, BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from ..errors import ObjectChangedError, ObjectGoneError, StorageError
from ..results.keys import check_key
from ..settings import Settings
from ..storage.errors import storage_errors
from ..storage.object_stream import ObjectStream
from .local_images import LocalImage
from .printing import utf8

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 1 << 20
_DIGEST_DIGITS = (8, 64)  # of the SHA-256 in a key; more of them if fewer are not enough


@dataclass(frozen=True)
class UploadedImage:
    """An image of this machine as an object of the bucket.

    Attributes:
        bucket: the bucket's name.
        key: the object's key.
        etag: the object's, without quotes.
        modified: when the object was written, to the second.
        was_there: whether the object existed already, with the same bytes.
        is_renamed: whether the key has a suffix, because another image has the shorter key.
    """

    bucket: str
    key: str
    etag: str
    modified: datetime
    was_there: bool = False
    is_renamed: bool = False

    @property
    def address(self) -> str:
        """The object's address, s3://BUCKET/KEY."""
        return f"s3://{self.bucket}/{self.key}"


def upload(
    client: S3Client,
    bucket: str,
    prefix: str,
    settings: Settings,
    image: LocalImage,
    *,
    is_forced: bool = False,
) -> UploadedImage:
    """Uploads an image; returns the object.

    The key is `prefix` and the image's name. If there is an object with this key and the same
    bytes, that object is returned. If its bytes are different, it stays as it is, and the new
    object gets a key with a part of its own SHA-256, such as `input/dog-1a2b3c4d.jpg`.

    Args:
        client: the S3 client.
        bucket: the bucket's name.
        prefix: where in the bucket, such as `input/`.
        settings: the prefixes of the bucket, from which the keys of results follow.
        image: the image.
        is_forced: writes equal bytes again, so that S3 sends another event for them.

    Raises:
        ImageError: an image with this key cannot have a result.
        OSError: the file cannot be read.
        StorageError: S3 fails.
    """
    for number, key in enumerate(possible_keys(prefix, image)):
        check_key(key, settings)
        try:
            uploaded = _put(client, bucket, key, image, {"IfNoneMatch": "*"})
            return replace(uploaded, is_renamed=number > 0)
        except ObjectChangedError:
            existing = _equal_object(client, bucket, key, image)
        if existing and is_forced:
            return _put(client, bucket, key, image, {"IfMatch": f'"{existing.etag}"'})
        if existing:
            return existing
    raise StorageError(f"s3://{bucket}/{key} has other bytes than its name says; delete it")


def possible_keys(prefix: str, image: LocalImage) -> Iterator[str]:
    """Yields the keys that an image can get, in the order in which `upload` tries them."""
    path = PurePosixPath(prefix + utf8(image.name.as_posix()))
    yield str(path)
    with _open(image) as file:
        digest = hashlib.file_digest(cast("BytesIO", file), "sha256").hexdigest()
    for digits in _DIGEST_DIGITS:
        yield str(path.with_name(f"{path.stem}-{digest[:digits]}{path.suffix}"))


def _put(
    client: S3Client, bucket: str, key: str, image: LocalImage, condition: dict[str, str]
) -> UploadedImage:
    """Writes the object, whole or not at all, if the condition holds.

    Raises:
        ObjectChangedError: the condition does not hold.
    """
    with _open(image) as file, storage_errors(f"writing s3://{bucket}/{key}"):
        request: Any = {"Body": file, **condition}
        etag = client.put_object(Bucket=bucket, Key=key, **request)["ETag"]
        head = client.head_object(Bucket=bucket, Key=key)
    return UploadedImage(bucket, key, etag.strip('"'), head["LastModified"])


def _equal_object(
    client: S3Client, bucket: str, key: str, image: LocalImage
) -> UploadedImage | None:
    """Returns the object under the key if it has the image's bytes, else None."""
    try:
        with _open(image) as file, ObjectStream(client, Bucket=bucket, Key=key) as stream:
            chunks = iter(lambda: file.read(_CHUNK_BYTES), b"")
            is_equal = stream.size == image.size() and all(
                stream.read(len(chunk)) == chunk for chunk in chunks
            )
            modified = datetime.fromisoformat(stream.version.modified)
            found = UploadedImage(bucket, key, stream.version.etag, modified, was_there=True)
    except ObjectGoneError:
        return None
    return found if is_equal else None


def _open(image: LocalImage) -> BufferedIOBase:
    return image.path.open("rb") if image.data is None else BytesIO(image.data)
