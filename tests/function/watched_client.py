"""The function's client for S3, with which tests follow, delay and break requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modules.storage.function_client import FunctionClient

Before = Callable[[str, Mapping[str, Any]], None]
After = Callable[[str, Mapping[str, Any], Exception | None], None]


class WatchedClient(FunctionClient):
    """Calls functions of a test before and after each request.

    before: called with the operation and its parameters; a S3Error replaces S3's answer.
    after: called with both, and with the error, or None for an answer; a S3Error replaces the
    answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Before] = []
        self.after: list[After] = []

    def send(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a request; see `FunctionClient`."""
        for watch in [*self.before]:
            watch(operation, request)
        try:
            answer = super().send(operation, request)
        except Exception as error:
            self._finish(operation, request, error)
            raise
        self._finish(operation, request, None)
        return answer

    def _finish(self, operation: str, request: Mapping[str, Any], error: Exception | None) -> None:
        for watch in [*self.after]:
            watch(operation, request, error)
