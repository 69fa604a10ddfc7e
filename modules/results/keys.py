"""The keys of an image's outputs, from the image's key and back; start at `output_keys`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..errors import ImageError
from ..settings import Settings

DOCUMENT_SUFFIX = ".json"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True)
class OutputKeys:
    """The keys of what is written for one image."""

    annotated: str
    document: str
    failure: str


def output_keys(key: str, settings: Settings) -> OutputKeys:
    """Returns the output keys of the image `key`; `check_key` tells whether a result fits them.

    >>> output_keys("input/a/b.jpg", Settings()).document
    'output/a/b.jpg.json'
    """
    name = key.removeprefix(settings.input_prefix)
    annotated = settings.output_prefix + name
    failure = settings.failed_prefix + _shorten(name, key, settings) + DOCUMENT_SUFFIX
    return OutputKeys(annotated, annotated + DOCUMENT_SUFFIX, failure)


def check_key(key: str, settings: Settings) -> None:
    """Checks that an image with this key can have a result.

    Raises:
        ImageError: the document's key would be too long for S3, or the annotated image would have
            the key of another image's document.
    """
    size = len(output_keys(key, settings).document.encode())
    if size > _MAX_KEY_BYTES:
        raise ImageError(
            f"the key is too long: the key of its document would have {size:,} bytes, and S3 "
            f"allows {_MAX_KEY_BYTES:,}"
        )
    if key.endswith(DOCUMENT_SUFFIX):
        raise ImageError(
            f"the key of an image must not end in {DOCUMENT_SUFFIX}: the annotated image would "
            "overwrite the document of another image"
        )


def image_key(failure_key: str, settings: Settings) -> str:
    """Returns the key of the image that a failure record belongs to.

    A shortened key cannot be restored: only the record itself has the image's whole key.

    >>> image_key("failed/a/b.jpg.json", Settings())
    'input/a/b.jpg'
    """
    name = failure_key.removeprefix(settings.failed_prefix).removesuffix(DOCUMENT_SUFFIX)
    return settings.input_prefix + name


def failure_prefix(prefix: str, settings: Settings) -> str:
    """Returns the prefix of the failure records of the images whose keys begin with `prefix`."""
    return settings.failed_prefix + prefix.removeprefix(settings.input_prefix)


def _shorten(name: str, key: str, settings: Settings) -> str:
    """Cuts a name that is too long for a failure record; a part of SHA-256 keeps it unique."""
    room = _MAX_KEY_BYTES - len((settings.failed_prefix + DOCUMENT_SUFFIX).encode())
    if len(name.encode()) <= room:
        return name
    ending = "~" + hashlib.sha256(key.encode()).hexdigest()[:16]
    return name.encode()[: room - len(ending)].decode(errors="ignore") + ending
