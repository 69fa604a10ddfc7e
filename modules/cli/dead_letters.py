"""The queue of events that failed three times; start at `DeadLetters`. None is ever lost."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from botocore.exceptions import ClientError

from ..errors import EventError
from ..events import read_event

# So long is a message out of others' sight. Killed midway, this command leaves it in the queue, and
# it comes back into sight after that.
_HIDDEN_SECONDS = 120


@dataclass(frozen=True)
class DeadLetter:
    """A message of the queue, which should be a record of a failed invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    id: str
    sent_at: float  # seconds since 1970
    body: str
    receipt: str
    queue: DeadLetters

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return f"message {self.id}"

    def event(self) -> Any:
        """The event that failed.

        Raises:
            ValueError: the message is no record of a failed invocation.
        """
        return self._record()["requestPayload"]

    def image_keys(self) -> list[str]:
        """The keys of its images, as far as they can be told."""
        try:
            requests = read_event(self.event()).requests
        except EventError:
            return []
        return [image.key for request in requests for image in request.images]

    def kind(self) -> str:
        """The class of the error that it failed with in the end."""
        answer = self._record().get("responsePayload")
        return str(answer.get("errorType", "")) if isinstance(answer, dict) else ""

    def summary(self) -> str:
        """The event's images, and why it failed, on one line."""
        record = self._record()
        subject = _subject(self.event())
        for key, name in (("responsePayload", "errorMessage"), ("requestContext", "condition")):
            if isinstance(record.get(key), dict) and record[key].get(name):
                return f"{subject}\t{' '.join(str(record[key][name]).split())}"
        return subject

    def forget(self) -> None:
        """Takes it out of the queue for good."""
        self.queue.delete(self)

    def _record(self) -> dict[str, Any]:
        try:
            record = json.loads(self.body)
        except json.JSONDecodeError:
            raise ValueError("not JSON, let alone a record of a failed invocation") from None
        if not isinstance(record, dict) or "requestPayload" not in record:
            raise ValueError("not a record of a failed invocation, which has a requestPayload")
        return record


class DeadLetters:
    """The dead letters that were there when this command started.

    A letter that was received is out of others' sight for a while; leaving the context puts those
    back into sight that were not deleted.
    """

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url
        self._started_at = time.time()
        self._held: dict[str, DeadLetter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for letter in self._held.values():
            with contextlib.suppress(ClientError):  # it came back into sight by itself
                self._client.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
                )

    def __len__(self) -> int:
        """About how many there are, as SQS puts it."""
        name = "ApproximateNumberOfMessages"
        answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def __iter__(self) -> Iterator[DeadLetter]:
        """Each letter once.

        What comes in meanwhile is left for the next time: an event that fails again and again
        would otherwise keep this command going for ever.
        """
        seen: set[str] = set()
        while letters := self._receive():
            new = [letter for letter in letters if letter.id not in seen]
            if not new:
                return
            seen.update(letter.id for letter in new)
            yield from (letter for letter in new if letter.sent_at <= self._started_at)

    def _receive(self) -> list[DeadLetter]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,  # asks every server of SQS's, instead of some
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        letters = [
            DeadLetter(
                id=message["MessageId"],
                sent_at=int(message["Attributes"]["SentTimestamp"]) / 1000,
                body=message["Body"],
                receipt=message["ReceiptHandle"],
                queue=self,
            )
            for message in answer.get("Messages", ())
        ]
        self._held.update((letter.id, letter) for letter in letters)
        return letters

    def delete(self, letter: DeadLetter) -> None:
        """Takes a letter out for good."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)
        del self._held[letter.id]


def _subject(event: Any) -> str:
    """The keys that an event is about, or its beginning."""
    try:
        requests = read_event(event).requests
    except EventError:
        requests = ()
    images = [f"{image.bucket}/{image.key}" for one in requests for image in one.images]
    return ", ".join(images) or json.dumps(event)[:80]
