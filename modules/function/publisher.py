"""Publishes exactly one result for each image, whatever happens; start at `Publisher.serve`.

Images are changed, replaced and deleted while they are processed. Their events arrive twice, at the
same time, late and out of order. A function may be killed at any moment. A result consists of two
objects, and S3 changes one object at a time. So every write has a condition: the object must still
be the one that was seen. An attempt (`attempt.py`) has four steps:

1. HEAD the document. Its metadata say what the result was made of, and hold the ETag of the
   annotated image that belongs to it.
2. GET the image: the object that is under the key now, not the version that the event names.
3. PUT the annotated image, on condition that the existing one has the ETag from step 1.
4. PUT the document, on condition that it is still the one from step 1. This publishes the result.

If a condition does not hold, another invocation is working on the same image. The next attempt
starts over at step 1, and also requests the ETags of the annotated images that exist.

*The result of an older image never replaces that of a newer one.* Step 2 comes after step 1. A
result that was published before step 1 was made of the image that step 2 reads, or of an older one.
A result that is published after step 1 changes the document, so that step 4 fails. (This is why
steps 1 and 2 cannot run at the same time, even if step 1 finds no document: a newer result may have
been published and deleted between the GET and the HEAD.)

*The result of the newest image is published in the end.* Its event arrives at least once. The
invocation that gets it reads that image or a newer one, and does not stop before step 4 succeeds.
An event is skipped only if the document says that its image was read after the event, or that it
was made of the very object that is under the key now; and only if model and settings are the same.

*Image and document belong together.* A function that is killed between steps 3 and 4, or whose
condition fails there, leaves an annotated image that the document does not name. The next attempt,
or Lambda's retry, repairs this: an event is not skipped if the annotated image is not the one that
the document names. Only the event that a document was made for is recognised by the document alone.

ETags are digests of bytes, so step 3 cannot tell an annotated image from an equal one that was
written later. Step 4 can, because a document contains the durations of its stages. An invocation
that fails at step 4 starts over.

*The key of the annotated image depends on the format.* Formats that are only read come back as JPEG
under another key. The document's metadata name the key, and step 3 also deletes the image's
annotated image under the other key, before step 4: whoever counted on it finds the document
changed. An invocation that fails at step 4 requests both keys when it starts over, and so does one
whose event is older than the result: it may be the retry of a killed one. If it finds an annotated
image that no document names, it makes the result again and deletes that image. One is left only if
a function is killed after step 3, and its image is replaced by one of another format before the
retry.

*No image takes the key of another's annotated image.* `a.heic` and `a.heic.jpg` may want the same
key. The condition of step 3 fails for the second one; the metadata of the object say whose it is,
and the second image has a failure record, whoever else is killed or replaced.

*Where nothing is drawn*, there is a document alone, and its metadata say so. Instead of writing an
annotated image, step 3 looks for one, and deletes those of this image under every key, also before
step 4.

*Nothing shows more than the setting DRAW allows.* A killed invocation with another setting can
leave its annotated image after the document of this one was published. So with any setting but
`boxes`, an event that arrives again looks at the annotated image, too, and the retry repairs it.
(With `boxes` one case is left to the next event: a function with DRAW=none is killed after it has
deleted the annotated image of another invocation that served the same event with boxes, and its
retry draws boxes again.)

*A failure is published in the same way.* Its record is written on condition that it is the one that
was seen, and only if the image is still the one that failed. Then the result of the image before it
is deleted, the document last, so that what is left does not look current. A result that does not
exist yet cannot be deleted: if the first result of a key is still in progress when its image is
replaced by one that fails, that result stays beside the record until the next event. If there are
both a document and a record, the one with the later sequencer counts.
"""

from __future__ import annotations

import threading
from concurrent.futures import Executor

from ..errors import ImageError, ObjectChangedError, StorageError
from ..events import ImageRef, Outcome
from ..models.store import ModelStore
from ..results.document import Source, describe_failure
from ..results.keys import check_key, output_keys
from ..results.time_limit import TimeLimit
from ..settings import Settings
from ..storage.bucket import Bucket
from ..telemetry.logs import logger
from .attempt import ImageService, failed
from .outputs import Outputs

# A failed attempt means that another invocation got further
_ATTEMPTS = 8


class Publisher:
    """Reads images and publishes results or failures; several threads may share one.

    One thread at a time decodes, detects and draws, while the other threads wait for S3. So only
    the pixels of one image are in memory, and the network has all cores.
    """

    def __init__(
        self, bucket: Bucket, models: ModelStore, settings: Settings, executor: Executor
    ) -> None:
        """`executor` loads the model while S3 is asked for the document and the image."""
        self._bucket = bucket
        self._models = models
        self._settings = settings
        self._executor = executor
        self.compute_lock = threading.Lock()

    def serve(
        self, ref: ImageRef, *, is_forced: bool = False, limit: TimeLimit | None = None
    ) -> Outcome:
        """Publishes the result, or the failure, of the image that is under the key now.

        Does nothing if a current result exists, unless `is_forced`. `limit` is None where time is
        not limited.

        Raises:
            TransientError: S3 or the model fails, or every attempt met a conflict.
        """
        outputs = Outputs(self._bucket, ref.bucket, output_keys(ref.key, self._settings))
        try:
            check_key(ref.key, self._settings)
        except ImageError as error:  # no attempt can help
            document = describe_failure(Source(ref.key, ref.bucket), None, error)
            outputs.put_failure(document, None, if_match=outputs.failure_etag())
            return failed(ref, error)
        service = ImageService(
            bucket=self._bucket,
            outputs=outputs,
            ref=ref,
            model_future=self._executor.submit(self._models.model_for, ref.bucket),
            settings=self._settings,
            is_forced=is_forced,
            compute_lock=self.compute_lock,
            limit=limit,
        )
        for number in range(_ATTEMPTS):
            try:
                return service.attempt(is_first=number == 0)
            except ObjectChangedError as error:
                logger.info(
                    "image or result changed meanwhile; starting over",
                    key=ref.key,
                    reason=str(error),
                )
        raise StorageError(f"the image or its result changed during each of {_ATTEMPTS} attempts")
