"""Find objects in local images, and in folders of them, on this machine or in a deployment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import (
    DiskFullError,
    ImageError,
    OutputError,
    PermanentError,
    UnreachableError,
    UsageError,
)
from ..models.folder import LocalFolder
from ..models.loader import Model, load_model
from ..object_detection.images import decode_image
from ..results.document import Source, describe_detections, describe_result, too_many_bytes
from ..results.pipeline import draw, process
from ..settings import NOTHING, Settings, add_detection_arguments, add_draw_argument
from ..telemetry.timings import Timings
from .crop_folder import CropFolder
from .detect_report import Report, add_output_arguments
from .local_images import LocalImage, describe_failure, find_images, refuse_address
from .printing import printable
from .result_folder import ResultFolder
from .samples import NAMES, find_model

if TYPE_CHECKING:
    from rich.console import Console

    from .function_url import FunctionUrl

# What a request to a function may change; docs/http.md lists the parameters
_URL_OPTIONS = ("confidence", "nms", "multi_label", "slice", "slice_overlap", "draw")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="an image, or a folder of them; - reads one image from standard input, whose results "
        "are named stdin.jpg, stdin.png and so on, by its format",
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--url",
        help="the function URL of a deployment, which detects instead of this machine; with "
        "--output, each image is sent twice",
    )
    where.add_argument(
        "--model",
        metavar="DIR",
        help="a folder with one *.cfg, one *.weights and one *.names; "
        f"or one of {NAMES}, which is downloaded if it is missing",
    )
    add_output_arguments(parser, "image", crops=True)
    add_detection_arguments(parser)
    add_draw_argument(parser)
    parser.epilog = (
        "These environment variables are read, too: CONFIDENCE, NMS, MULTI_LABEL, CLASSES, SLICE, "
        "SLICE_OVERLAP, DRAW, ENGINE, RESIZE, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS. Options take "
        "precedence over them. With --url, only options count, and the deployment's settings."
    )


def run(arguments: argparse.Namespace) -> int:
    """Processes every image; returns 1 if any failed."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    settings = Settings.from_arguments(os.environ, arguments)
    if arguments.draw not in (None, NOTHING) and arguments.output is None:
        raise UsageError(f"--draw {arguments.draw} needs --output DIR, where pictures are written")
    output = None if arguments.output is None else Path(arguments.output)
    crops_path = None if arguments.crops is None else Path(arguments.crops)
    for address in filter(None, (arguments.output, arguments.crops)):
        refuse_address(address)
    found = find_images(
        arguments.images,
        outputs=[output, crops_path],
        max_stdin_bytes=settings.max_image_bytes,
    )
    overwrite = arguments.overwrite
    # A function at --url has settings of its own
    draw_setting = settings.draw if arguments.url is None else arguments.draw
    folder = (
        ResultFolder(
            output, found.images, overwrite=overwrite, has_pictures=draw_setting != NOTHING
        )
        if output
        else None
    )
    crops = CropFolder(crops_path, found.images, overwrite=overwrite) if crops_path else None
    detect = _detector(arguments, settings, crops)

    messages = Console(stderr=True)
    failures = list(found.failures)
    for failure in failures:
        _print(messages, failure, style="red")
    report = Report(json_lines=arguments.json)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(
            *columns, console=messages, transient=True, disable=not messages.is_terminal
        ) as progress:
            for image in progress.track(found.images, description="detecting"):
                try:
                    document = detect(image, folder)
                except DiskFullError:
                    raise
                except (PermanentError, OutputError, UnreachableError, OSError) as error:
                    failures.append(describe_failure(image, error))
                    _print(messages, failures[-1], style="red")
                else:
                    report.add(document)
    except DiskFullError as error:
        left = len(found.images) - report.count - len(failures) + len(found.failures)
        failures.append(f"{error}; stopped, {left:,} of {len(found.images):,} images are not done")
        _print(messages, failures[-1], style="red")
    report.finish()
    if folder and report.count:
        what = "annotated" if draw_setting != NOTHING else "documents"
        _print(messages, f"{report.count} {what} in {printable(str(folder.path))}")
    if crops and crops.count:
        _print(messages, f"{crops.count} crops in {printable(str(crops.path))}")
    for remark in found.remarks():
        _print(messages, remark)
    return 1 if failures else 0


def _detector(
    arguments: argparse.Namespace, settings: Settings, crops: CropFolder | None
) -> Callable[[LocalImage, ResultFolder | None], dict[str, Any]]:
    """Returns what detects in one image: a model on this machine, or a function URL."""
    if arguments.url is None:
        model = load_model(LocalFolder(find_model(arguments.model)), settings)
        return partial(_process, model, settings, crops)
    from .function_url import FunctionUrl

    given = {name: getattr(arguments, name) for name in _URL_OPTIONS}
    url = FunctionUrl(
        arguments.url, {name: value for name, value in given.items() if value is not None}
    )
    return partial(_process_by_url, url, settings, crops) if crops else url.detect


def _process(
    model: Model,
    settings: Settings,
    crops: CropFolder | None,
    image: LocalImage,
    folder: ResultFolder | None,
) -> dict[str, Any]:
    """Detects in one image, writes the results if there is a folder, and returns the document."""
    problem = folder.problem(image) if folder else None
    if problem:
        raise problem
    timings = Timings()
    with timings.stage("fetch"):
        size = image.size()
        if size > settings.max_image_bytes:
            raise PermanentError(too_many_bytes(size, settings.max_image_bytes))
        data = image.read()
    result = process(data, model, settings, timings)
    if crops:
        detections = describe_detections(result.detections, model.labels)
        crops.write(image, result.image.pixels, detections)
    annotated = draw(result, model, settings, timings) if folder else None
    document = describe_result(
        Source(image.key), len(data), result, model, settings, timings, annotated_key=None
    )
    if folder:
        suffix = result.annotated_suffix
        return folder.write(image, annotated, document, result.media_type, suffix)
    return document


def _process_by_url(
    url: FunctionUrl,
    settings: Settings,
    crops: CropFolder,
    image: LocalImage,
    folder: ResultFolder | None,
) -> dict[str, Any]:
    """Lets a function detect in one image, and cuts the objects out on this machine."""
    document = url.detect(image, folder)
    decoded = decode_image(image.read(), max_pixels=settings.max_image_pixels)
    size = document["image"]["width"], document["image"]["height"]
    if size != (decoded.width, decoded.height):
        raise ImageError("it was changed while the function looked at it; run the command again")
    crops.write(image, decoded.pixels, document["detections"])
    return document


def _print(console: Console, text: str, style: str | None = None) -> None:
    """Prints one line as it is: without rich's markup, highlighting and line breaks."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
