"""What `redrive` can send to the function again: dead letters and failed images.

Start at `Retryable`. `DeadLetter` in dead_letters.py has the same methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from ..settings import Settings
from .failed_records import FailedImage, failed_images

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Retryable(Protocol):
    """An event that failed. Each method raises ValueError if the event cannot be read."""

    @property
    def name(self) -> str:
        """The name for messages."""

    def event(self) -> Any:
        """Returns the event to invoke the function with."""

    def image_keys(self) -> list[str]:
        """Returns the keys of the event's images."""

    def kind(self) -> str:
        """Returns the class of the error that the event failed with."""

    def summary(self) -> str:
        """Returns the images and the reason of the failure, in one line."""

    def forget(self) -> None:
        """Removes the event from where it waits. Call it after Lambda has accepted the event."""


@dataclass(frozen=True)
class RetryableImage:
    """An image that failed permanently. Its record stays until a result supersedes it."""

    bucket: str
    image: FailedImage

    @property
    def name(self) -> str:
        """The image's key."""
        return self.image.key

    def event(self) -> dict[str, str]:
        """Returns an event that names the image."""
        return {"bucket": self.bucket, "key": self.image.key}

    def image_keys(self) -> list[str]:
        """Returns the image's key."""
        return [self.image.key]

    def kind(self) -> str:
        """Returns the class of the error in the image's record."""
        return self.image.kind

    def summary(self) -> str:
        """Returns bucket, key and error message in one line."""
        return f"{self.bucket}/{self.image.key}\t{self.image.message}"

    def forget(self) -> None:
        """Does nothing: the function itself replaces the record."""


def images_without_result(
    client: S3Client, bucket: str, settings: Settings
) -> Iterator[RetryableImage]:
    """Yields the images that failed permanently and have no result since."""
    found = failed_images(client, bucket, settings)
    return (RetryableImage(bucket, image) for image in found if not image.is_superseded)


def select(items: Iterable[Retryable], key: str | None, kind: str | None) -> Iterator[Retryable]:
    """Yields the items with the error class `kind` and an image key that matches the pattern `key`.

    Without `key` and `kind` every item is yielded. Otherwise unreadable items are left out.
    """
    for item in items:
        try:
            is_selected = not kind or item.kind() == kind
            if key:
                is_selected &= any(fnmatchcase(each, key) for each in item.image_keys())
        except ValueError:
            is_selected = not (key or kind)
        if is_selected:
            yield item
