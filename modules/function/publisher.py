"""Serves an image so that there is exactly one result, whatever happens; see `Publisher.serve`.

An image is changed, replaced and deleted while it is processed; its events come twice, at the same
time, late and out of order; and a function may be killed at any moment. A result is two objects,
and S3 changes one at a time, on the condition that it is still the one that was seen. So:

1. Look at the document. Its metadata say what it was made of, and its seal is the ETag of the
   annotated image that it belongs to.
2. Read the image: what lies under the key now, not the version that the event speaks of.
3. Put the annotated image, on condition that the one there is the one that the seal names.
4. Put the document, on condition that it is the one that was looked at. This makes it a result.

Where a condition does not hold, somebody else is at work on the same image: begin again at 1, and
from then on look at the annotated image, too.

*The result of an older image never replaces that of a newer.* Reading (2) comes after looking (1):
a result that was published before was made of what is read now, or of something older; one that is
published afterwards changes the document, and 4 fails. (So the two cannot go side by side, not even
where looking finds nothing: a result may have been there, and been withdrawn since the reading.)

*The result of the newest image is published in the end.* Its event comes at least once; whoever
serves it reads that image or one still newer, and does not stop before 4 succeeds. An event is left
alone only if a document says that its image was read after the event, or is made of the very object
that lies there now, and of the same model and settings.

*Image and document belong together.* A function that was killed, or found its condition broken,
between 3 and 4 leaves an image that the document does not seal. Beginning again, or being tried
again, mends that: a document whose seal does not match is no reason to leave an event alone. Only
the event that a document was made for is recognised by the document alone.

ETags are digests of bytes, so that 3 cannot tell an annotated image from an equal one that was
written since. 4 can, as a document holds the times that its making took; and who fails at 4 begins
again.

A failure goes the same way. Its record is put on condition that it is the one that was seen, and
only if the image is still the one that failed; then the result of an older one is withdrawn, the
document last, so that it does not look current. What is not there cannot be withdrawn: the first
result of a key, still under way when its image is replaced by one that fails, stays beside the
record until the next event. Of a document and a record, the one with the later sequencer speaks.
"""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from ..errors import ImageError, ObjectChangedError, ObjectGoneError, PermanentError, StorageError
from ..events import ImageRef, Outcome, Verdict
from ..models.loader import Model
from ..models.store import ModelStore
from ..results.document import Source, describe_failure, describe_result, too_many_bytes
from ..results.keys import failure_key
from ..results.pipeline import draw, process
from ..settings import Settings
from ..storage.bucket import Bucket, StoredImage
from ..storage.version import Version
from ..telemetry.logs import logger
from ..telemetry.reports import report_failure, report_image
from ..telemetry.timings import Timings
from .outputs import Outputs, Published, Stamp, later, put_json

_ROUNDS = 8  # each that fails is one in which another has got further


class Publisher:
    """Reads images, and publishes results or failures; several threads may have it serve.

    Of these one at a time decodes, detects and draws, so that there are the pixels of one image in
    memory, and the network has the cores to itself, while the others wait for S3.
    """

    def __init__(
        self, bucket: Bucket, models: ModelStore, settings: Settings, beside: Executor
    ) -> None:
        """`beside` runs requests that need not wait for each other."""
        self._bucket = bucket
        self._models = models
        self._settings = settings
        self._beside = beside
        self._turn = threading.Lock()

    def serve(self, ref: ImageRef, *, is_forced: bool = False) -> Outcome:
        """Sees to it that there is the result of what lies under the image's key, or its failure.

        A result that is there already is left alone, unless `is_forced`.

        Raises:
            TransientError: S3 or the model fails, or others go on changing the same result.
        """
        try:
            outputs = Outputs(self._bucket, ref.bucket, ref.key, self._settings)
        except ImageError as error:
            return self._record_hopeless(ref, error)
        model = self._beside.submit(self._models.model_for, ref.bucket)
        service = _Service(self._bucket, outputs, ref, model, self._settings, is_forced, self._turn)
        for number in range(_ROUNDS):
            try:
                return service.attempt(closely=number > 0)
            except ObjectChangedError as error:
                logger.info("begun again", key=ref.key, reason=str(error))
        raise StorageError(f"others have changed the result {_ROUNDS} times meanwhile")

    def _record_hopeless(self, ref: ImageRef, error: ImageError) -> Outcome:
        """Records that there is no place for a result."""
        key = failure_key(ref.key, self._settings)
        found = self._bucket.head(ref.bucket, key)
        document = describe_failure(Source(ref.key, ref.bucket), None, error)
        put_json(
            self._bucket,
            ref.bucket,
            key,
            document,
            metadata={},
            if_match=found.version.etag if found else None,
        )
        return _failed(ref, error)


@dataclass(frozen=True)
class _Made:
    """What was made of an image that was read; its pixels are not kept.

    document: with the timings as they were when it was made.
    """

    version: Version
    annotated: bytes
    media_type: str
    document: dict[str, Any]


@dataclass
class _Service:
    """One image's way; what was made of it is kept for the next attempt.

    coming: the model, which may have to be fetched; the image is, meanwhile. turn: to be held while
    pixels are.
    """

    bucket: Bucket
    outputs: Outputs
    ref: ImageRef
    coming: Future[Model]
    settings: Settings
    is_forced: bool
    turn: threading.Lock
    made: _Made | None = None

    @property
    def model(self) -> Model:
        """Waits for it; raises as `ModelStore.model_for`."""
        return self.coming.result()

    def attempt(self, *, closely: bool) -> Outcome:
        """Goes the way once.

        Raises:
            ObjectChangedError: another is on the same way.
        """
        seen = self.outputs.look()
        if closely:
            seen = self.outputs.look_at_image(seen)
        timings = Timings()
        try:
            if self._is_served(seen):
                return self._skipped()
            with timings.stage("fetch"):
                image = self.bucket.read(
                    self.ref.bucket, self.ref.key, max_bytes=self.settings.max_image_bytes
                )
        except ObjectGoneError:
            self._leave_no_mixture(seen)
            logger.info("ignored: deleted since its event was sent", key=self.ref.key)
            return Outcome(self.ref.key, Verdict.IGNORED, "there is no such image")
        if closely and self._is_result_of(image.version, seen):
            return self._skipped()
        try:
            made = self._make(image, timings)
        except PermanentError as error:
            self._record_failure(image, error)
            return _failed(self.ref, error)
        self._publish(seen, image, made, timings)
        return Outcome(self.ref.key, Verdict.DONE)

    def _is_served(self, seen: Published) -> bool:
        """Whether the result that is there was made after this event, or of what lies there now."""
        if seen.stamp is None or not self._is_made_alike(seen.stamp):
            return False
        event, made_after = self.ref.sequencer, seen.stamp.sequencer
        if event and event == made_after:
            return seen.is_whole
        if event and made_after and later(event, made_after) == event:
            return False
        now = self.bucket.head(self.ref.bucket, self.ref.key)
        if now is None:
            raise ObjectGoneError(f"s3://{self.ref.bucket}/{self.ref.key} is not there")
        return self._is_result_of(now.version, self.outputs.look_at_image(seen))

    def _is_result_of(self, version: Version, seen: Published) -> bool:
        """Whether the result that is there is the one that an image is to have."""
        stamp = seen.stamp
        if stamp is None or stamp.source != version:
            return False
        return seen.is_whole and self._is_made_alike(stamp)

    def _is_made_alike(self, stamp: Stamp) -> bool:
        """Whether a result was made by the same model and settings, and is good enough."""
        wanted = self._stamp(stamp.source, stamp.sequencer)
        return stamp == wanted and not self.is_forced

    def _stamp(self, source: Version, sequencer: str | None) -> Stamp:
        return Stamp(source, self.model.digest, self.settings.digest(self.model.name), sequencer)

    def _make(self, image: StoredImage, timings: Timings) -> _Made:
        """Detects and draws, unless that was done in an attempt before.

        Raises:
            ImageError: the image cannot be processed.
        """
        if self.made is None or self.made.version != image.version:
            if image.data is None:
                raise ImageError(too_many_bytes(image.size, self.settings.max_image_bytes))
            model = self.model
            with self.turn:
                result = process(image.data, model, self.settings, timings)
                annotated = draw(result, model, timings)
            document = describe_result(
                self._source(image), image.size, result, model, self.settings, timings
            )
            self.made = _Made(image.version, annotated, result.media_type, document)
        return self.made

    def _publish(self, seen: Published, image: StoredImage, made: _Made, timings: Timings) -> None:
        """Puts the annotated image, and then the document that makes it a result."""
        before = seen.stamp.sequencer if seen.stamp else None
        stamp = self._stamp(image.version, later(self.ref.sequencer, before))
        with timings.stage("publish"):
            seal = self.outputs.put_image(seen, made.annotated, made.media_type, stamp)
        document = {**made.document, "timings_ms": timings.rounded()}
        self.outputs.put_document(seen, document, stamp, seal)
        report_image(self.ref.key, self.model.digest, len(document["detections"]), timings)

    def _record_failure(self, image: StoredImage, error: PermanentError) -> None:
        """Puts the record, and withdraws the result of what lay under the key before.

        Raises:
            ObjectChangedError: something else lies there now.
        """
        key = failure_key(self.ref.key, self.settings)
        record = self.bucket.head(self.ref.bucket, key)
        seen = self.outputs.look()
        if seen.document is not None:
            seen = self.outputs.look_at_image(seen)
        now = self.bucket.head(self.ref.bucket, self.ref.key)
        if now is None or now.version != image.version:
            raise ObjectChangedError("the image was replaced or deleted while it was processed")
        put_json(
            self.bucket,
            self.ref.bucket,
            key,
            describe_failure(self._source(image), image.size, error),
            metadata=self._stamp(image.version, self.ref.sequencer).metadata(),
            if_match=record.version.etag if record else None,
        )
        self.outputs.withdraw(seen)

    def _leave_no_mixture(self, seen: Published) -> None:
        """Where the image is gone, nobody could make good a result that is under way."""
        if seen.document is not None:
            seen = self.outputs.look_at_image(seen)
            if not seen.is_whole:
                self.outputs.withdraw_document(seen)

    def _source(self, image: StoredImage) -> Source:
        version = image.version
        return Source(self.ref.key, self.ref.bucket, version.etag, version.version_id)

    def _skipped(self) -> Outcome:
        logger.info("skipped: its result is there", key=self.ref.key)
        return Outcome(self.ref.key, Verdict.SKIPPED, "its result is there")


def _failed(ref: ImageRef, error: PermanentError) -> Outcome:
    report_failure(ref.key, error)
    return Outcome(ref.key, Verdict.FAILED, str(error))
