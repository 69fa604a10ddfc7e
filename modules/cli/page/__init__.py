"""Drop pictures on a page in the browser, and look through the results of a bucket.

The page is served on this machine only, with the AWS credentials of this shell; without a bucket it
uses a local one, whose data are lost at the end. Region, credentials and AWS_ENDPOINT_URL are read
as in the AWS SDKs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import ObjectGoneError, UsageError
from ...settings import Settings
from ...storage.client import create_client
from ...storage.errors import storage_errors
from ..failed_records import bucket_of
from ..samples import NAMES, OWN_MODEL, find_model
from .function import DeployedFunction, LocalFunction
from .site import Site

_PORT = 8090


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "bucket",
        nargs="?",
        metavar="s3://BUCKET",
        help="the bucket of a deployment (default: a local bucket, processed by this command)",
    )
    parser.add_argument(
        "--stage",
        default="dev",
        help="the stage whose function tries failed pictures again (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help=f"for the local bucket: a model folder, or one of {NAMES} (default: {OWN_MODEL})",
    )
    parser.add_argument(
        "--port",
        type=int,
        help=f"the port of the page (default: {_PORT}, or any free port if that is taken)",
    )
    parser.add_argument(
        "--open", action="store_true", help="open the page in this machine's browser"
    )
    parser.epilog = (
        "The address contains a secret of this run; whoever has it can use the page with your "
        "credentials. INPUT_PREFIX, OUTPUT_PREFIX, FAILED_PREFIX, MAX_IMAGE_BYTES and "
        "MAX_IMAGE_PIXELS are read from the environment. Stop it with Ctrl-C."
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves the page until it is interrupted."""
    if arguments.bucket and arguments.model:
        raise UsageError("--model is for the local bucket; a deployment has its own model")
    for number in (signal.SIGINT, signal.SIGTERM):  # shells make background jobs ignore SIGINT
        signal.signal(number, signal.default_int_handler)
    opened = (
        _deployed_site(arguments.bucket, arguments.stage)
        if arguments.bucket
        else _local_site(arguments.model or OWN_MODEL)
    )
    from .server import PageServer

    with (
        opened as site,
        contextlib.closing(site),
        PageServer(site, arguments.port, _PORT, secrets.token_urlsafe(16)) as page,
    ):
        print(f"# The pictures of s3://{site.bucket}. Open this address in a browser:")
        print(page.address, flush=True)
        if arguments.open:
            webbrowser.open(page.address)
        with contextlib.suppress(KeyboardInterrupt):
            page.serve()
    return 0


@contextmanager
def _deployed_site(location: str, stage: str) -> Iterator[Site]:
    """Yields what the page shows of a bucket, after checking that the bucket exists."""
    bucket = bucket_of(location)
    client = create_client()
    try:
        with storage_errors(f"looking at s3://{bucket}"):
            client.head_bucket(Bucket=bucket)
    except ObjectGoneError:
        raise UsageError(f"there is no bucket s3://{bucket}") from None
    settings = Settings.from_environment(os.environ)
    yield Site(client, bucket, settings, DeployedFunction(stage, bucket))


@contextmanager
def _local_site(model: str) -> Iterator[Site]:
    """Yields what the page shows of a new local bucket, and processes its pictures meanwhile."""
    from ..local_aws.bucket import BUCKET, LocalBucket

    settings = Settings.from_environment(os.environ)
    folder = find_model(model)
    with LocalBucket(settings.input_prefix) as bucket:
        bucket.upload_model(folder)
        with LocalFunction(bucket) as function:
            yield Site(create_client(), BUCKET, settings, function)
