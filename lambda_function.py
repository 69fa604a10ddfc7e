"""The Lambda entry point: event in -> images found, detected, published -> report out."""

from __future__ import annotations

import gc

gc.disable()  # hardly any of what follows is garbage; to look for it is a fifth of a cold start

import collections
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from modules.errors import CredentialsExpiredError
from modules.models.store import ModelStore
from modules.settings import Settings
from modules.storage.client import CONNECTIONS, create_client

# Made once in each execution environment; every warm invocation finds them ready
_settings = Settings.from_environment(os.environ)
_client = create_client()
# One that loads a model waits for those that open its files, so there are enough for all at once
_beside = ThreadPoolExecutor(CONNECTIONS)
_models = ModelStore(_client, _settings, _beside)
_models.send_for()

# NumPy and OpenCV, while the model is on its way
from modules.errors import TransientError
from modules.events import ImageRef, Outcome, Verdict, read_event
from modules.function.deadline import Deadline
from modules.function.publisher import Publisher
from modules.function.threads import use_share_of_cores
from modules.storage.bucket import Bucket
from modules.telemetry.logs import logger
from modules.telemetry.metrics import count, count_kind
from modules.telemetry.reports import observed

use_share_of_cores(os.environ)
_publisher = Publisher(Bucket(_client), _models, _settings, _beside)
# An image waits for S3 three times as long as it has the cores, and some may be large
_images = ThreadPoolExecutor(4)
gc.freeze()  # nor is it looked at later on
gc.enable()

_METRICS = {
    Verdict.DONE: "Images",
    Verdict.SKIPPED: "Skipped",
    Verdict.FAILED: "Failures",
    Verdict.IGNORED: "Ignored",
    Verdict.UNSERVED: "Unserved",
}


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
    with observed(context):
        invocation = read_event(event)
        deadline = Deadline(context and context.get_remaining_time_in_millis)
        for request in invocation.requests:
            if request.refusal:
                logger.error("refused", id=request.id, error=str(request.refusal))
        refs = [ref for request in invocation.requests for ref in request.images]
        outcomes: dict[int, Outcome] = {}
        try:
            outcomes.update(_serve_all(refs, deadline, invocation.is_forced))
        finally:
            _count(outcomes.values())
    in_order = iter([outcomes[index] for index in range(len(refs))])
    return invocation.answer(
        [list(itertools.islice(in_order, len(request.images))) for request in invocation.requests]
    )


def _count(outcomes: Iterable[Outcome]) -> None:
    verdicts = [outcome.verdict for outcome in outcomes]
    for verdict, name in _METRICS.items():
        count(name, verdicts.count(verdict))


def _serve_all(
    refs: Sequence[ImageRef], deadline: Deadline, is_forced: bool
) -> Iterator[tuple[int, Outcome]]:
    """Processes images; yields each outcome with its place in `refs`.

    The first is served alone, which loads the model and shows how long one takes, and the others
    several at a time, but for those of one key, which would only be in each other's way.
    """
    places = collections.defaultdict[tuple[str, str], list[int]](list)
    for index, ref in enumerate(refs):
        places[ref.bucket, ref.key].append(index)

    def serve(indices: list[int]) -> list[tuple[int, Outcome]]:
        return [(index, _serve_in_time(refs[index], deadline, is_forced)) for index in indices]

    keys = list(places.values())
    yield from itertools.chain.from_iterable(map(serve, keys[:1]))
    yield from itertools.chain.from_iterable(_images.map(serve, keys[1:]))


def _serve_in_time(ref: ImageRef, deadline: Deadline, is_forced: bool) -> Outcome:
    """Processes one image, unless it is too late to begin."""
    if not deadline.leaves_room():
        logger.warning("not begun: the invocation is about to time out", key=ref.key)
        return Outcome(ref.key, Verdict.UNSERVED, "not begun, as the time was nearly up")
    with deadline.image():
        return _serve(ref, is_forced)


def _serve(ref: ImageRef, is_forced: bool) -> Outcome:
    """Processes one image."""
    if not ref.key.startswith(_settings.input_prefix) or ref.key.endswith("/"):
        logger.info("ignored: not an image under the input prefix", key=ref.key)
        return Outcome(ref.key, Verdict.IGNORED, f"not under {_settings.input_prefix}")
    try:
        return _publisher.serve(ref, is_forced=is_forced or _settings.force)
    except CredentialsExpiredError as error:  # whatever comes to this environment would fail alike
        logger.critical("ended, for another environment to try again", error=str(error))
        raise SystemExit(1) from error
    except TransientError as error:
        return _unserved(ref, error)
    except Exception as error:  # whatever it is, the images after this one are not at fault
        logger.exception("not foreseen", key=ref.key)
        return _unserved(ref, error)


def _unserved(ref: ImageRef, error: Exception) -> Outcome:
    count_kind("Unserved", error)
    is_ours = isinstance(error, TransientError)
    reason = str(error) if is_ours else f"{type(error).__name__}: {error}"
    logger.error("will be retried", key=ref.key, kind=type(error).__name__, error=reason)
    return Outcome(ref.key, Verdict.UNSERVED, reason)
