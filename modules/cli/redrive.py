"""Have the deployed function try the events again that failed three times: the dead letters."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from . import UsageError

if TYPE_CHECKING:
    from rich.console import Console

_SERVICE = "object-detection"  # serverless.yml's
# So long is a message out of others' sight. Killed midway, this command leaves it in the queue, and
# it comes back into sight after that.
_HIDDEN_SECONDS = 120
# What is wrong with one event is then wrong with all
_HOPELESS = ("ResourceNotFoundException", "AccessDeniedException", "ValidationException")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "--stage",
        default="dev",
        help="whose queue and function, where they are not named (default: %(default)s)",
    )
    parser.add_argument("--queue", metavar="URL", help="the queue's URL or name")
    parser.add_argument("--function", metavar="NAME", help="the function's name or ARN")
    parser.add_argument(
        "--dry-run", action="store_true", help="list the events, and leave them where they are"
    )
    parser.epilog = (
        "A message leaves the queue only when Lambda has accepted its event. What fails again "
        "comes back to the queue, and waits there for the next time."
    )


def run(arguments: argparse.Namespace) -> int:
    """Puts every dead letter back; returns 1 if some could not be."""
    import boto3
    from rich.console import Console

    messages = Console(stderr=True)
    try:
        queue_url, function = _find(boto3, arguments)
        with _Queue(boto3.client("sqs"), queue_url) as queue:
            if arguments.dry_run:
                return _list(queue, messages)
            return _redrive(queue, boto3.client("lambda"), function, messages)
    except (ClientError, BotoCoreError) as error:
        raise UsageError(str(error)) from error


@dataclass(frozen=True)
class _Letter:
    """A message of the queue."""

    id: str
    receipt: str
    sent_at: float  # seconds since 1970
    body: str

    def event(self) -> Any:
        """The event that failed.

        Raises:
            ValueError: the message is no record of a failed invocation.
        """
        try:
            record = json.loads(self.body)
        except json.JSONDecodeError:
            raise ValueError("not JSON, let alone a record of a failed invocation") from None
        if not isinstance(record, dict) or "requestPayload" not in record:
            raise ValueError("not a record of a failed invocation, which has a requestPayload")
        return record["requestPayload"]

    def summary(self) -> str:
        """The event's images, and why it failed, on one line."""
        subject = _subject(self.event())
        record = json.loads(self.body)
        for key, name in (("responsePayload", "errorMessage"), ("requestContext", "condition")):
            if isinstance(record.get(key), dict) and record[key].get(name):
                return f"{subject}\t{' '.join(str(record[key][name]).split())}"
        return subject


class _Queue:
    """The dead letters that were there when this command started.

    A letter that was received is out of others' sight for a while; leaving the context puts those
    back into sight that were not deleted.
    """

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url
        self._started_at = time.time()
        self._held: dict[str, _Letter] = {}

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

    def __iter__(self) -> Iterator[_Letter]:
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

    def _receive(self) -> list[_Letter]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,  # asks every server of SQS's, instead of some
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        letters = [
            _Letter(
                id=message["MessageId"],
                receipt=message["ReceiptHandle"],
                sent_at=int(message["Attributes"]["SentTimestamp"]) / 1000,
                body=message["Body"],
            )
            for message in answer.get("Messages", ())
        ]
        self._held.update((letter.id, letter) for letter in letters)
        return letters

    def delete(self, letter: _Letter) -> None:
        """Takes a letter out for good."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)
        del self._held[letter.id]


def _find(boto3: Any, arguments: argparse.Namespace) -> tuple[str, str]:
    """The queue's URL and the function's name: as named, or what the stack says of itself."""
    outputs: dict[str, str] = {}
    if not (arguments.queue and arguments.function):
        stack = f"{_SERVICE}-{arguments.stage}"
        try:
            (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            raise UsageError(
                f"the stack {stack}: {error.response['Error']['Message']}; choose another with "
                "--stage, or name --queue and --function"
            ) from error
        outputs = {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}
    queue = arguments.queue or _output(outputs, "DeadLetterQueue", arguments.stage)
    function = arguments.function or _output(outputs, "Function", arguments.stage)
    if "://" not in queue:
        queue = boto3.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    return queue, function


def _output(outputs: dict[str, str], name: str, stage: str) -> str:
    if name not in outputs:
        raise UsageError(f"the stack {_SERVICE}-{stage} has no output {name}; deploy it again")
    return outputs[name]


def _list(queue: _Queue, messages: Console) -> int:
    """Prints every letter's event and why it failed."""
    failed = 0
    for letter in queue:
        try:
            print(letter.summary())
        except ValueError as error:
            failed += 1
            _complain(messages, letter, str(error))
    return 1 if failed else 0


def _redrive(queue: _Queue, client: Any, function: str, messages: Console) -> int:
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    done = failed = 0
    with Progress(
        *columns, console=messages, transient=True, disable=not messages.is_terminal
    ) as progress:
        for letter in progress.track(queue, total=len(queue), description="redriving"):
            try:
                _invoke(client, function, letter.event())
                queue.delete(letter)
                done += 1
            except (ClientError, BotoCoreError, ValueError) as error:
                failed += 1
                _complain(messages, letter, str(error))
    messages.print(f"{done} events handed to {function}", highlight=False, soft_wrap=True)
    return 1 if failed else 0


def _invoke(client: Any, function: str, event: Any) -> None:
    """Hands an event over, as S3 did: accepted now, run in a moment, tried three times.

    Raises:
        UsageError: no event can be handed over like this.
    """
    try:
        client.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _HOPELESS:
            raise UsageError(f"{error}; all events stay in the queue") from error
        raise


def _subject(event: Any) -> str:
    """The keys that an event of S3 is about, or its beginning."""
    try:
        places = [record["s3"] for record in event["Records"]]
        return ", ".join(f"{s3['bucket']['name']}/{s3['object']['key']}" for s3 in places)
    except (LookupError, TypeError):
        return json.dumps(event)[:80]


def _complain(messages: Console, letter: _Letter, reason: str) -> None:
    text = f"message {letter.id} stays in the queue: {reason}"
    messages.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
