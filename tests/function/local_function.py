"""The function as tests use it: an application with a local S3; see `LocalFunction`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modules.function.application import Application
from modules.settings import Settings
from tests.function.watched_client import WatchedClient


class LocalFunction:
    """An application as an execution environment has it, and the S3 client that it uses.

    client: counts, delays or answers its requests.
    """

    def __init__(self, settings: Settings) -> None:
        self.client = WatchedClient()
        self.application = Application(settings, self.client)

    def handle(self, event: Any, context: Any = None) -> Any:
        """Answers an event; see `EventHandler.handle`."""
        return self.application.handle(event, context)

    def count_calls(self) -> Counter[str]:
        """Returns a counter of the requests that are sent from now on, by operation."""
        calls: Counter[str] = Counter()
        self.client.before.append(lambda operation, request: calls.update([operation]))
        return calls
