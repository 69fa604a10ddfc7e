"""Waits for the function's answers to uploaded images; start at `wait_for_answers`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ObjectChangedError, ObjectGoneError
from ..function.outputs import IMAGE_ETAG
from ..results.document import read_failure
from ..results.keys import added_suffix, output_keys
from ..settings import Settings
from ..storage.errors import storage_errors
from ..storage.object_stream import ObjectStream
from .local_images import LocalImage
from .uploads import UploadedImage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from rich.progress import Progress

_GROUP = 50  # images; so many annotated images may be in memory
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0  # seconds between two looks at the bucket


@dataclass(frozen=True)
class Answer:
    """What the function published for an image.

    Attributes:
        document: the result; None if the image failed.
        annotated: the bytes of the annotated image; None if it was not asked for, or if nothing is
            drawn.
        annotated_suffix: what was added to the image's key for that of the annotated image.
        failure: why the image failed; empty if it did not.
    """

    document: dict[str, Any] | None
    annotated: bytes | None = None
    annotated_suffix: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Dropped:
    """An image of this machine, and the object that it became."""

    image: LocalImage
    uploaded: UploadedImage


def wait_for_answers(
    dropped: Sequence[Dropped],
    read: Callable[[UploadedImage], Answer | None],
    timeout: float,
    pool: Executor,
    bars: Progress,
) -> Iterator[tuple[Dropped, Answer]]:
    """Yields the answers as they come, until none has come for `timeout` seconds.

    Args:
        dropped: the images.
        read: looks for the answer to an uploaded image.
        timeout: in seconds.
        pool: looks for several answers at the same time.
        bars: where to show the progress.
    """
    waiting, pause = list(dropped), _FIRST_PAUSE
    bar = bars.add_task("waiting", total=len(waiting))
    last = time.monotonic()
    while waiting:
        still_waiting = []
        for start in range(0, len(waiting), _GROUP):
            group = waiting[start : start + _GROUP]
            found = pool.map(read, (item.uploaded for item in group))
            for item, answer in zip(group, found, strict=True):
                if answer is None:
                    still_waiting.append(item)
                    continue
                yield item, answer
                bars.advance(bar)
                last, pause = time.monotonic(), _FIRST_PAUSE
        waiting = still_waiting
        left = last + timeout - time.monotonic()
        if left <= 0:
            return
        if waiting:
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass(frozen=True)
class _Published:
    """A JSON document of the bucket.

    Attributes:
        data: its bytes.
        modified: when it was written, to the second.
        image_etag: the ETag of the annotated image that belongs to it, if its metadata name one.
    """

    data: bytes
    modified: datetime
    image_etag: str | None


def read_answer(
    client: S3Client,
    bucket: str,
    settings: Settings,
    image: UploadedImage,
    *,
    with_annotated: bool,
) -> Answer | None:
    """Returns the answer to this very object; None if there is none yet.

    An answer to another object that had the same key before is not returned: a document has the
    ETag of its image, and was written after it.

    Args:
        client: the S3 client.
        bucket: the bucket's name.
        settings: the prefixes of the bucket.
        image: the uploaded object.
        with_annotated: whether to read the annotated image, too.

    Raises:
        StorageError: S3 fails.
    """
    keys = output_keys(image.key, settings)
    result = _read(client, bucket, keys.document, image)
    failure = _read(client, bucket, keys.failure, image)
    if failure and (result is None or result.modified < failure.modified):
        record = read_failure(failure.data)
        return Answer(None, failure=record.message if record else "its record is unreadable")
    if result is None:
        return None
    document = json.loads(result.data)
    if not with_annotated or document.get("annotated", "") is None:
        return Answer(document)
    # Documents of earlier versions do not name it
    key = document["annotated"]["key"] if "annotated" in document else keys.annotated
    condition = {"IfMatch": f'"{result.image_etag}"'} if result.image_etag else {}
    try:
        with ObjectStream(client, Bucket=bucket, Key=key, **condition) as stream:
            return Answer(document, stream.read(), added_suffix(image.key, key))
    except (ObjectGoneError, ObjectChangedError):  # a newer answer is being published
        return None


def _read(client: S3Client, bucket: str, key: str, image: UploadedImage) -> _Published | None:
    """Reads a document; None if there is none, or if it belongs to another object."""
    try:
        with storage_errors(f"reading s3://{bucket}/{key}"):
            answer = client.get_object(Bucket=bucket, Key=key)
            data = answer["Body"].read()
        etag = json.loads(data)["image"].get("etag")
    except (ObjectGoneError, ValueError, LookupError, TypeError, AttributeError):
        return None
    # The record of a key that is too long has no ETag: the image was not read
    if etag not in (image.etag, None) or answer["LastModified"] < image.modified:
        return None
    return _Published(data, answer["LastModified"], answer["Metadata"].get(IMAGE_ETAG))
