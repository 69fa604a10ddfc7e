"""List the images of a bucket that failed permanently, and why, newest first."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..settings import Settings
from ..storage.client import create_client
from .failed_records import FailedImage, bucket_of, failed_images

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("bucket", metavar="s3://BUCKET", help="the bucket with the images")
    parser.add_argument("--prefix", default="", metavar="P", help="only images with this prefix")
    parser.add_argument(
        "--all", action="store_true", help="include images that have a result by now, and mark them"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON document per line instead of a table; this is the default on a pipe",
    )
    parser.epilog = (
        "INPUT_PREFIX, OUTPUT_PREFIX and FAILED_PREFIX are read from the environment. Exit codes: "
        "0 every failed image has a result by now, 1 some have none, 2 the bucket cannot be read."
    )


def run(arguments: argparse.Namespace) -> int:
    """Lists the failures; returns 1 if there are any without a later result."""
    from rich.console import Console

    settings = Settings.from_environment(os.environ)
    messages = Console(stderr=True)
    bucket = bucket_of(arguments.bucket)
    with messages.status(f"reading s3://{bucket}/{settings.failed_prefix}"):
        found = list(failed_images(create_client(), bucket, settings, arguments.prefix))
    without_result = [image for image in found if not image.is_superseded]
    shown = sorted(
        found if arguments.all else without_result,
        key=lambda image: (-image.failed_at.timestamp(), image.key),
    )
    if arguments.json or not sys.stdout.isatty():
        for image in shown:
            print(json.dumps(_describe(image), ensure_ascii=False))
    elif shown:
        _print_table(Console(), shown)
    _sum_up(messages, without_result, superseded=len(found) - len(without_result))
    return 1 if without_result else 0


def _describe(image: FailedImage) -> dict[str, Any]:
    return {
        "key": image.key,
        "kind": image.kind,
        "message": image.message,
        "failed_at": image.failed_at.isoformat(),
        "superseded": image.is_superseded,
        "record": image.record,
    }


def _print_table(console: Console, images: Sequence[FailedImage]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("failed at", "image", "kind", "why")
    for image in images:
        mark = " (superseded)" if image.is_superseded else ""
        table.add_row(
            f"{image.failed_at:%Y-%m-%d %H:%M:%S}",
            Text(image.key, overflow="fold"),
            image.kind,
            Text(image.message + mark),
            style="dim" if image.is_superseded else None,
        )
    console.print(table)


def _sum_up(messages: Console, failed: Sequence[FailedImage], superseded: int) -> None:
    """Prints the number of failures of each kind, and of those with a later result."""
    lines = [
        f"{number} {kind}" for kind, number in Counter(image.kind for image in failed).most_common()
    ] or ["nothing failed"]
    if superseded:
        lines.append(f"{superseded} superseded by a newer result")
    messages.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
