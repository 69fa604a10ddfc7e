"""Answers events: serves every image that an event names; start at `EventHandler.handle`."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..errors import CredentialsExpiredError, TransientError
from ..events import ImageRef, Outcome, Verdict, is_http, read_event
from ..models.store import ModelStore
from ..results.time_limit import TimeLimit
from ..settings import Settings
from ..storage.bucket import Bucket
from ..telemetry.logs import logger
from ..telemetry.metrics import count, count_kind
from ..telemetry.reports import observed
from .deadline import Deadline
from .publisher import Publisher

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from ..storage.function_client import FunctionClient

_METRICS = {
    Verdict.DONE: "Images",
    Verdict.SKIPPED: "Skipped",
    Verdict.FAILED: "Failures",
    Verdict.IGNORED: "Ignored",
    Verdict.UNSERVED: "Unserved",
}

# An image waits for S3 three times as long as it computes, and some images may be large
_CONCURRENT_IMAGES = 4


class EventHandler:
    """Serves the images of events, several at a time."""

    def __init__(
        self,
        settings: Settings,
        client: S3Client | FunctionClient,
        models: ModelStore,
        executor: Executor,
    ) -> None:
        """`executor` runs requests that do not wait for each other."""
        self._settings = settings
        self._models = models
        self._bucket = Bucket(client)
        self._publisher = Publisher(self._bucket, models, settings, executor)
        self._images = ThreadPoolExecutor(_CONCURRENT_IMAGES)

    def handle(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Serves every image that the event names.

        Args:
            event: one of the shapes that `events` knows.
            context: Lambda's; None where there is no time limit and no request id.

        Returns:
            The answer that the event's sender expects. For SQS: the messages to send again. For S3
            Batch Operations: a result for each task. For every other sender: the keys of images
            `done`, `skipped` (a current result existed), `failed` (permanently; the reason is
            under the failed prefix) and `ignored` (not under the input prefix, a folder marker, or
            deleted after the event). For a function URL: the answer to the HTTP request.

        Raises:
            EventError: the event has no known shape.
            TransientError: some images could not be served this time; every other one was.
        """
        with observed(context):
            if is_http(event):
                return self._answer_http(event, context)
            invocation = read_event(event)
            deadline = _deadline(context)
            for request in invocation.requests:
                if request.refusal:
                    logger.error(
                        "message or task refused", id=request.id, error=str(request.refusal)
                    )
            if not any(request.images or request.refusal for request in invocation.requests):
                logger.info("ignored: the event is not about a new object")
            refs = [ref for request in invocation.requests for ref in request.images]
            outcomes: dict[int, Outcome] = {}
            try:
                outcomes.update(self._serve_all(refs, deadline, invocation.is_forced))
            finally:
                _count(outcomes.values())
        in_order = iter([outcomes[index] for index in range(len(refs))])
        return invocation.answer(
            [
                list(itertools.islice(in_order, len(request.images)))
                for request in invocation.requests
            ]
        )

    def _answer_http(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        from .http_answer import HttpAnswerer  # other events start sooner without it

        answerer = HttpAnswerer(
            self._settings, self._models, self._bucket, self._publisher.compute_lock
        )
        with _deadline(context).image() as limit:
            return answerer.answer(event, limit)

    def _serve_all(
        self, refs: Sequence[ImageRef], deadline: Deadline, is_forced: bool
    ) -> Iterator[tuple[int, Outcome]]:
        """Serves images; yields each outcome with its index in `refs`.

        The first image is served alone: it loads the model and shows how long one image takes. The
        others are served several at a time, except images of one key, which would conflict.
        """
        by_key = collections.defaultdict[tuple[str, str], list[int]](list)
        for index, ref in enumerate(refs):
            by_key[ref.bucket, ref.key].append(index)

        def serve(indices: list[int]) -> list[tuple[int, Outcome]]:
            return [
                (index, self._serve_in_time(refs[index], deadline, is_forced)) for index in indices
            ]

        keys = list(by_key.values())
        yield from itertools.chain.from_iterable(map(serve, keys[:1]))
        yield from itertools.chain.from_iterable(self._images.map(serve, keys[1:]))

    def _serve_in_time(self, ref: ImageRef, deadline: Deadline, is_forced: bool) -> Outcome:
        """Serves one image, unless too little time is left for it."""
        if not deadline.has_time_for_another():
            logger.warning("not started: too little time left in this invocation", key=ref.key)
            reason = "not started, because too little time was left"
            return Outcome(ref.key, Verdict.UNSERVED, reason)
        with deadline.image() as limit:
            return self._serve(ref, is_forced, limit)

    def _serve(self, ref: ImageRef, is_forced: bool, limit: TimeLimit | None) -> Outcome:
        """Serves one image; turns errors into outcomes, so that the other images are served."""
        if not ref.key.startswith(self._settings.input_prefix):
            logger.info("ignored: not under the input prefix", key=ref.key)
            reason = f"not under {self._settings.input_prefix}"
            return Outcome(ref.key, Verdict.IGNORED, reason)
        try:
            return self._publisher.serve(
                ref, is_forced=is_forced or self._settings.force, limit=limit
            )
        except CredentialsExpiredError as error:  # every later image would fail the same way
            logger.critical(
                "credentials expired; exiting so that a new environment takes over",
                error=str(error),
            )
            raise SystemExit(1) from error
        except TransientError as error:
            return _unserved(ref, error)
        except Exception as error:  # a defect that one image shows must not stop the others
            logger.exception("unexpected error", key=ref.key)
            return _unserved(ref, error)


def _deadline(context: Any) -> Deadline:
    return Deadline(context and context.get_remaining_time_in_millis)


def _count(outcomes: Iterable[Outcome]) -> None:
    verdicts = [outcome.verdict for outcome in outcomes]
    for verdict, name in _METRICS.items():
        count(name, verdicts.count(verdict))


def _unserved(ref: ImageRef, error: Exception) -> Outcome:
    count_kind("Unserved", error)
    is_ours = isinstance(error, TransientError)
    reason = str(error) if is_ours else f"{type(error).__name__}: {error}"
    logger.error("will be retried", key=ref.key, kind=type(error).__name__, error=reason)
    return Outcome(ref.key, Verdict.UNSERVED, reason)
