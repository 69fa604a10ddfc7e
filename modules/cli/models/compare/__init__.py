"""Compare what two models find in pictures, before the new one is pushed.

Objects are matched by the names of their classes and by the overlap of their boxes: from an
intersection over union (IoU) of 0.5 on, two boxes are of the same object; below 0.75, the box has
moved. With --labels, the accuracy (mAP) of both models is measured. Besides the options, the
environment variables CONFIDENCE, NMS, MULTI_LABEL, CLASSES, SLICE, ENGINE, RESIZE, MAX_IMAGE_BYTES
and MAX_IMAGE_PIXELS are read, as by detect. The exit code is 0 also where the models differ; it is
1 if a picture cannot be read.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from ....errors import UsageError
from ....models.folder import LocalFolder, ModelFolder, S3Folder
from ....models.loader import Model, load_model
from ....settings import Settings, add_detection_arguments
from ...local_images import find_images
from ...printing import print_json
from ...samples import find_model

EXAMPLE = "python -m modules models compare yolox-nano path/to/model photos --sheet differences.png"
_S3 = "s3://"
_MOST = 10
_MOST_ON_A_SHEET = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument(
        "a",
        metavar="A",
        help="a model folder, the name of a model in the zoo, or s3://BUCKET/PREFIX",
    )
    parser.add_argument("b", metavar="B", help="the model to compare it with")
    parser.add_argument(
        "images", nargs="+", metavar="IMAGES", help="pictures, and folders of pictures"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="DIR",
        help="measure accuracy with these labels in YOLO's format: DIR/a/b.txt for IMAGES/a/b.jpg; "
        "a picture without a file has no objects",
    )
    parser.add_argument(
        "--names",
        type=Path,
        metavar="FILE",
        help="the names of the classes in the labels: one a line, or a data set's YAML (default: "
        "classes.txt beside the labels, or the models' own order if both have the same)",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.png",
        help="draw the pictures that differ most, with what A finds on the left and B on the right",
    )
    parser.add_argument(
        "--most",
        type=int,
        default=_MOST,
        metavar="N",
        help="how many pictures that differ are listed and drawn (default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="with --sheet: replace a file that is no sheet of this command, too",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_detection_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compares the models, and prints how they differ; returns 1 if a picture cannot be read.

    Raises:
        UsageError: there are no pictures, or the labels or the models cannot be compared.
        ModelError: a model does not load.
    """
    # Imported here, so that the commands that do not compare start without them
    from .accuracy import require_pycocotools
    from .comparison import Comparison
    from .report import Messages, describe, print_tables, remarks
    from .sheet import check_target
    from .truth import Truth, find_names

    settings = Settings.from_arguments(os.environ, arguments)
    _check(arguments)
    if arguments.sheet:
        check_target(arguments.sheet, overwrite=arguments.overwrite)
    found = find_images(arguments.images, max_stdin_bytes=settings.max_image_bytes)
    images = list({os.path.realpath(image.path): image for image in found.images}.values())
    a, b = (load_model(_open(name), settings) for name in (arguments.a, arguments.b))
    _require_common_classes(a, b)
    truth = None
    if arguments.labels:
        require_pycocotools()
        names = find_names(arguments.labels, arguments.names, a.labels, b.labels)
        truth = Truth(arguments.labels, images, names)
    messages = Messages()
    messages.failures(found.failures)
    comparison = Comparison(a, b, settings, truth)
    comparison.run(messages.track(images))
    messages.failures(comparison.failures)
    failures = [*found.failures, *comparison.failures]
    if arguments.sheet:
        undrawn = comparison.draw_sheet(arguments.sheet, arguments.most)
        messages.failures(undrawn)
        failures += undrawn
    report = describe(comparison, failures, arguments.sheet)
    if arguments.json:
        print_json(json.dumps(report, ensure_ascii=False))
    else:
        print_tables(report, arguments.most)
    messages.remarks([*remarks(comparison), *found.remarks()])
    return 1 if failures else 0


def _open(model: str) -> ModelFolder:
    """Returns the folder of a model: of this machine, of the zoo, or in a bucket.

    Raises:
        UsageError: there is none.
        DownloadError: the model cannot be downloaded.
    """
    if not model.startswith(_S3):
        return LocalFolder(find_model(model))
    from ....storage.client import create_client

    bucket, _, prefix = model.removeprefix(_S3).partition("/")
    if not bucket or not prefix.strip("/"):
        raise UsageError(f"{model} names no model; one in a bucket is like s3://BUCKET/models/NAME")
    return S3Folder(create_client(), bucket, prefix)


def _check(arguments: argparse.Namespace) -> None:
    """Raises UsageError for options that do not fit together."""
    if arguments.names and not arguments.labels:
        raise UsageError("--names tells the classes of labels; give the labels with --labels DIR")
    if arguments.labels and not arguments.labels.is_dir():
        raise UsageError(f"{arguments.labels}: there is no such folder of labels")
    if not 1 <= arguments.most <= _MOST_ON_A_SHEET:
        raise UsageError(f"--most {arguments.most}: it must be from 1 to {_MOST_ON_A_SHEET}")


def _require_common_classes(a: Model, b: Model) -> None:
    """Raises UsageError if no class has the same name in both models."""
    if not {*a.labels} & {*b.labels}:
        first, second = (", ".join(model.labels[:5]) for model in (a, b))
        raise UsageError(
            f"the models have no class of one name, so nothing can be compared: A has {first}...; "
            f"B has {second}... Give equal classes equal names in the *.names"
        )
