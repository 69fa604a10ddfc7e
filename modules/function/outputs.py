"""The objects that are published for one image, and what they say of themselves; see `Outputs`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ImageError
from ..results.keys import _DOCUMENT, _MAX_KEY_BYTES
from ..settings import Settings
from ..storage.bucket import Bucket
from ..storage.version import Version


@dataclass(frozen=True)
class Stamp:
    """What a result was made of; it travels as the metadata of its objects.

    source: the image as it was read. model, settings: digests. sequencer: of the last event that
    is known to have come before the image was read; None where no event had one.
    """

    source: Version
    model: str
    settings: str
    sequencer: str | None = None

    def metadata(self) -> dict[str, str]:
        """As S3 keeps it: texts in ASCII."""
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
        """The stamp in an object's metadata; None where another has written the object."""
        try:
            source = Version(
                metadata["source-etag"], metadata["source-modified"], metadata.get("source-version")
            )
            return cls(source, metadata["model"], metadata["settings"], metadata.get("sequencer"))
        except KeyError:
            return None


def later(one: str | None, other: str | None) -> str | None:
    """The later of two sequencers, hexadecimal numbers of which the shorter is to be padded."""
    return max(
        (each for each in (one, other) if each), key=lambda text: int(text, 16), default=None
    )


@dataclass(frozen=True)
class Published:
    """What lies under an image's output keys, by ETags; None for what is not there.

    stamp: what the document was made of. seal: the annotated image that the document belongs to.
    image: the annotated image that is there, or, if only the document was looked at, ought to be.
    """

    stamp: Stamp | None
    document: str | None
    seal: str | None
    image: str | None

    @property
    def is_whole(self) -> bool:
        """Whether there is a document, and beside it the annotated image that it belongs to."""
        return self.document is not None and self.image == self.seal is not None


class Outputs:
    """The annotated image and the document of one image.

    A document without the image that it seals is a result under way, and so is an image without a
    document; see `publisher.py` for the protocol.
    """

    def __init__(self, bucket: Bucket, place: str, key: str, settings: Settings) -> None:
        """`place` is the bucket's name, `key` the image's.

        Raises:
            ImageError: there is no place for the result of an image with this key.
        """
        self._bucket = bucket
        self._place = place
        self._image = settings.output_prefix + key.removeprefix(settings.input_prefix)
        self._document = self._image + _DOCUMENT
        size = len(self._document.encode())
        if size > _MAX_KEY_BYTES:
            raise ImageError(
                f"the key is too long: its document's would have {size:,} bytes, and S3 allows "
                f"{_MAX_KEY_BYTES:,}"
            )
        if key.endswith(_DOCUMENT):
            raise ImageError(
                f"a key of an image must not end in {_DOCUMENT}: the annotated image would lie "
                "where the document of another belongs"
            )

    def look(self) -> Published:
        """Looks at the document, in one request."""
        found = self._bucket.head(self._place, self._document)
        if found is None:
            return Published(None, None, None, None)
        stamp, seal = Stamp.read(found.metadata), found.metadata.get("image-etag")
        if stamp is None or seal is None:
            return Published(None, found.version.etag, None, self._look_at_image())
        return Published(stamp, found.version.etag, seal, seal)

    def look_at_image(self, seen: Published) -> Published:
        """Looks at the annotated image, too, in a second request."""
        return replace(seen, image=self._look_at_image())

    def put_image(self, seen: Published, data: bytes, media_type: str, stamp: Stamp) -> str:
        """Writes the annotated image over the one that was seen; returns its ETag, the seal.

        Raises:
            ObjectChangedError: another is there.
            StorageError: S3 fails.
        """
        return self._bucket.put(
            self._place,
            self._image,
            data,
            media_type,
            metadata=stamp.metadata(),
            if_match=seen.image,
        )

    def put_document(
        self, seen: Published, document: dict[str, Any], stamp: Stamp, seal: str
    ) -> None:
        """Writes the document over the one that was seen, after its image; raises likewise."""
        put_json(
            self._bucket,
            self._place,
            self._document,
            document,
            metadata={**stamp.metadata(), "image-etag": seal},
            if_match=seen.document,
        )

    def withdraw(self, seen: Published) -> None:
        """Deletes the result that was seen, the document last; raises likewise.

        Whoever publishes meanwhile finds the document changed, or changes it first, so that one of
        the two begins again.
        """
        if seen.document is None:
            return
        if seen.image is not None:
            self._bucket.delete(self._place, self._image, if_match=seen.image)
        self.withdraw_document(seen)

    def withdraw_document(self, seen: Published) -> None:
        """Deletes the document that was seen alone, so that there is no result; raises likewise."""
        if seen.document is not None:
            self._bucket.delete(self._place, self._document, if_match=seen.document)

    def _look_at_image(self) -> str | None:
        found = self._bucket.head(self._place, self._image)
        return found.version.etag if found else None


def put_json(
    bucket: Bucket,
    place: str,
    key: str,
    document: dict[str, Any],
    *,
    metadata: Mapping[str, str],
    if_match: str | None,
) -> None:
    """Writes a JSON document as `Bucket.put` writes bytes."""
    data = json.dumps(document, ensure_ascii=False, indent=1).encode()
    bucket.put(place, key, data, "application/json", metadata=metadata, if_match=if_match)
