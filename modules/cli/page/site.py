"""What the page needs of a bucket: uploads, answers, results, failures; see `Site`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ...errors import ImageError, ObjectGoneError, UsageError
from ...object_detection.annotate import class_colour
from ...object_detection.images.registry import FORMATS, find_format
from ...results.document import too_many_bytes
from ...results.keys import output_keys
from ...settings import Settings
from ...storage.object_stream import ObjectStream
from ..answers import read_answer
from ..failed_records import failed_images
from ..local_images import LocalImage
from ..uploads import UploadedImage, upload
from .function import Function
from .index import ResultIndex

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_FAILURES = 500  # on the page; `failures` lists all


@dataclass(frozen=True)
class StoredObject:
    """An object of the bucket. media_type: one of a picture, or of unknown bytes."""

    data: bytes
    media_type: str


@dataclass(frozen=True)
class Site:
    """A bucket and the function that processes its pictures, as the page shows them.

    Every method raises StorageError if S3 fails.
    """

    client: S3Client
    bucket: str
    settings: Settings
    function: Function

    @cached_property
    def results(self) -> ResultIndex:
        """The results under the output prefix."""
        return ResultIndex(self.client, self.bucket, self.settings)

    def close(self) -> None:
        """Stops what runs ahead of requests."""
        self.results.close()

    def describe(self) -> dict[str, Any]:
        """Returns what the page needs to know when it opens."""
        return {
            "bucket": self.bucket,
            "input_prefix": self.settings.input_prefix,
            "max_bytes": self.settings.max_image_bytes,
            "formats": [name.upper() for name in FORMATS],
            "confidence": self.settings.confidence,
        }

    def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Uploads a picture under the input prefix; never replaces an object by other bytes.

        Args:
            name: its path, as the browser states it.
            data: the file's bytes.

        Returns:
            The object, for `answers`.

        Raises:
            ImageError: the bytes are too many, or are no picture.
        """
        if len(data) > self.settings.max_image_bytes:
            raise ImageError(too_many_bytes(len(data), self.settings.max_image_bytes))
        find_format(data)
        path = Path(*_safe_parts(name))
        image = LocalImage(path, path, data)
        prefix = self.settings.input_prefix
        uploaded = upload(self.client, self.bucket, prefix, self.settings, image)
        return {**asdict(uploaded), "modified": uploaded.modified.isoformat()}

    def answers(self, uploaded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """Looks for the answers to uploaded pictures; None for those that have none yet."""
        return [self._answer(item) for item in uploaded]

    def _answer(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        modified = datetime.fromisoformat(str(item["modified"]))
        image = UploadedImage(self.bucket, str(item["key"]), str(item["etag"]), modified)
        answer = read_answer(self.client, self.bucket, self.settings, image, with_annotated=False)
        if answer is None:
            return None
        if answer.document is None:
            return {"failure": answer.failure}
        return {"result": _with_colours(answer.document)}

    def result(self, key: str) -> dict[str, Any]:
        """Returns an image's document, and the colour of each label in it.

        Raises:
            ObjectGoneError: the image has no result.
        """
        document = json.loads(self._read(output_keys(key, self.settings).document))
        return _with_colours(document)

    def original(self, key: str, etag: str | None) -> bytes:
        """Returns an image's bytes.

        Raises:
            ObjectGoneError: it was deleted.
            ObjectChangedError: it is no longer the object with this ETag.
        """
        if not key.startswith(self.settings.input_prefix):
            raise UsageError(f"{key} is not under {self.settings.input_prefix}")
        return self._read(key, etag)

    def annotated(self, key: str) -> StoredObject:
        """Returns the annotated image of the image `key`.

        Raises:
            ObjectGoneError: there is none.
        """
        found = self.result(key)["document"].get("annotated", "")
        if found is None:
            raise ObjectGoneError(f"nothing is drawn of {key}: the setting is draw=none")
        name = found["key"] if found else output_keys(key, self.settings).annotated
        if not str(name).startswith(self.settings.output_prefix):
            raise UsageError(f"{name} is not under {self.settings.output_prefix}")
        data = self._read(str(name))
        try:
            media_type = find_format(data).media_type
        except ImageError:  # never a type that a browser would run
            media_type = "application/octet-stream"
        return StoredObject(data, media_type)

    def shown(self, key: str) -> tuple[bytes, dict[str, Any] | None]:
        """Returns the annotated image of the image `key`, and None.

        If nothing is drawn, returns the original, and the document with what was found.

        Raises:
            ObjectGoneError: there is none.
            ObjectChangedError: the original is no longer the one of the document.
        """
        document = self.result(key)["document"]
        if document.get("annotated", "") is None:
            return self.original(key, document["image"]["etag"]), document
        return self.annotated(key).data, None

    def failures(self) -> dict[str, Any]:
        """Returns the images that failed and have no result since, the newest first."""
        failed = failed_images(self.client, self.bucket, self.settings)
        found = sorted(
            (image for image in failed if not image.is_superseded),
            key=lambda image: (-image.failed_at.timestamp(), image.key),
        )
        shown = [
            {"key": image.key, "message": image.message, "at": image.failed_at.isoformat()}
            for image in found[:_MOST_FAILURES]
        ]
        return {"failures": shown, "more": len(found) - len(shown)}

    def retry(self, key: str) -> None:
        """Sends an image to the function again.

        Raises:
            UsageError: the function cannot be invoked.
        """
        if not key.startswith(self.settings.input_prefix):
            raise UsageError(f"{key} is not under {self.settings.input_prefix}")
        self.function.retry(self.bucket, key)

    def model(self) -> dict[str, Any]:
        """Returns the model of the newest result, the one that is set, and those to choose from."""
        newest = self.results.newest()
        choice = self.function.choice()
        return {
            "newest": newest,
            "current": choice.current,
            "why_not": choice.why_not,
            "folders": _model_folders(self.client, self.bucket),
        }

    def choose(self, prefix: str) -> None:
        """Makes the function use the model folder under this prefix of the bucket.

        Raises:
            UsageError: there is no such model, or the function cannot be changed from here.
        """
        if prefix not in _model_folders(self.client, self.bucket):
            raise UsageError(f"{prefix} is no model folder of s3://{self.bucket}")
        self.function.choose(prefix)

    def _read(self, key: str, etag: str | None = None) -> bytes:
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        try:
            with ObjectStream(self.client, Bucket=self.bucket, Key=key, **condition) as stream:
                return stream.read()
        except ObjectGoneError as error:
            raise ObjectGoneError(f"there is no s3://{self.bucket}/{key}") from error


def _with_colours(document: dict[str, Any]) -> dict[str, Any]:
    """Adds the colours that the annotated images use, as #rrggbb by label."""
    labels = {str(item["label"]) for item in document["detections"]}
    colours = {}
    for label in sorted(labels):
        blue, green, red = class_colour(label)
        colours[label] = f"#{red:02x}{green:02x}{blue:02x}"
    return {"document": document, "colours": colours}


def _safe_parts(name: str) -> list[str]:
    """Returns the parts of a picture's path without those that would leave the prefix.

    Raises:
        UsageError: nothing is left.
    """
    parts = [part for part in PurePosixPath(name).parts if part.strip("/") not in ("", ".", "..")]
    if not parts or "\0" in name:
        raise UsageError("the picture needs a name, such as photo.jpg")
    return parts


def _model_folders(client: S3Client, bucket: str) -> list[str]:
    """Returns the prefixes directly under models/ that have the files of a network."""
    from ...storage.errors import storage_errors

    with storage_errors(f"listing s3://{bucket}/models/"):
        answer = client.list_objects_v2(Bucket=bucket, Prefix="models/", MaxKeys=1000)
    names = (item["Key"] for item in answer.get("Contents", ()))
    networks = (name for name in names if name.endswith((".onnx", ".weights")))
    return sorted({f"models/{name.split('/')[1]}/" for name in networks if name.count("/") == 2})
