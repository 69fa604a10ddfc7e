"""The objects that are published for one image, and what their metadata say; start at `Outputs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ImageError
from ..object_detection.images.registry import ANNOTATED_SUFFIXES
from ..results.document import to_json
from ..results.keys import OutputKeys
from ..storage.bucket import Bucket, ObjectHead
from ..storage.version import Version

IMAGE_ETAG = "image-etag"  # in a document's metadata: the annotated image that belongs to it
NO_IMAGE = "none"  # its value if nothing is drawn
# In the metadata of annotated image and document: what was added to the image's key. Left out where
# nothing was, as in all results of formats that come back as they came
ANNOTATED_SUFFIX = "annotated-suffix"


@dataclass(frozen=True)
class Stamp:
    """What a result or a failure was made of. The metadata of its objects hold it.

    source: the version of the image that was read. model, settings: digests. sequencer: of the
    last event that is known to precede the reading of the image; None if no event had one.
    """

    source: Version
    model: str
    settings: str
    sequencer: str | None = None

    def metadata(self) -> dict[str, str]:
        """Returns the stamp as an object's metadata: ASCII texts."""
        values = {
            "source-etag": self.source.etag,
            "source-modified": self.source.modified,
            "source-version": self.source.version_id,
            "sequencer": self.sequencer,
            "model": self.model,
            "settings": self.settings,
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Stamp | None:
        """Reads the stamp from an object's metadata; None if another program wrote the object."""
        try:
            source = Version(
                metadata["source-etag"], metadata["source-modified"], metadata.get("source-version")
            )
            return cls(source, metadata["model"], metadata["settings"], metadata.get("sequencer"))
        except KeyError:
            return None


def later_sequencer(one: str | None, other: str | None) -> str | None:
    """Returns the later of two sequencers, which are hexadecimal numbers of any length.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return max(
        (each for each in (one, other) if each), key=lambda text: int(text, 16), default=None
    )


@dataclass(frozen=True)
class Annotated:
    """An annotated image that exists.

    owner: the key of the image that it belongs to; None if another program wrote it.
    """

    etag: str
    owner: str | None


@dataclass(frozen=True)
class Picture:
    """An annotated image to publish. suffix: what is added to the image's key for its key."""

    data: bytes
    media_type: str
    suffix: str


@dataclass(frozen=True)
class Published:
    """The result objects that exist under an image's output keys. An ETag is None for no object.

    stamp: what the document was made of; None without a document, or if another program wrote it.
    document_etag: the document's. expected_image_etag: of the annotated image that belongs to the
    document, as the document's metadata name it. suffix: what is added to the image's key for the
    key of that annotated image; None if the document says that nothing is drawn. image: the image's
    key. annotated: the annotated images that exist, by the suffix of their keys; if only the
    document was requested, the one that it names.
    """

    stamp: Stamp | None
    document_etag: str | None
    expected_image_etag: str | None
    suffix: str | None
    image: str
    annotated: Mapping[str, Annotated]

    @property
    def is_complete(self) -> bool:
        """Whether the document exists, and the annotated image that belongs to it, if any.

        A document of which nothing is drawn is incomplete if there is an annotated image.
        """
        if self.suffix is None:
            return self.document_etag is not None and not self.former(None)
        found = self.annotated.get(self.suffix)
        if self.document_etag is None or found is None or found.etag != self.expected_image_etag:
            return False
        return found.owner in (None, self.image)

    def former(self, suffix: str | None) -> dict[str, str]:
        """Returns the ETags of the image's annotated images under other keys, by suffix.

        They were made when the image had a format with another `annotated_suffix` than `suffix`, or
        when something was drawn; None for nothing.
        """
        return {
            other: found.etag
            for other, found in self.annotated.items()
            if other != suffix and found.owner == self.image
        }


class Outputs:
    """Reads, writes and deletes the outputs of one image: annotated image, document, failure.

    Every write and every delete has the condition that the object is still the one that was seen.
    A document without the annotated image that belongs to it is an incomplete result, and so is an
    annotated image without a document; `publisher.py` explains the protocol.

    Every method raises StorageError if S3 fails. Those that write or delete raise
    ObjectChangedError if the condition does not hold.
    """

    def __init__(self, bucket: Bucket, bucket_name: str, keys: OutputKeys) -> None:
        self._bucket = bucket
        self._bucket_name = bucket_name
        self._keys = keys

    def annotated_key(self, suffix: str) -> str:
        """Returns the key of the annotated image of a format with this `annotated_suffix`."""
        return self._keys.annotated_as(suffix)

    def head(self) -> Published:
        """Requests the document's metadata: one request, if this project wrote the document."""
        head = self._head(self._keys.document)
        image = self._keys.image
        if head is None:
            return Published(None, None, None, "", image, {})
        stamp, image_etag = Stamp.read(head.metadata), head.metadata.get(IMAGE_ETAG)
        if stamp and image_etag == NO_IMAGE:
            return Published(stamp, head.version.etag, None, None, image, {})
        if stamp is None or image_etag is None:
            published = Published(None, head.version.etag, None, "", image, {})
            return self.head_images(published, [""])
        suffix = head.metadata.get(ANNOTATED_SUFFIX, "")
        named = {suffix: Annotated(image_etag, image)}
        return Published(stamp, head.version.etag, image_etag, suffix, image, named)

    def head_image(self, published: Published) -> Published:
        """Requests the annotated image that the document names; every one, if it names none."""
        suffixes = None if published.suffix is None else [published.suffix]
        return self.head_images(published, suffixes)

    def head_images(self, published: Published, suffixes: Iterable[str] | None = None) -> Published:
        """Requests the annotated images under every key that an annotated image can have.

        suffixes: restricts the keys to those with these suffixes.
        """
        found = {}
        for suffix in suffixes or dict.fromkeys((published.suffix or "", *ANNOTATED_SUFFIXES)):
            head = self._head(self._keys.annotated_as(suffix))
            if head is not None:
                added = head.metadata.get(ANNOTATED_SUFFIX, "")
                is_ours = Stamp.read(head.metadata) is not None
                owner = self._keys.owner(suffix, added) if is_ours else None
                found[suffix] = Annotated(head.version.etag, owner)
        return replace(published, annotated=found)

    def check_owner(self, published: Published, suffix: str) -> None:
        """Checks that the key of the annotated image is not that of another image's result.

        Raises:
            ImageError: it is. Only one of the two images can have a result.
        """
        found = published.annotated.get(suffix)
        if found is None or found.owner in (None, published.image):
            return
        raise ImageError(
            f"its annotated image would overwrite {self._keys.annotated_as(suffix)}, the annotated "
            f"image of {found.owner}; upload one of the two images under another key (if "
            f"{found.owner} is not needed, delete it and its results, and upload this image again)"
        )

    def put_image(self, published: Published, picture: Picture | None, stamp: Stamp) -> str:
        """Replaces the annotated image in `published`; returns the new ETag, or `NO_IMAGE`.

        Then deletes the image's annotated images under other keys; without a picture, all of them.
        """
        etag, suffix = NO_IMAGE, None
        if picture is not None:
            suffix = picture.suffix
            found = published.annotated.get(suffix)
            etag = self._put(
                self._keys.annotated_as(suffix),
                picture.data,
                picture.media_type,
                stamp.metadata() | _suffix_metadata(suffix),
                found.etag if found else None,
            )
        for other, other_etag in published.former(suffix).items():
            self._delete(self._keys.annotated_as(other), other_etag)
        return etag

    def put_document(
        self, published: Published, document: dict[str, Any], stamp: Stamp, etag: str, suffix: str
    ) -> None:
        """Replaces the document in `published`; `etag` is what `put_image` returned."""
        metadata = {**stamp.metadata(), IMAGE_ETAG: etag, **_suffix_metadata(suffix)}
        self._put_json(self._keys.document, document, metadata, published.document_etag)

    def delete_result(self, published: Published) -> None:
        """Deletes the result in `published`, the document last.

        An invocation that publishes at the same time finds the document changed, or changes it
        first, so that one of the two starts over. Without a document, nothing tells it: see
        `ImageService._record_failure`.
        """
        etags = published.former(published.suffix)
        suffix = published.suffix
        owners = (published.image, None if published.document_etag else published.image)
        if suffix is not None:
            found = published.annotated.get(suffix)
            if found is not None and found.owner in owners:
                etags[suffix] = found.etag
        for other, etag in etags.items():
            self._delete(self._keys.annotated_as(other), etag)
        self.delete_document(published)

    def delete_document(self, published: Published) -> None:
        """Deletes only the document in `published`: without it, there is no result."""
        if published.document_etag is not None:
            self._delete(self._keys.document, published.document_etag)

    def failure_etag(self) -> str | None:
        """Requests the ETag of the failure record; None if there is none."""
        return self._etag(self._keys.failure)

    def put_failure(
        self, document: dict[str, Any], stamp: Stamp | None, *, if_match: str | None
    ) -> None:
        """Replaces the failure record that has the ETag `if_match`; None if there was none."""
        metadata = stamp.metadata() if stamp else {}
        self._put_json(self._keys.failure, document, metadata, if_match)

    def _head(self, key: str) -> ObjectHead | None:
        return self._bucket.head(self._bucket_name, key)

    def _etag(self, key: str) -> str | None:
        head = self._head(key)
        return head.version.etag if head else None

    def _put_json(
        self, key: str, document: dict[str, Any], metadata: Mapping[str, str], if_match: str | None
    ) -> None:
        self._put(key, to_json(document), "application/json", metadata, if_match)

    def _put(
        self,
        key: str,
        data: bytes,
        media_type: str,
        metadata: Mapping[str, str],
        if_match: str | None,
    ) -> str:
        return self._bucket.put(
            self._bucket_name, key, data, media_type, metadata=metadata, if_match=if_match
        )

    def _delete(self, key: str, if_match: str) -> None:
        self._bucket.delete(self._bucket_name, key, if_match=if_match)


def _suffix_metadata(suffix: str) -> dict[str, str]:
    return {ANNOTATED_SUFFIX: suffix} if suffix else {}
