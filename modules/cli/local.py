"""A bucket on this machine that answers as the deployed one: drop a picture in, get the result."""

from __future__ import annotations

import argparse
import os
import signal
import time

from ..settings import Settings
from ..zoo import MODELS
from .samples import DEFAULT_MODEL, find_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help=f"a model folder, or one of {', '.join(MODELS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=5566, help="where the bucket listens (default: %(default)s)"
    )
    parser.epilog = "Stop it with Ctrl-C; nothing is left behind."


def run(arguments: argparse.Namespace) -> int:
    """Serves events until it is interrupted."""
    from .local_bucket import BUCKET, LocalBucket, quiet_handler
    from .local_server import LocalServer

    for ending in (signal.SIGINT, signal.SIGTERM):  # shells have jobs in the background ignore one
        signal.signal(ending, signal.default_int_handler)
    model = find_model(arguments.model)
    settings = Settings.from_environment(os.environ)
    with (
        LocalServer(port=arguments.port) as server,
        LocalBucket(settings.input_prefix, server) as bucket,
    ):
        bucket.upload_model(model)
        handler = quiet_handler()
        print(f"# A bucket, s3://{BUCKET}, with the model {model.name}. In another shell:")
        for name, value in bucket.environment.items():
            print(f"export {name}={value}")
        print(f"aws s3 cp PICTURE s3://{BUCKET}/{settings.input_prefix}", flush=True)
        while True:
            for event in bucket.events():
                report = handler(event, None)
                for outcome, keys in report.items():
                    for key in keys:
                        print(f"# {outcome}: {key}", flush=True)
            time.sleep(0.2)
