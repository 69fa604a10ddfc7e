"""Reads the dead-letter queue: events that failed three times; start at `DeadLetters`."""

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

# SQS hides a received message from other readers for so long. If this command is killed, its
# messages stay in the queue and become visible again after this time.
_VISIBILITY_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class DeadLetter:
    """A message of the queue. It should be Lambda's record of a failed invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    id: str
    sent_at: float  # seconds since 1970
    body: str
    receipt: str
    queue: DeadLetters

    @property
    def name(self) -> str:
        """The name for messages."""
        return f"message {self.id}"

    def event(self) -> Any:
        """Returns the event that failed.

        Raises:
            ValueError: the message is no record of a failed invocation.
        """
        return self._record()["requestPayload"]

    def image_keys(self) -> list[str]:
        """Returns the keys of the event's images; none if the event is of an unknown kind."""
        try:
            requests = read_event(self.event()).requests
        except EventError:
            return []
        return [image.key for request in requests for image in request.images]

    def kind(self) -> str:
        """Returns the class of the error of the last attempt; empty if the record has none."""
        answer = self._record().get("responsePayload")
        return str(answer.get("errorType", "")) if isinstance(answer, dict) else ""

    def summary(self) -> str:
        """Returns the event's images and the reason of the failure, in one line."""
        record = self._record()
        subject = _subject(self.event())
        for key, name in (("responsePayload", "errorMessage"), ("requestContext", "condition")):
            if isinstance(record.get(key), dict) and record[key].get(name):
                return f"{subject}\t{' '.join(str(record[key][name]).split())}"
        return subject

    def forget(self) -> None:
        """Deletes the message from the queue."""
        self.queue.delete(self)

    def _record(self) -> dict[str, Any]:
        try:
            record = json.loads(self.body)
        except json.JSONDecodeError:
            raise ValueError("not a record of a failed invocation, which is JSON") from None
        if not isinstance(record, dict) or "requestPayload" not in record:
            raise ValueError("not a record of a failed invocation, which has a requestPayload")
        return record


class DeadLetters:
    """The messages that were in the queue when this object was made.

    Received messages are hidden from other readers for a while. Leaving the context makes those
    visible again that were not deleted.
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
            with contextlib.suppress(ClientError):  # it became visible by itself
                self._client.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
                )

    def __len__(self) -> int:
        """Returns the approximate number of messages."""
        name = "ApproximateNumberOfMessages"
        answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def __iter__(self) -> Iterator[DeadLetter]:
        """Yields each message once.

        Messages that arrive later are left for the next time. Otherwise, an event that fails again
        and again would keep this command running for ever.
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
            VisibilityTimeout=_VISIBILITY_TIMEOUT_SECONDS,
            WaitTimeSeconds=1,  # long polling asks all of SQS's servers, not only some
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
        """Deletes a message from the queue."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)
        del self._held[letter.id]


def _subject(event: Any) -> str:
    """Returns the buckets and keys of an event's images, or else the beginning of the event."""
    try:
        requests = read_event(event).requests
    except EventError:
        requests = ()
    images = [f"{image.bucket}/{image.key}" for one in requests for image in one.images]
    return ", ".join(images) or json.dumps(event)[:80]
