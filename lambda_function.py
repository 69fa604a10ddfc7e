"""The Lambda entry point: event in -> images found, detected, published -> report out."""

from __future__ import annotations

import os
from typing import Any

from modules.bucket import Bucket
from modules.deadline import Deadline
from modules.events import ImageRef, Outcome, Verdict, read_event
from modules.model_store import ModelStore
from modules.object_detection.errors import PermanentError, TransientError
from modules.pipeline import Source, Timings, describe_failure, describe_result, draw, process
from modules.settings import Settings
from modules.storage import ObjectGoneError, create_client
from modules.telemetry import count, logger, measure, metrics

# Made once in each execution environment; every warm invocation finds them ready
_settings = Settings.from_environment(os.environ)
_client = create_client()
_bucket = Bucket(_client)
_models = ModelStore(_client, _settings)


def _prepare_snapshot() -> None:
    """Has SnapStart's snapshot hold the loaded model, and ask for a newer one once it is restored.

    The model must be named with its bucket (s3://...), as there is no image yet to tell it.
    """
    from snapshot_restore_py import register_after_restore  # Lambda's runtime brings it

    if _settings.model.startswith("s3://"):
        try:
            _models.model_for("")
        except TransientError as error:  # the first deployment comes before the model
            logger.warning("the snapshot holds no model", error=str(error))
    register_after_restore(_models.expire)


if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    _prepare_snapshot()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Processes every image that the event names.

    Returns what the event's sender wants to hear: SQS which messages are to come again, S3 Batch
    Operations a result for each task, and everybody else the keys of images `done`, `skipped`
    (their result was there), `failed` (for good; the reason lies under the failed prefix) and
    `ignored` (not under the input prefix, or deleted since).

    Raises:
        EventError: the event names no images in a shape that is known.
        TransientError: some images could not be served this time, after every other one was.
    """
    if context is not None:
        logger.append_keys(request_id=context.aws_request_id)
    invocation = read_event(event)
    deadline = Deadline(context and context.get_remaining_time_in_millis)
    outcomes = []
    try:
        for request in invocation.requests:
            if request.refusal:
                logger.error("refused", id=request.id, error=str(request.refusal))
            outcomes.append([_serve_in_time(ref, deadline) for ref in request.images])
    finally:
        verdicts = [outcome.verdict for several in outcomes for outcome in several]
        count("Images", verdicts.count(Verdict.DONE))
        count("Failures", verdicts.count(Verdict.FAILED))
        metrics.flush_metrics()
    return invocation.answer(outcomes)


def _serve_in_time(ref: ImageRef, deadline: Deadline) -> Outcome:
    """Processes one image, unless it is too late to begin."""
    if not deadline.leaves_room():
        logger.warning("not begun: the invocation is about to time out", key=ref.key)
        return Outcome(ref.key, Verdict.UNSERVED, "not begun, as the time was nearly up")
    with deadline.image():
        return _serve(ref)


def _serve(ref: ImageRef) -> Outcome:
    """Processes one image."""
    if not ref.key.startswith(_settings.input_prefix) or ref.key.endswith("/"):
        logger.info("ignored: not an image under the input prefix", key=ref.key)
        return Outcome(ref.key, Verdict.IGNORED, f"not under {_settings.input_prefix}")
    try:
        _publish_result(ref)
        return Outcome(ref.key, Verdict.DONE)
    except ObjectGoneError:
        logger.info("ignored: deleted since its event was sent", key=ref.key)
        return Outcome(ref.key, Verdict.IGNORED, "there is no such image")
    except PermanentError as error:
        return _record_failure(ref, error)
    except TransientError as error:
        return _unserved(ref, str(error))
    except Exception as error:  # whatever it is, the images after this one are not at fault
        logger.exception("not foreseen", key=ref.key)
        return _unserved(ref, f"{type(error).__name__}: {error}")


def _unserved(ref: ImageRef, reason: str) -> Outcome:
    logger.error("will be retried", key=ref.key, error=reason)
    return Outcome(ref.key, Verdict.UNSERVED, reason)


def _publish_result(ref: ImageRef) -> None:
    """Fetches, detects and publishes: the annotated image first, its document as the seal."""
    timings = Timings()
    model = _models.model_for(ref.bucket)
    with timings.stage("fetch"):
        stored = _bucket.read(ref, max_bytes=_settings.max_image_bytes)
    result = process(stored.data, model, _settings, timings)
    annotated = draw(result, model, timings)
    key = _settings.output_prefix + ref.key.removeprefix(_settings.input_prefix)
    with timings.stage("publish"):
        _bucket.put(ref.bucket, key, annotated, result.media_type)
    source = Source(ref.key, ref.bucket, stored.etag, stored.version_id)
    document = describe_result(source, len(stored.data), result, model, _settings, timings)
    _bucket.put_document(ref.bucket, f"{key}.json", document)
    count("Detections", len(result.detections))
    for stage, milliseconds in timings.milliseconds.items():
        measure(f"{stage.capitalize()}Ms", milliseconds)
    logger.info(
        "done",
        key=ref.key,
        digest=model.digest,
        detections=len(result.detections),
        timings_ms=timings.rounded(),
    )


def _record_failure(ref: ImageRef, error: PermanentError) -> Outcome:
    logger.warning("failed for good", key=ref.key, error=str(error))
    key = _settings.failed_prefix + ref.key.removeprefix(_settings.input_prefix)
    source = Source(ref.key, ref.bucket, ref.etag, ref.version_id)
    try:
        _bucket.put_document(ref.bucket, f"{key}.json", describe_failure(source, ref.size, error))
        return Outcome(ref.key, Verdict.FAILED, str(error))
    except TransientError as storage_error:
        return _unserved(ref, str(storage_error))
