"""The Lambda entry point: event in -> images found, detected, published -> report out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from modules.bucket import Bucket, ObjectGoneError, create_client
from modules.events import ImageRef, images_of
from modules.model_store import ModelStore
from modules.object_detection.errors import PermanentError, TransientError
from modules.pipeline import Source, Timings, describe_failure, describe_result, draw, process
from modules.settings import Settings
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


@dataclass
class _Report:
    """What became of an event's images, by key."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    """Processes every image that the event names.

    Returns the keys of images `done`, `failed` (for good; the reason lies under the failed prefix)
    and `ignored` (not under the input prefix, or deleted since).

    Raises:
        EventError: the event names no images in a shape that is known.
        TransientError: some images could not be served this time, after every other one was.
    """
    if context is not None:
        logger.append_keys(request_id=context.aws_request_id)
    report = _Report()
    try:
        for ref in images_of(event):
            _serve(ref, report)
    finally:
        count("Images", len(report.done))
        count("Failures", len(report.failed))
        metrics.flush_metrics()
    if report.errors:
        raise TransientError("; ".join(report.errors))
    return {"done": report.done, "failed": report.failed, "ignored": report.ignored}


def _serve(ref: ImageRef, report: _Report) -> None:
    """Processes one image, and notes what became of it."""
    if not ref.key.startswith(_settings.input_prefix) or ref.key.endswith("/"):
        logger.info("ignored: not an image under the input prefix", key=ref.key)
        report.ignored.append(ref.key)
        return
    try:
        _publish_result(ref)
        report.done.append(ref.key)
    except ObjectGoneError:
        logger.info("ignored: deleted since its event was sent", key=ref.key)
        report.ignored.append(ref.key)
    except PermanentError as error:
        _record_failure(ref, error, report)
    except TransientError as error:
        logger.error("will be retried", key=ref.key, error=str(error))
        report.errors.append(f"{ref.key}: {error}")


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


def _record_failure(ref: ImageRef, error: PermanentError, report: _Report) -> None:
    logger.warning("failed for good", key=ref.key, error=str(error))
    key = _settings.failed_prefix + ref.key.removeprefix(_settings.input_prefix)
    source = Source(ref.key, ref.bucket, ref.etag, ref.version_id)
    try:
        _bucket.put_document(ref.bucket, f"{key}.json", describe_failure(source, ref.size, error))
        report.failed.append(ref.key)
    except TransientError as storage_error:
        report.errors.append(f"{ref.key}: {storage_error}")
