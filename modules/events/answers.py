"""What becomes of an event's images, and what its sender hears of it; see `Invocation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import EventError, TransientError
from .image_ref import ImageRef


class Verdict(Enum):
    """What became of one image; a value is its place in a `Report`."""

    DONE = "done"
    SKIPPED = "skipped"  # its result was there already
    FAILED = "failed"  # for good
    IGNORED = "ignored"  # no image of ours, or gone
    UNSERVED = "unserved"  # to be tried again


@dataclass(frozen=True)
class Outcome:
    """What became of one image, and why where that needs saying."""

    key: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class Request:
    """A part of an event that is answered by itself: a message, a task, or the whole event.

    refusal: why it names no images.
    """

    id: str
    images: tuple[ImageRef, ...]
    refusal: EventError | None = None


Outcomes = Sequence[Outcome]


@dataclass(frozen=True)
class Invocation:
    """What an event asks for.

    answer: turns each request's outcomes, in the order of `requests`, into what the handler
    returns, or raises TransientError where there is no other way to say that some must be retried.
    is_forced: results that are there already are to be made again.
    """

    requests: tuple[Request, ...]
    answer: Callable[[Sequence[Outcomes]], dict[str, Any]]
    is_forced: bool


class Report:
    """The answer where nobody waits for one: what became of each image, by key."""

    @staticmethod
    def of(outcomes: Sequence[Outcomes]) -> dict[str, Any]:
        """Lists keys by verdict.

        Raises:
            TransientError: some images were not served, so that Lambda tries the event again.
        """
        every = [outcome for several in outcomes for outcome in several]
        unserved = [one for one in every if one.verdict is Verdict.UNSERVED]
        if unserved:
            raise TransientError("; ".join(f"{one.key}: {one.reason}" for one in unserved))
        return {
            verdict.value: [one.key for one in every if one.verdict is verdict]
            for verdict in Verdict
            if verdict is not Verdict.UNSERVED
        }
