"""Drop images into a local bucket, run the function's handler on its events, fetch the results."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..settings import Settings
from .local_images import find_images
from .samples import NAMES, OWN_MODEL, find_model, sample_images

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
        help="the folder for the results (default: %(default)s)",
    )
    parser.epilog = (
        "If SHARED_DATA names a folder, models and more sample photos are taken from there. Other "
        "models are downloaded from their public addresses."
    )


def run(arguments: argparse.Namespace) -> int:
    """Uploads every image to a local bucket and handles the events; returns 1 if any failed."""
    from rich.console import Console

    from .local_aws.bucket import BUCKET, LocalBucket, quiet_handler

    console = Console()
    model = find_model(arguments.model)
    images = _find_images(arguments.images or sample_images(model))
    settings = Settings.from_environment(os.environ)
    with LocalBucket(settings.input_prefix) as bucket:
        bucket.upload_model(model)
        console.print(
            f"Dropping {len(images)} images into s3://{BUCKET}/{settings.input_prefix}, "
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


def _find_images(paths: list[Path]) -> list[Path]:
    """Returns the images at `paths`: files, and the images directly in folders.

    Raises:
        UsageError: a path does not exist, there are no images, or two have the same name.
    """
    images, missing = find_images(paths, is_recursive=False)
    if missing:
        raise UsageError(f"{missing[0]}: there is no such file or folder")
    for name, count in Counter(image.path.name for image in images).items():
        if count > 1:  # all images go under one prefix
            raise UsageError(f"{name} is there {count} times; names must differ")
    return [image.path for image in images]


def _download(bucket: LocalBucket, prefix: str, folder: Path) -> list[dict[str, Any]]:
    """Downloads the objects under a prefix into a folder; returns their JSON documents."""
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

    table = Table("image", "found", "annotated")
    for document in documents:
        name = Path(document["image"]["key"]).name
        found = ", ".join(
            f"{item['label']} {item['confidence']:.0%}" for item in document["detections"]
        )
        table.add_row(escape(name), escape(found) or "nothing", escape(str(output / name)))
    console.print(table)
