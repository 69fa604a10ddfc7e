"""One attempt to publish the result, or the failure, of one image; start at `ImageService.attempt`.

The steps and their conditions are those of the protocol in `publisher.py`.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ..errors import ImageError, ObjectChangedError, ObjectGoneError, PermanentError
from ..events import ImageRef, Outcome, Verdict
from ..models.loader import Model
from ..results.document import Source, describe_failure, describe_result, too_many_bytes
from ..results.pipeline import process
from ..results.time_limit import TimeLimit
from ..settings import BOXES, Settings
from ..storage.bucket import Bucket, StoredImage
from ..storage.version import Version
from ..telemetry.logs import logger
from ..telemetry.reports import report_failure, report_image
from ..telemetry.timings import Timings
from .drawing import draw
from .outputs import Outputs, Picture, Published, Stamp, later_sequencer

# An annotated image with more bytes is published before the pixels of the next image are decoded,
# so that memory never holds several of them
_LARGE_BYTES = 32_000_000


@dataclass(frozen=True)
class _Rendered:
    """What was made of one version of an image: everything but the pixels.

    picture: the annotated image; None if nothing is drawn. suffix: what is added to the image's key
    for the key of an annotated image. document: its timings are those before publishing.
    """

    version: Version
    picture: Picture | None
    suffix: str
    document: dict[str, Any]


@dataclass
class ImageService:
    """Serves one image, in as many attempts as it takes.

    model_future: the model, which loads while S3 is asked for the document and the image.
    is_forced: makes a result again even if a current one exists. compute_lock: held while an image
    is decoded, so that the pixels of one image are in memory at a time. limit: how long the image
    may take; None without a limit. rendered: what the last attempt made of the image, unless it is
    large; the next attempt uses it again if the image is the same.
    """

    bucket: Bucket
    outputs: Outputs
    ref: ImageRef
    model_future: Future[Model]
    settings: Settings
    is_forced: bool
    compute_lock: threading.Lock
    limit: TimeLimit | None = None
    rendered: _Rendered | None = None

    def attempt(self, *, is_first: bool) -> Outcome:
        """Goes through the protocol once.

        Only a later attempt, which follows a conflict, requests the annotated images, too.

        Raises:
            ObjectChangedError: the image or its result was changed meanwhile; try again.
            StorageError: S3 fails.
            ModelError: there is no usable model.
        """
        published = self.outputs.head()
        has_looked = not is_first or self._is_late(published)
        if has_looked:
            published = self.outputs.head_images(published)
        timings = Timings()
        try:
            if published.stamp is not None:  # there is a result to compare with the model
                model = self.model_future.result()
                if self._is_current(published, published.stamp, model, has_looked=has_looked):
                    return self._skipped()
            with timings.stage("fetch"):
                image = self.bucket.read(
                    self.ref.bucket, self.ref.key, max_bytes=self.settings.max_image_bytes
                )
        except ObjectGoneError:
            self._delete_incomplete(published)
            logger.info("ignored: deleted since its event was sent", key=self.ref.key)
            return Outcome(self.ref.key, Verdict.IGNORED, "the image does not exist")
        if published.document_etag is None and self._is_folder_marker(image):
            logger.info("ignored: a folder marker, not an image", key=self.ref.key)
            return Outcome(self.ref.key, Verdict.IGNORED, "a folder marker, not an image")
        model = self.model_future.result()
        if not is_first and self._is_result_of(image.version, published, model):
            return self._skipped()
        with ExitStack() as turn:
            try:
                rendered = self._render(image, model, timings, turn)
                published = self._look_for_picture(published, rendered, has_looked=has_looked)
            except PermanentError as error:
                self._record_failure(image, model, error, is_first=is_first)
                return failed(self.ref, error)
            self._publish(published, image, model, rendered, timings)
        return Outcome(self.ref.key, Verdict.DONE)

    def _is_late(self, published: Published) -> bool:
        """Whether the result was made after a later event than this one.

        Then this may be the retry of a killed invocation, which left an annotated image of another
        format under another key.
        """
        event = self.ref.sequencer
        last = published.stamp.sequencer if published.stamp else None
        return bool(event and last) and event != later_sequencer(event, last)

    def _is_current(
        self, published: Published, stamp: Stamp, model: Model, *, has_looked: bool
    ) -> bool:
        """Whether the published result is the one that this event asks for.

        It is, if it was made with the same model and settings, and either after this event or of
        the object that is under the key now. has_looked: the annotated images were requested.
        """
        if not self._is_made_with(stamp, model):
            return False
        event = self.ref.sequencer
        is_own = bool(event) and event == stamp.sequencer
        is_later = event and stamp.sequencer and later_sequencer(event, stamp.sequencer) == event
        if is_later and not is_own:
            return False
        # A killed invocation with other settings may have left an image that shows more
        if not has_looked and (self.settings.draw != BOXES or not is_own):
            published = self.outputs.head_image(published)
        if is_own:
            return published.is_complete
        head = self.bucket.head(self.ref.bucket, self.ref.key)
        if head is None:
            raise ObjectGoneError(f"s3://{self.ref.bucket}/{self.ref.key} does not exist")
        return self._is_result_of(head.version, published, model)

    def _is_result_of(self, version: Version, published: Published, model: Model) -> bool:
        """Whether a complete result of this version, made with this model, is published.

        It is the only one: there is no annotated image that was made when the image had another
        format.
        """
        stamp = published.stamp
        if stamp is None or stamp.source != version or published.former(published.suffix):
            return False
        return published.is_complete and self._is_made_with(stamp, model)

    def _is_folder_marker(self, image: StoredImage) -> bool:
        """Whether the object is an empty one that a console made to show a folder.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-folders.html
        """
        return self.ref.key.endswith("/") and image.size == 0

    def _is_made_with(self, stamp: Stamp, model: Model) -> bool:
        """Whether a result was made with this model and these settings, and need not be remade."""
        return not self.is_forced and stamp == self._stamp(stamp.source, model, stamp.sequencer)

    def _stamp(self, source: Version, model: Model, sequencer: str | None) -> Stamp:
        settings = self.settings.digest(model.name, model.engine)
        return Stamp(source, model.digest, settings, sequencer)

    def _render(
        self, image: StoredImage, model: Model, timings: Timings, turn: ExitStack
    ) -> _Rendered:
        """Detects and draws, unless an earlier attempt did so with the same image.

        `turn` holds the compute lock until the pixels are not needed any more; for a large
        annotated image, until the caller has published it.

        Raises:
            ImageError: the image cannot be processed.
        """
        if self.rendered is not None and self.rendered.version == image.version:
            return self.rendered
        if image.data is None:
            raise ImageError(too_many_bytes(image.size, self.settings.max_image_bytes))
        turn.enter_context(self.compute_lock)
        result = process(image.data, model, self.settings, timings, self.limit)
        annotated = draw(result, model, self.settings, timings)
        suffix = result.annotated_suffix
        picture = None if annotated is None else Picture(annotated, result.media_type, suffix)
        document = describe_result(
            self._source(image),
            image.size,
            result,
            model,
            self.settings,
            timings,
            annotated_key=self.outputs.annotated_key(suffix) if picture else None,
        )
        rendered = _Rendered(image.version, picture, suffix, document)
        del result  # its pixels
        if picture is None or len(picture.data) <= _LARGE_BYTES:
            self.rendered = rendered
            turn.close()
        return rendered

    def _look_for_picture(
        self, published: Published, rendered: _Rendered, *, has_looked: bool
    ) -> Published:
        """Looks for what is under the key of the annotated image, or was read from the document.

        Where nothing is drawn, no PUT would tell that a killed invocation has left an annotated
        image there.

        Raises:
            ImageError: the key of the annotated image is that of another image's result.
        """
        if rendered.picture is not None:
            self.outputs.check_owner(published, rendered.suffix)
        elif not has_looked:
            suffixes = dict.fromkeys((*published.annotated, rendered.suffix))
            published = self.outputs.head_images(published, suffixes)
        return published

    def _publish(
        self,
        published: Published,
        image: StoredImage,
        model: Model,
        rendered: _Rendered,
        timings: Timings,
    ) -> None:
        """Writes the annotated image, and then the document, which makes it a result."""
        previous = published.stamp.sequencer if published.stamp else None
        stamp = self._stamp(image.version, model, later_sequencer(self.ref.sequencer, previous))
        with timings.stage("publish"):
            image_etag = self.outputs.put_image(published, rendered.picture, stamp)
        document = {**rendered.document, "timings_ms": timings.rounded()}
        suffix = rendered.picture.suffix if rendered.picture else ""
        self.outputs.put_document(published, document, stamp, image_etag, suffix)
        report_image(self.ref.key, model.digest, len(document["detections"]), timings)

    def _record_failure(
        self, image: StoredImage, model: Model, error: PermanentError, *, is_first: bool
    ) -> None:
        """Writes the failure record, and deletes the result of the image that was there before.

        A later attempt also deletes annotated images without a document, which this or another
        invocation left when it met a conflict. If a newer image has come meanwhile, the invocation
        that serves it may have counted on one of them: the next attempt completes its result.

        Raises:
            ObjectChangedError: the image that failed is not under the key any more.
        """
        failure_etag = self.outputs.failure_etag()
        published = self.outputs.head()
        if published.document_etag is not None or not is_first:
            look = self.outputs.head_image if is_first else self.outputs.head_images
            published = look(published)
        self._check_unchanged(image)
        self.outputs.put_failure(
            describe_failure(self._source(image), image.size, error),
            self._stamp(image.version, model, self.ref.sequencer),
            if_match=failure_etag,
        )
        self.outputs.delete_result(published)
        if published.document_etag is None and published.annotated:
            self._check_unchanged(image)

    def _check_unchanged(self, image: StoredImage) -> None:
        head = self.bucket.head(self.ref.bucket, self.ref.key)
        if head is None or head.version != image.version:
            raise ObjectChangedError("the image was replaced or deleted while it was processed")

    def _delete_incomplete(self, published: Published) -> None:
        """Deletes the document of an incomplete result whose image was deleted.

        No later attempt could complete such a result.
        """
        if published.document_etag is not None:
            published = self.outputs.head_image(published)
            if not published.is_complete:
                self.outputs.delete_document(published)

    def _source(self, image: StoredImage) -> Source:
        version = image.version
        return Source(self.ref.key, self.ref.bucket, version.etag, version.version_id)

    def _skipped(self) -> Outcome:
        logger.info("skipped: a current result exists", key=self.ref.key)
        return Outcome(self.ref.key, Verdict.SKIPPED, "a current result exists")


def failed(ref: ImageRef, error: PermanentError) -> Outcome:
    """Reports a permanent failure; returns the outcome."""
    report_failure(ref.key, error)
    return Outcome(ref.key, Verdict.FAILED, str(error))
