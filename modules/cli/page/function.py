"""The function that processes the bucket's pictures, as the page uses it; see `Function`."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from ...errors import UsageError
from ...settings import BUNDLED, Settings
from ..stack import Stack

if TYPE_CHECKING:
    from ...function.application import Application
    from ..local_aws.bucket import LocalBucket

_BUNDLED = (
    "the function's model is in its package, and may read no other; deploy with "
    "--param model=PREFIX to choose one here"
)
_PAUSE = 0.2  # seconds between two looks at the queue


@dataclass(frozen=True)
class Choice:
    """The choice of a model. current: its prefix, if known. why_not: why none can be chosen."""

    current: str | None
    why_not: str = ""


class Function(Protocol):
    """A function that processes pictures."""

    def retry(self, bucket: str, key: str) -> None:
        """Processes an image again. Raises UsageError if the function cannot be invoked."""

    def choice(self) -> Choice:
        """Returns the current model, and whether another one can be chosen."""

    def choose(self, prefix: str) -> None:
        """Uses the model under this prefix. Raises UsageError if that cannot be done."""


class DeployedFunction:
    """The function of a stage, invoked and configured through Lambda's API."""

    def __init__(self, stage: str, bucket: str) -> None:
        self._stack = Stack(stage)
        self._bucket = bucket

    def retry(self, bucket: str, key: str) -> None:
        """Sends an event that names the image, as `redrive` does."""
        import json

        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        payload = json.dumps({"bucket": bucket, "key": key}).encode()
        try:
            boto3.client("lambda").invoke(
                FunctionName=self._name(), InvocationType="Event", Payload=payload
            )
        except (ClientError, BotoCoreError) as error:
            raise UsageError(f"the function cannot be invoked: {error}") from error

    def choice(self) -> Choice:
        """Returns the function's setting MODEL."""
        try:
            configuration = self._configuration()
        except UsageError as error:
            return Choice(None, str(error))
        model = _variables(configuration).get("MODEL", "")
        if model == BUNDLED:
            return Choice(None, _BUNDLED)
        return Choice(model.removeprefix(f"s3://{self._bucket}/") or None)

    def choose(self, prefix: str) -> None:
        """Changes the setting MODEL, if the configuration is still the one that was read."""
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        configuration = self._configuration()
        variables = _variables(configuration)
        if variables.get("MODEL") == BUNDLED:
            raise UsageError(_BUNDLED)
        # A deployment names the bucket in MODEL, so that a cold start requests the model at once
        has_bucket = variables.get("MODEL", "").startswith("s3://")
        variables["MODEL"] = f"s3://{self._bucket}/{prefix}" if has_bucket else prefix
        # The local AWS has no revisions
        revision = {key: configuration[key] for key in ("RevisionId",) if key in configuration}
        try:
            boto3.client("lambda").update_function_configuration(
                FunctionName=configuration["FunctionName"],
                Environment={"Variables": variables},
                **revision,
            )
        except (ClientError, BotoCoreError) as error:
            raise UsageError(f"the function's setting MODEL cannot be changed: {error}") from error

    def _name(self) -> str:
        """Returns the function of the stage.

        Raises:
            UsageError: there is no such stack, or its bucket is another one.
        """
        if self._stack.output("Bucket") != self._bucket:
            raise UsageError(
                f"the stage has the bucket s3://{self._stack.output('Bucket')}; name the stage of "
                f"s3://{self._bucket} with --stage"
            )
        return self._stack.output("Function")

    def _configuration(self) -> Mapping[str, Any]:
        """Requests the function's configuration.

        Raises:
            UsageError: it cannot be read, or events go to a published version of the function,
                whose settings cannot be changed.
        """
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = boto3.client("lambda")
            name = self._name()
            found: Mapping[str, Any] = client.get_function_configuration(FunctionName=name)
        except (ClientError, BotoCoreError) as error:
            raise UsageError(f"the function's settings cannot be read: {error}") from error
        if found.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions":
            raise UsageError(
                "the function uses SnapStart, whose versions keep their model's prefix; deploy "
                "with --param model=PREFIX"
            )
        return found


def _variables(configuration: Mapping[str, Any]) -> dict[str, str]:
    return dict(configuration.get("Environment", {}).get("Variables", {}))


class LocalFunction:
    """The function in a thread of this process, which processes a local bucket's events."""

    def __init__(self, bucket: LocalBucket) -> None:
        self._bucket = bucket
        self._stopped = threading.Event()
        self._lock = threading.Lock()  # one event at a time
        self._thread = threading.Thread(target=self._process_events, daemon=True)

    def __enter__(self) -> Self:
        from ...telemetry.logs import logger

        logger.set_level("ERROR")
        os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
        self._settings = Settings.from_environment(os.environ)
        self._application = self._create(self._settings)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        self._thread.join()

    def retry(self, bucket: str, key: str) -> None:
        """Processes an image again, in another thread."""
        event = {"bucket": bucket, "key": key}
        threading.Thread(target=self._handle, args=(event,), daemon=True).start()

    def choice(self) -> Choice:
        """Returns the model in use; any other one can be chosen."""
        return Choice(self._settings.model)

    def choose(self, prefix: str) -> None:
        """Uses the model under this prefix from the next event on."""
        settings = replace(self._settings, model=prefix)
        application = self._create(settings)
        with self._lock:
            self._settings, self._application = settings, application

    @staticmethod
    def _create(settings: Settings) -> Application:
        from ...function.application import Application
        from ...storage.client import create_client

        return Application(settings, create_client())

    def _process_events(self) -> None:
        while not self._stopped.wait(_PAUSE):
            for event in self._bucket.events():
                self._handle(event)
                if self._stopped.is_set():
                    return

    def _handle(self, event: dict[str, Any]) -> None:
        from ...errors import TransientError

        with self._lock:
            try:
                self._application.handle(event, None)
            except TransientError as error:  # S3 would send the event again
                logging.getLogger(__name__).warning("an event failed: %s", error)
