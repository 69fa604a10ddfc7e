"""The outcomes of an event's images, and the answer to its sender; start at `Invocation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import EventError, TransientError
from .image_ref import ImageRef


class Verdict(Enum):
    """How the serving of one image ended; the value is the image's list in a `Report`."""

    DONE = "done"
    SKIPPED = "skipped"  # a current result existed
    FAILED = "failed"  # permanently
    IGNORED = "ignored"  # not under the input prefix, a folder marker, or deleted
    UNSERVED = "unserved"  # to be retried


@dataclass(frozen=True)
class Outcome:
    """How the serving of one image ended. reason: why; empty for an image that is done."""

    key: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class Request:
    """A part of an event that has its own answer: a message, a task, or the whole event.

    refusal: why the request is invalid; such a request has no images.
    """

    id: str
    images: tuple[ImageRef, ...]
    refusal: EventError | None = None


Outcomes = Sequence[Outcome]


@dataclass(frozen=True)
class Invocation:
    """What an event requests.

    answer: makes the handler's return value of the outcomes of each request, in the order of
    `requests`. It raises TransientError if the sender has no other way to learn that some images
    must be retried. is_forced: makes results again even if current ones exist.
    """

    requests: tuple[Request, ...]
    answer: Callable[[Sequence[Outcomes]], dict[str, Any]]
    is_forced: bool


class Report:
    """The answer to senders that do not read it: the keys of the images by verdict."""

    @staticmethod
    def of(outcomes: Sequence[Outcomes]) -> dict[str, Any]:
        """Lists keys by verdict.

        Raises:
            TransientError: some images were not served; Lambda retries the event.
        """
        flat = [outcome for of_request in outcomes for outcome in of_request]
        unserved = [one for one in flat if one.verdict is Verdict.UNSERVED]
        if unserved:
            raise TransientError("; ".join(f"{one.key}: {one.reason}" for one in unserved))
        return {
            verdict.value: [one.key for one in flat if one.verdict is verdict]
            for verdict in Verdict
            if verdict is not Verdict.UNSERVED
        }
