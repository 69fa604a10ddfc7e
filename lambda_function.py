"""What Lambda calls: makes the application once, and passes events to it."""

import gc

gc.disable()  # the imports make hardly any garbage; collecting takes a fifth of a cold start

import os
from typing import Any

from modules.function.application import Application
from modules.settings import Settings
from modules.storage.function_client import FunctionClient

_application = Application(Settings.from_environment(os.environ), FunctionClient())

from modules.function.threads import use_share_of_cores

use_share_of_cores(os.environ)
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    _application.prepare_snapshot()
gc.freeze()  # later collections skip everything that exists now
gc.enable()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Serves the images that an event names; see `EventHandler.handle`."""
    return _application.handle(event, context)
