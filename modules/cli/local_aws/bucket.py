"""A local bucket whose events the caller handles in its own process; start at `LocalBucket`."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...telemetry.logs import logger
from .moto_s3 import encode_filter
from .moto_server import MotoServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "pictures"


class LocalBucket:
    """A bucket, `pictures`, that sends an event for each new object under `prefix`.

    `events` yields these events, in the form in which S3 sends them. Inside the context, the
    environment variables of this process make every AWS SDK use the local server.
    """

    name = BUCKET

    def __init__(self, prefix: str, server: MotoServer | None = None) -> None:
        """Prepares the bucket on `server`, which must be running, or on a new server."""
        self._prefix = prefix
        self._server = server
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        server = self._server or self._stack.enter_context(MotoServer())
        self.endpoint, self.environment = server.endpoint, server.environment
        self._stack.callback(_restore_environment, dict(os.environ))
        for variable in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[variable]
        os.environ.update(self.environment)
        self.client: S3Client = server.client("s3")
        self._queue = server.client("sqs")
        self.client.create_bucket(Bucket=BUCKET)
        self._queue_url = self._queue.create_queue(QueueName=f"{BUCKET}-events")["QueueUrl"]
        self._send_events_to_queue()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _send_events_to_queue(self) -> None:
        """Configures the bucket's notifications: the same as in AWS, but to a queue."""
        attributes = self._queue.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
        )
        rule: Any = {"Name": "prefix", "Value": encode_filter(self._prefix)}
        self.client.put_bucket_notification_configuration(
            Bucket=BUCKET,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": attributes["Attributes"]["QueueArn"],
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [rule]}},
                    }
                ]
            },
        )

    def upload_model(self, folder: Path) -> None:
        """Uploads a model folder under models/ and sets MODEL to its prefix."""
        os.environ["MODEL"] = upload_model(self.client, BUCKET, folder)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yields the waiting events and stops when the queue is empty.

        An event is deleted from the queue when the caller takes the next one.
        """
        while messages := self._queue.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                yield json.loads(message["Body"])
                self._queue.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )


def upload_model(client: S3Client, bucket: str, folder: Path) -> str:
    """Uploads a model folder to a bucket; returns its prefix, `models/NAME/`."""
    prefix = f"models/{folder.name}/"
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        client.upload_file(str(file), bucket, prefix + file.name)
    return prefix


def quiet_handler() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Imports `lambda_function.lambda_handler`; it logs warnings and errors only, and no metrics.

    Call it inside the context of a `LocalBucket`: the import reads the environment.
    """
    logger.set_level("WARNING")
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    handler = importlib.import_module("lambda_function").lambda_handler
    return handler


def _restore_environment(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)
