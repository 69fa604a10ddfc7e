"""Send failed events to the deployed function again: dead letters, or images that failed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import UsageError
from ..settings import Settings
from ..storage.client import create_client
from .dead_letters import DeadLetters
from .failed_records import bucket_of
from .retryable import Retryable, images_without_result, select
from .stack import Stack

if TYPE_CHECKING:
    from rich.console import Console

# After one of these errors, every other event would fail, too
_FATAL_ERRORS = ("ResourceNotFoundException", "AccessDeniedException", "ValidationException")
_BUCKET_OF_STACK = "the stack's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "--stage",
        default="dev",
        help="the stage with the queue, function and bucket (default: %(default)s)",
    )
    parser.add_argument("--queue", metavar="URL", help="another queue: its URL or name")
    parser.add_argument("--function", metavar="NAME", help="another function: its name or ARN")
    parser.add_argument(
        "--failed",
        nargs="?",
        const=_BUCKET_OF_STACK,
        metavar="s3://BUCKET",
        help="instead of dead letters, retry the images that failed permanently and have no result "
        "since, as `failures` lists them; the bucket is the stage's unless named",
    )
    parser.add_argument(
        "--key", metavar="PATTERN", help="only images with matching keys, like 'input/2026/*.jpg'"
    )
    parser.add_argument(
        "--kind", metavar="ERROR", help="only what failed with this error, like ImageError"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be retried, and change nothing"
    )
    parser.add_argument(
        "--force", action="store_true", help="make results again that exist already"
    )
    parser.epilog = (
        "A message leaves the queue only when Lambda has accepted its event. An event that fails "
        "again comes back to the queue and stays there until the next redrive."
    )


def run(arguments: argparse.Namespace) -> int:
    """Retries everything that was selected; returns 1 if some events could not be sent."""
    import boto3
    from rich.console import Console

    messages = Console(stderr=True)
    stack = Stack(arguments.stage)
    try:
        with contextlib.ExitStack() as context:
            items: Iterable[Retryable]
            total = None
            if arguments.failed:
                bucket = _find_bucket(arguments.failed, stack)
                settings = Settings.from_environment(os.environ)
                items = images_without_result(create_client(), bucket, settings)
            else:
                sqs = boto3.client("sqs")
                letters = DeadLetters(sqs, _find_queue(sqs, arguments.queue, stack))
                items, total = context.enter_context(letters), len(letters)
            selected = select(items, arguments.key, arguments.kind)
            if arguments.dry_run:
                return _list(selected, messages)
            name = arguments.function or stack.output("Function")
            function = _Function(boto3.client("lambda"), name, arguments.force)
            return _redrive(selected, total, function, messages)
    except (ClientError, BotoCoreError) as error:
        raise UsageError(str(error)) from error


def _find_queue(sqs: Any, queue: str | None, stack: Stack) -> str:
    """Returns the URL of a queue, given its URL, its name, or None for the stack's."""
    queue = queue or stack.output("DeadLetterQueue")
    return queue if "://" in queue else str(sqs.get_queue_url(QueueName=queue)["QueueUrl"])


def _find_bucket(location: str, stack: Stack) -> str:
    return stack.output("Bucket") if location == _BUCKET_OF_STACK else bucket_of(location)


def _list(items: Iterable[Retryable], messages: Console) -> int:
    """Prints what would be retried and why it failed; returns the exit code."""
    failed = 0
    for item in items:
        try:
            print(item.summary())
        except ValueError as error:
            failed += 1
            _report_failure(messages, item, str(error))
    return 1 if failed else 0


def _redrive(
    items: Iterable[Retryable], total: int | None, function: _Function, messages: Console
) -> int:
    """Invokes the function with each event; returns the exit code.

    Args:
        items: what to retry.
        total: about how many items there are, for the progress bar; None if unknown.
        function: receives the events.
        messages: the console for messages and progress.
    """
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
                _report_failure(messages, item, str(error))
    messages.print(f"{done} events sent to {function.name}", highlight=False, soft_wrap=True)
    return 1 if failed else 0


@dataclass(frozen=True)
class _Function:
    """The function that gets the events. is_forced: make results again that exist already."""

    client: Any
    name: str
    is_forced: bool

    def invoke(self, event: Any) -> None:
        """Invokes the function asynchronously, as S3 does, with Lambda's own retries.

        Raises:
            UsageError: no event can be sent to this function.
            ValueError: `force` cannot be added to this event.
        """
        if self.is_forced:
            if not isinstance(event, dict):
                raise ValueError("--force needs an event that is a JSON object, and this is none")
            event = {**event, "force": True}
        try:
            self.client.invoke(
                FunctionName=self.name, InvocationType="Event", Payload=json.dumps(event).encode()
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _FATAL_ERRORS:
                raise UsageError(f"{error}; all events stay where they are") from error
            raise


def _report_failure(messages: Console, item: Retryable, reason: str) -> None:
    text = f"{item.name} stays where it is: {reason}"
    messages.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
