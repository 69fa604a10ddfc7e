"""The function as tests use it: an application with a local S3; see `LocalFunction`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modules.function.application import Application
from modules.settings import Settings
from modules.storage.client import create_client


class LocalFunction:
    """An application as an execution environment has it, and the S3 client that it uses.

    client: register handlers with `client.meta.events` to count, delay or answer its requests.
    """

    def __init__(self, settings: Settings) -> None:
        self.client: Any = create_client()
        self.application = Application(settings, self.client)

    def handle(self, event: Any, context: Any = None) -> Any:
        """Answers an event; see `EventHandler.handle`."""
        return self.application.handle(event, context)

    def count_calls(self) -> Counter[str]:
        """Returns a counter of the requests that are sent from now on, by operation."""
        calls: Counter[str] = Counter()
        self.client.meta.events.register(
            "before-call.s3", lambda model, **_: calls.update([model.name])
        )
        return calls
