"""Have the deployed function try again what failed: its dead letters, or images that failed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import UsageError
from ..settings import Settings
from ..storage.client import create_client
from .dead_letters import DeadLetters
from .failed_records import FailedImage, bucket_of, failed_images

if TYPE_CHECKING:
    from rich.console import Console

_SERVICE = "object-detection"  # serverless.yml's
# What is wrong with one event is then wrong with all
_HOPELESS = ("ResourceNotFoundException", "AccessDeniedException", "ValidationException")
_THE_STACKS = "the stack's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "--stage",
        default="dev",
        help="whose queue, function and bucket, where not named (default: %(default)s)",
    )
    parser.add_argument("--queue", metavar="URL", help="the queue's URL or name")
    parser.add_argument("--function", metavar="NAME", help="the function's name or ARN")
    parser.add_argument(
        "--failed",
        nargs="?",
        const=_THE_STACKS,
        metavar="s3://BUCKET",
        help="instead of dead letters, the images that failed permanently and have no result since, "
        "as `failures` lists them; of the stage's bucket unless named",
    )
    parser.add_argument(
        "--key", metavar="PATTERN", help="only images of such keys, like 'input/2026/*.jpg'"
    )
    parser.add_argument(
        "--kind", metavar="ERROR", help="only what failed with this error, like ImageError"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be tried, and leave it"
    )
    parser.add_argument(
        "--force", action="store_true", help="have results made again that are there already"
    )
    parser.epilog = (
        "A message leaves the queue only when Lambda has accepted its event. What fails again "
        "comes back to the queue, and waits there for the next time."
    )


def run(arguments: argparse.Namespace) -> int:
    """Has everything tried again that was asked for; returns 1 if some could not be."""
    import boto3
    from rich.console import Console

    messages = Console(stderr=True)
    try:
        place = _Place(boto3, arguments)
        with contextlib.ExitStack() as stack:
            items: Iterable[_Item]
            total = None
            if arguments.failed:
                items = _failures(place.bucket())
            else:
                letters = DeadLetters(boto3.client("sqs"), place.queue_url())
                items, total = stack.enter_context(letters), len(letters)
            chosen = _chosen(items, arguments.key, arguments.kind)
            if arguments.dry_run:
                return _list(chosen, messages)
            function = _Function(boto3.client("lambda"), place.function(), arguments.force)
            return _redrive(chosen, total, function, messages)
    except (ClientError, BotoCoreError) as error:
        raise UsageError(str(error)) from error


class _Item(Protocol):
    """What may be tried again. Each method may raise a ValueError: it is not what it should be."""

    @property
    def name(self) -> str:
        """What a person knows it by."""

    def event(self) -> Any:
        """What the function is to be invoked with."""

    def image_keys(self) -> list[str]:
        """Its images'."""

    def kind(self) -> str:
        """The class of the error that it failed with."""

    def summary(self) -> str:
        """One line."""

    def forget(self) -> None:
        """Ends it, as Lambda has accepted its event."""


@dataclass(frozen=True)
class _Failure:
    """An image that failed permanently. Its record stays until a result supersedes it."""

    bucket: str
    image: FailedImage

    @property
    def name(self) -> str:
        return self.image.key

    def event(self) -> dict[str, str]:
        return {"bucket": self.bucket, "key": self.image.key}

    def image_keys(self) -> list[str]:
        return [self.image.key]

    def kind(self) -> str:
        return self.image.kind

    def summary(self) -> str:
        return f"{self.bucket}/{self.image.key}\t{self.image.message}"

    def forget(self) -> None:
        pass


def _failures(bucket: str) -> Iterator[_Failure]:
    found = failed_images(create_client(), bucket, Settings.from_environment(os.environ))
    return (_Failure(bucket, image) for image in found if not image.is_superseded)


def _chosen(items: Iterable[_Item], key: str | None, kind: str | None) -> Iterator[_Item]:
    """What was asked for; all of it, what cannot be read included, if nothing was."""
    for item in items:
        try:
            is_wanted = not kind or item.kind() == kind
            if key:
                is_wanted &= any(fnmatchcase(each, key) for each in item.image_keys())
        except ValueError:
            is_wanted = not (key or kind)
        if is_wanted:
            yield item


class _Place:
    """Queue, function and bucket: as named, or what the stack says of itself."""

    def __init__(self, boto3: Any, arguments: argparse.Namespace) -> None:
        self._boto3 = boto3
        self._arguments = arguments
        self._outputs: dict[str, str] | None = None

    def queue_url(self) -> str:
        queue = self._arguments.queue or self._output("DeadLetterQueue")
        if "://" in queue:
            return str(queue)
        return str(self._boto3.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"])

    def function(self) -> str:
        return self._arguments.function or self._output("Function")

    def bucket(self) -> str:
        if self._arguments.failed == _THE_STACKS:
            return self._output("Bucket")
        return bucket_of(self._arguments.failed)

    def _output(self, name: str) -> str:
        stack = f"{_SERVICE}-{self._arguments.stage}"
        if self._outputs is None:
            try:
                client = self._boto3.client("cloudformation")
                (found,) = client.describe_stacks(StackName=stack)["Stacks"]
            except ClientError as error:
                raise UsageError(
                    f"the stack {stack}: {error.response['Error']['Message']}; choose another "
                    "with --stage, or name --queue and --function"
                ) from error
            self._outputs = {
                item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())
            }
        if name not in self._outputs:
            raise UsageError(f"the stack {stack} has no output {name}; deploy it again")
        return self._outputs[name]


def _list(items: Iterable[_Item], messages: Console) -> int:
    """Prints what would be tried, and why it failed."""
    failed = 0
    for item in items:
        try:
            print(item.summary())
        except ValueError as error:
            failed += 1
            _complain(messages, item, str(error))
    return 1 if failed else 0


def _redrive(
    items: Iterable[_Item], total: int | None, function: _Function, messages: Console
) -> int:
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    done = failed = 0
    with Progress(
        *columns, console=messages, transient=True, disable=not messages.is_terminal
    ) as progress:
        for item in progress.track(items, total=total, description="redriving"):
            try:
                function.invoke(item.event())
                item.forget()
                done += 1
            except (ClientError, BotoCoreError, ValueError) as error:
                failed += 1
                _complain(messages, item, str(error))
    messages.print(f"{done} events handed to {function.name}", highlight=False, soft_wrap=True)
    return 1 if failed else 0


@dataclass(frozen=True)
class _Function:
    """What is invoked; is_forced: to make results again that are there already."""

    client: Any
    name: str
    is_forced: bool

    def invoke(self, event: Any) -> None:
        """Hands an event over, as S3 did: accepted now, run in a moment, tried three times.

        Raises:
            UsageError: no event can be handed over like this.
            ValueError: this one cannot say `force`.
        """
        if self.is_forced:
            if not isinstance(event, dict):
                raise ValueError("an event of no shape that could ask for results to be made again")
            event = {**event, "force": True}
        try:
            self.client.invoke(
                FunctionName=self.name, InvocationType="Event", Payload=json.dumps(event).encode()
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _HOPELESS:
                raise UsageError(f"{error}; all events stay where they are") from error
            raise


def _complain(messages: Console, item: _Item, reason: str) -> None:
    text = f"{item.name} stays where it is: {reason}"
    messages.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
