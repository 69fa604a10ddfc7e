"""A bucket on this machine: pictures dropped in, the function's own handler, results out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..settings import Settings
from .samples import NAMES, OWN_MODEL, find_images, find_model, sample_images

if TYPE_CHECKING:
    from rich.console import Console

    from .local_aws.bucket import LocalBucket


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "images",
        nargs="*",
        type=Path,
        metavar="IMAGE",
        help="images or folders of them (default: samples)",
    )
    parser.add_argument(
        "--model",
        default=OWN_MODEL,
        help=f"a model folder, or one of {NAMES} (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="where the results are copied to (default: %(default)s)",
    )
    parser.epilog = (
        "Named models, and photos beside the samples, come from the folder that SHARED_DATA "
        "names, where it is set; models else from their public addresses."
    )


def run(arguments: argparse.Namespace) -> int:
    """Drops every image into a local bucket, and serves its events; returns 1 if any failed."""
    from rich.console import Console

    from .local_aws.bucket import BUCKET, LocalBucket, quiet_handler

    console = Console()
    model = find_model(arguments.model)
    images = find_images(arguments.images or sample_images(model))
    settings = Settings.from_environment(os.environ)
    with LocalBucket(settings.input_prefix) as bucket:
        bucket.upload_model(model)
        console.print(
            f"Dropping {len(images)} pictures into s3://{BUCKET}/{settings.input_prefix}, "
            f"a bucket at {bucket.endpoint}, with the model {model.name}",
            highlight=False,
            soft_wrap=True,
        )
        for image in images:
            bucket.client.upload_file(str(image), BUCKET, settings.input_prefix + image.name)
        handler = quiet_handler()
        reports = [handler(event, None) for event in bucket.events()]
        results = _download(bucket, settings.output_prefix, arguments.output)
        failures = _download(bucket, settings.failed_prefix, arguments.output / "failed")
    _print_table(console, results, arguments.output)
    for document in failures:
        message = f"{document['image']['key']}: {document['error']['message']}"
        print(message, file=sys.stderr)
    served = sum(len(report["done"]) + len(report["failed"]) for report in reports)
    return 0 if served == len(images) and not failures else 1


def _download(bucket: LocalBucket, prefix: str, folder: Path) -> list[dict[str, Any]]:
    """Copies what lies under a prefix to a folder; returns the JSON documents among it."""
    documents = []
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=prefix
    )
    for item in (item for page in pages for item in page.get("Contents", ())):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / Path(item["Key"]).name
        bucket.client.download_file(bucket.name, item["Key"], str(path))
        if path.suffix == ".json":
            documents.append(json.loads(path.read_text()))
    return documents


def _print_table(console: Console, documents: list[dict[str, Any]], output: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("picture", "found", "annotated")
    for document in documents:
        name = Path(document["image"]["key"]).name
        found = ", ".join(
            f"{item['label']} {item['confidence']:.0%}" for item in document["detections"]
        )
        table.add_row(escape(name), escape(found) or "nothing", escape(str(output / name)))
    console.print(table)
