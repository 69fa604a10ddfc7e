"""A bucket on this machine: a real S3 API over HTTP that sends real events; start at `LocalBucket`.

moto's server plays S3 and SQS. Whatever AWS account the machine is set up for is out of reach
while it runs.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
from moto.server import ThreadedMotoServer

from ..telemetry import logger
from . import UsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "pictures"
HOST = "127.0.0.1"
REGION = "us-east-1"


class LocalBucket:
    """One bucket, `pictures`, whose new objects under `prefix` are announced to `events`."""

    name = BUCKET

    def __init__(self, prefix: str, *, port: int = 0) -> None:
        """`port` 0 takes any that is free."""
        self._prefix = prefix
        self._port = port
        self._before: dict[str, str] = {}

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request otherwise
        check_port(self._port)
        self._server = ThreadedMotoServer(ip_address=HOST, port=self._port, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.environment = environment(self.endpoint)
        self._before = dict(os.environ)
        for variable in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[variable]
        os.environ.update(self.environment)
        self.client: S3Client = boto3.client("s3")
        self._queue = boto3.client("sqs")
        self.client.create_bucket(Bucket=BUCKET)
        self._queue_url = self._queue.create_queue(QueueName=f"{BUCKET}-events")["QueueUrl"]
        self._announce()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop()
        os.environ.clear()
        os.environ.update(self._before)

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


def quiet_handler() -> Callable[[dict[str, Any], Any], dict[str, list[str]]]:
    """The function's own handler, set up for the bucket that runs; it logs only what went wrong."""
    logger.setLevel(logging.WARNING)
    handler: Callable[[dict[str, Any], Any], dict[str, list[str]]]
    handler = importlib.import_module("lambda_function").lambda_handler
    return handler


def check_port(port: int) -> None:
    """Raises UsageError if a port is taken; moto's server would wait for ever."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UsageError(f"port {port} is taken; choose another with --port") from None


def environment(endpoint: str) -> dict[str, str]:
    """What makes every AWS SDK talk to `endpoint`, with made-up credentials and to nobody else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }
