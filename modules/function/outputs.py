"""The objects that are published for one image, and what their metadata say; start at `Outputs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..results.document import to_json
from ..results.keys import OutputKeys
from ..storage.bucket import Bucket, ObjectHead
from ..storage.version import Version

IMAGE_ETAG = "image-etag"  # in a document's metadata: the annotated image that belongs to it


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
class Published:
    """The result objects that exist under an image's output keys. An ETag is None for no object.

    stamp: what the document was made of; None without a document, or if another program wrote it.
    document_etag: the document's. expected_image_etag: of the annotated image that belongs to the
    document, as the document's metadata name it. image_etag: of the annotated image that exists; if
    only the document was requested, `expected_image_etag`.
    """

    stamp: Stamp | None
    document_etag: str | None
    expected_image_etag: str | None
    image_etag: str | None

    @property
    def is_complete(self) -> bool:
        """Whether the document and the annotated image that belongs to it both exist."""
        has_image = self.image_etag is not None and self.image_etag == self.expected_image_etag
        return self.document_etag is not None and has_image


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

    def head(self) -> Published:
        """Requests the document's metadata: one request, if this project wrote the document."""
        head = self._head(self._keys.document)
        if head is None:
            return Published(None, None, None, None)
        stamp, image_etag = Stamp.read(head.metadata), head.metadata.get(IMAGE_ETAG)
        if stamp is None or image_etag is None:
            return Published(None, head.version.etag, None, self._etag(self._keys.annotated))
        return Published(stamp, head.version.etag, image_etag, image_etag)

    def head_image(self, published: Published) -> Published:
        """Adds the ETag of the annotated image that exists, in a second request."""
        return replace(published, image_etag=self._etag(self._keys.annotated))

    def put_image(self, published: Published, data: bytes, media_type: str, stamp: Stamp) -> str:
        """Replaces the annotated image in `published`; returns the new ETag."""
        return self._put(
            self._keys.annotated, data, media_type, stamp.metadata(), published.image_etag
        )

    def put_document(
        self, published: Published, document: dict[str, Any], stamp: Stamp, image_etag: str
    ) -> None:
        """Replaces the document in `published`, after its annotated image was written."""
        metadata = {**stamp.metadata(), IMAGE_ETAG: image_etag}
        self._put_json(self._keys.document, document, metadata, published.document_etag)

    def delete_result(self, published: Published) -> None:
        """Deletes the result in `published`, the document last.

        An invocation that publishes at the same time finds the document changed, or changes it
        first, so that one of the two starts over.
        """
        if published.document_etag is None:
            return
        if published.image_etag is not None:
            self._delete(self._keys.annotated, published.image_etag)
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
