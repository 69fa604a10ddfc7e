"""What an execution environment keeps from invocation to invocation; start at `Application`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..errors import TransientError
from ..models.store import ModelStore
from ..settings import BOXES, BUNDLED, Settings
from ..storage.client import CONNECTIONS
from ..storage.function_client import FunctionClient
from ..telemetry.logs import logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Application:
    """The function: its settings, its model, its threads.

    The model's files are requested from S3 before NumPy, OpenCV and everything else that a cold
    start needs are imported, so that both happen at the same time. This is why `__init__` imports
    `EventHandler`, and this module imports only what the request needs.
    """

    def __init__(
        self,
        settings: Settings,
        client: S3Client | FunctionClient,
        *,
        models: ModelStore | None = None,
    ) -> None:
        """Requests the model, if `settings` name its place, and imports what images need.

        The model then loads in the background, while the function asks for its first event.

        Args:
            settings: the function's settings.
            client: reads and writes images and results.
            models: replaces the store that reads models with `client` and several threads.
        """
        self._settings = settings
        # Loading a model waits for its files, so there are enough threads for all files at once
        requests = ThreadPoolExecutor(CONNECTIONS)
        self._models = models or ModelStore(client, settings, requests)
        self._models.prefetch()
        if settings.model == BUNDLED and isinstance(client, FunctionClient):
            requests.submit(client.prepare)  # as requests for a model in a bucket do

        from . import drawing  # imports NumPy and OpenCV
        from .event_handler import EventHandler

        self._handler = EventHandler(settings, client, self._models, requests)
        if settings.is_model_known:
            if settings.draw == BOXES:  # only labels need the font
                drawing.prepare()
            # A failure is no failure of the start: the first event tries again, and reports it
            requests.submit(self._models.model_for, "")

    def prepare_snapshot(self) -> None:
        """Loads the model into SnapStart's snapshot; restored environments check for a newer one.

        The settings must name the model with its bucket (s3://...), or the bundled one: no event
        has named a bucket yet.
        """
        from snapshot_restore_py import register_after_restore  # Lambda's runtime provides it

        if self._settings.is_model_known:
            try:
                self._models.model_for("")
            except TransientError as error:  # the first deployment comes before the model
                logger.warning("snapshot taken without a model", error=str(error))
        register_after_restore(self._models.expire)

    def handle(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Serves every image that the event names; see `EventHandler.handle`."""
        return self._handler.handle(event, context)
