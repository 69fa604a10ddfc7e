"""The keys of an image's outputs, from the image's key and back; start at `output_keys`."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass

from ..errors import ImageError
from ..settings import Settings

DOCUMENT_SUFFIX = ".json"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True)
class OutputKeys:
    """The keys of what is written for one image.

    image: the image's own key. annotated: of an annotated image in the format that the image came
    in; `annotated_as` returns that of any format.
    """

    image: str
    annotated: str
    document: str
    failure: str

    def annotated_as(self, suffix: str) -> str:
        """Returns the key of the annotated image of a format with this `annotated_suffix`.

        >>> output_keys("input/a/b.heic", Settings()).annotated_as(".jpg")
        'output/a/b.heic.jpg'
        """
        return annotated_name(self.annotated, suffix)

    def owner(self, suffix: str, added: str) -> str:
        """Returns the key of the image that an annotated image belongs to.

        Two images can want one key: the annotated image of `a.heic` and that of `a.heic.jpg` are
        both `output/a.heic.jpg`, if they are a HEIC and a JPEG.

        Args:
            suffix: the annotated image's key is `annotated_as(suffix)`.
            added: the `annotated_suffix` that was added to the key of the image it belongs to.

        >>> output_keys("input/a.heic.jpg", Settings()).owner("", added=".jpg")
        'input/a.heic'
        """
        return annotated_name(self.image, suffix).removesuffix(added)


def annotated_name(name: str, suffix: str) -> str:
    """Returns the name of the annotated image of an image with this key, path or file name.

    suffix: the `annotated_suffix` of the format that the image came in.
    """
    return name + suffix


def added_suffix(image: str, annotated: str) -> str:
    """Returns what was added to an image's key for the key of its annotated image.

    >>> added_suffix("input/a/b.heic", "output/a/b.heic.jpg"), added_suffix("a.png", "out/a.png")
    ('.jpg', '')
    """
    return posixpath.basename(annotated).removeprefix(posixpath.basename(image))


def output_keys(key: str, settings: Settings) -> OutputKeys:
    """Returns the output keys of the image `key`; `check_key` tells whether a result fits them.

    >>> output_keys("input/a/b.jpg", Settings()).document
    'output/a/b.jpg.json'
    """
    name = key.removeprefix(settings.input_prefix)
    output = settings.output_prefix + name
    failure = settings.failed_prefix + _shorten(name, key, settings) + DOCUMENT_SUFFIX
    return OutputKeys(key, output, output + DOCUMENT_SUFFIX, failure)


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
