"""List the images of a bucket that failed permanently, and why, the newest first."""

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
    parser.add_argument("bucket", metavar="s3://BUCKET", help="the bucket that images go into")
    parser.add_argument(
        "--prefix", default="", metavar="P", help="only images whose keys begin with it"
    )
    parser.add_argument(
        "--all", action="store_true", help="those, too, that have a result by now, marked as such"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON document a line instead of a table, as it is on a pipe anyway",
    )
    parser.epilog = (
        "INPUT_PREFIX, OUTPUT_PREFIX and FAILED_PREFIX are read from the environment. Exit codes: "
        "0 no image that failed lacks a result, 1 some do, 2 the bucket cannot be read."
    )


def run(arguments: argparse.Namespace) -> int:
    """Lists failures; returns 1 if there are any that no result has superseded."""
    from rich.console import Console

    settings = Settings.from_environment(os.environ)
    messages = Console(stderr=True)
    bucket = bucket_of(arguments.bucket)
    with messages.status(f"reading s3://{bucket}/{settings.failed_prefix}"):
        found = list(failed_images(create_client(), bucket, settings, arguments.prefix))
    is_open = [image for image in found if not image.is_superseded]
    shown = sorted(
        found if arguments.all else is_open,
        key=lambda image: (-image.failed_at.timestamp(), image.key),
    )
    if arguments.json or not sys.stdout.isatty():
        for image in shown:
            print(json.dumps(_describe(image), ensure_ascii=False))
    elif shown:
        _print_table(Console(), shown)
    _sum_up(messages, is_open, superseded=len(found) - len(is_open))
    return 1 if is_open else 0


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


def _sum_up(messages: Console, is_open: Sequence[FailedImage], superseded: int) -> None:
    """Counts by kind, and what is not counted."""
    lines = [
        f"{number} {kind}" for kind, number in Counter(i.kind for i in is_open).most_common()
    ] or ["nothing failed"]
    if superseded:
        lines.append(f"{superseded} superseded by a newer result")
    messages.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
