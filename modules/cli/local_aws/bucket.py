"""A bucket on this machine that sends real events, over real HTTP; start at `LocalBucket`."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...telemetry.logs import logger
from .moto_server import LocalServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "pictures"


class LocalBucket:
    """One bucket, `pictures`, whose new objects under `prefix` are announced to `events`.

    While it lasts, this process's environment makes every AWS SDK talk to its server.
    """

    name = BUCKET

    def __init__(self, prefix: str, server: LocalServer | None = None) -> None:
        """Lies on `server`, which runs already, or else on one of its own."""
        self._prefix = prefix
        self._server = server
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        server = self._server or self._stack.enter_context(LocalServer())
        self.endpoint, self.environment = server.endpoint, server.environment
        self._stack.callback(_restore_environment, dict(os.environ))
        for variable in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[variable]
        os.environ.update(self.environment)
        self.client: S3Client = server.client("s3")
        self._queue = server.client("sqs")
        self.client.create_bucket(Bucket=BUCKET)
        self._queue_url = self._queue.create_queue(QueueName=f"{BUCKET}-events")["QueueUrl"]
        self._announce()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _announce(self) -> None:
        """Has the bucket notify the queue, as the deployed bucket notifies the function."""
        attributes = self._queue.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
        )
        self.client.put_bucket_notification_configuration(
            Bucket=BUCKET,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": attributes["Attributes"]["QueueArn"],
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {
                            "Key": {"FilterRules": [{"Name": "prefix", "Value": self._prefix}]}
                        },
                    }
                ]
            },
        )

    def upload_model(self, folder: Path) -> None:
        """Puts a model folder under models/, and names it as the function's model."""
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            self.client.upload_file(str(file), BUCKET, f"models/{folder.name}/{file.name}")
        os.environ["MODEL"] = f"models/{folder.name}/"

    def events(self) -> Iterator[dict[str, Any]]:
        """The events that wait, each forgotten when the next is asked for; ends with the last."""
        while messages := self._queue.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                yield json.loads(message["Body"])
                self._queue.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )


def quiet_handler() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The function's own handler, set up for the bucket that runs; it logs only what went wrong."""
    logger.setLevel(logging.WARNING)
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    handler = importlib.import_module("lambda_function").lambda_handler
    return handler


def _restore_environment(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)
