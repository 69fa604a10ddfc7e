"""Drop images into a local bucket, run the function's handler on its events, fetch the results."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..results.document import read_failure
from ..results.keys import DOCUMENT_SUFFIX, added_suffix, output_keys
from ..settings import Settings
from ..storage.local_files import write_atomically
from .local_images import LocalImage, find_images, refuse_address
from .printing import printable, utf8
from .result_folder import ResultFolder
from .samples import NAMES, OWN_MODEL, find_model, sample_images

if TYPE_CHECKING:
    from rich.console import Console

    from .local_aws.bucket import LocalBucket


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "images",
        nargs="*",
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
        default="demo-output",
        metavar="DIR",
        help="the folder for the results; only results of the same images are overwritten "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="overwrite other files, too; inputs are never overwritten",
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
    refuse_address(arguments.output)
    output = Path(arguments.output)
    found = find_images(arguments.images or _samples(arguments.model), is_recursive=False)
    if found.failures:
        raise UsageError(found.failures[0])
    _refuse_equal_names(found.images)
    settings = Settings.from_environment(os.environ)
    images = {settings.input_prefix + utf8(image.name.name): image for image in found.images}
    folder = ResultFolder(
        output,
        found.images,
        overwrite=arguments.overwrite,
        key=lambda image: settings.input_prefix + utf8(image.name.name),
        has_pictures=settings.draws_picture,
    )
    failed_folder = output / "failed"
    _check_records(failed_folder, found.images, is_overwriting=arguments.overwrite)
    too_long = [image for image in found.images if folder.problem(image)]
    model = find_model(arguments.model)
    with LocalBucket(settings.input_prefix) as bucket:
        bucket.upload_model(model)
        console.print(
            f"Dropping {len(images)} images into s3://{BUCKET}/{settings.input_prefix}, "
            f"a bucket at {bucket.endpoint}, with the model {model.name}",
            highlight=False,
            soft_wrap=True,
        )
        for key, image in images.items():
            if image not in too_long:
                bucket.client.put_object(Bucket=BUCKET, Key=key, Body=image.read())
        handler = quiet_handler()
        reports = [handler(event, None) for event in bucket.events()]
        results = _save_results(bucket, settings, folder, images)
        failures = _save_records(bucket, settings.failed_prefix, failed_folder)
    _print_table(console, results, output)
    console.print("To drop pictures of your own in the browser: make page", highlight=False)
    for document in failures:
        message = f"{printable(document['image']['key'])}: {document['error']['message']}"
        print(message, file=sys.stderr)
    for image in too_long:
        print(f"{image.label}: {folder.problem(image)}", file=sys.stderr)
    for remark in found.remarks():
        print(remark, file=sys.stderr)
    served = sum(len(report["done"]) + len(report["failed"]) for report in reports)
    return 0 if served == len(images) and not failures else 1


def _samples(model: str) -> list[Path]:
    return sample_images(find_model(model))


def _refuse_equal_names(images: list[LocalImage]) -> None:
    """Raises UsageError if two images have the same name: all go under one prefix."""
    for name, count in Counter(image.name.name for image in images).items():
        if count > 1:
            raise UsageError(f"{printable(name)} is there {count} times; names must differ")


def _check_records(folder: Path, images: list[LocalImage], *, is_overwriting: bool) -> None:
    """Raises UsageError if a failure record would replace a file that is none."""
    for image in images:
        path = folder / f"{image.name.name}{DOCUMENT_SUFFIX}"
        if not is_overwriting and path.exists() and read_failure(path.read_bytes()) is None:
            raise UsageError(
                f"{printable(str(path))} was not written by this command; choose another --output, "
                "or replace it with --overwrite"
            )


def _objects(bucket: LocalBucket, prefix: str) -> Iterator[tuple[str, bytes, str]]:
    """Yields key, bytes and media type of the objects under a prefix."""
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=prefix
    )
    for item in (item for page in pages for item in page.get("Contents", ())):
        found = bucket.client.get_object(Bucket=bucket.name, Key=item["Key"])
        yield item["Key"], found["Body"].read(), found["ContentType"]


def _save_results(
    bucket: LocalBucket, settings: Settings, folder: ResultFolder, images: dict[str, LocalImage]
) -> list[dict[str, Any]]:
    """Writes the results into the folder; returns their documents."""
    found = {key: (data, kind) for key, data, kind in _objects(bucket, settings.output_prefix)}
    documents = []
    for key, image in images.items():
        keys = output_keys(key, settings)
        if keys.document in found:
            document = json.loads(found[keys.document][0])
            annotated, media_type, suffix = None, "", ""
            if document["annotated"]:
                annotated_key = document["annotated"]["key"]
                annotated, media_type = found[annotated_key]
                suffix = added_suffix(key, annotated_key)
            documents.append(folder.write(image, annotated, document, media_type, suffix))
    return documents


def _save_records(bucket: LocalBucket, prefix: str, folder: Path) -> list[dict[str, Any]]:
    """Writes the failure records into a folder; returns them."""
    records = []
    for key, data, _ in _objects(bucket, prefix):
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(folder / Path(key).name) as file:
            file.write(data)
        records.append(json.loads(data))
    return records


def _print_table(console: Console, documents: list[dict[str, Any]], output: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("image", "found", "annotated")
    for document in documents:
        name = printable(Path(document["image"]["key"]).name)
        found = ", ".join(
            f"{item['label']} {item['confidence']:.0%}" for item in document["detections"]
        )
        written = document["annotated"]
        annotated = printable(str(output / Path(written["key"]).name)) if written else "nothing"
        table.add_row(escape(name), escape(found) or "nothing", escape(annotated))
    console.print(table)
