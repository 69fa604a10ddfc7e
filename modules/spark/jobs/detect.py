"""Find objects in every image under a prefix; write a Parquet table with one row per image.

Columns: path, size in bytes, modified, error, width, height, model (its digest), detections
(class_id, label, confidence, box of x, y, width and height in pixels) and milliseconds. A second
run with the same output skips the images that have a row.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from modules.errors import UsageError
from modules.settings import BOXES, NOTHING, Settings, add_detection_arguments, add_draw_argument

# Absolute imports: spark-submit runs this file as a script, with `modules` in --py-files
from modules.spark.jobs.formats import FORMATS, write_format
from modules.spark.jobs.launch import (
    add_common_arguments,
    add_image_arguments,
    main,
    read_settings,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

EXAMPLE = "python -m modules batch detect photos --model yolox-nano --output detections"
PATHS = ("input", "output", "annotate", "crops", "model")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="a model folder, on this machine or in any of Spark's file systems",
    )
    add_common_arguments(parser, "the folder or prefix of the table, a folder of Parquet files")
    parser.add_argument(
        "--annotate", metavar="PREFIX", help="write the annotated images under this prefix"
    )
    parser.add_argument(
        "--crops",
        metavar="PREFIX",
        help="cut each object out and write it under this prefix as a JPEG, in a folder a class: "
        "PREFIX/dog/photo.jpg_0.jpg",
    )
    parser.add_argument(
        "--format",
        action="append",
        choices=FORMATS,
        default=[],
        help="write the detections in another format too; may be repeated: "
        + "; ".join(f"{name}, {what}" for name, what in FORMATS.items()),
    )
    add_detection_arguments(parser)
    add_draw_argument(parser)


def run(spark: SparkSession, arguments: argparse.Namespace, console: Console) -> int:
    """Writes the table, the pictures and the formats; returns 1 if images failed."""
    from modules.models.loader import load_model
    from modules.spark.io.crops import check_empty, delete_unfinished
    from modules.spark.io.images import Images
    from modules.spark.io.locations import qualify
    from modules.spark.io.model_files import read_model_files
    from modules.spark.jobs.report import report_images
    from modules.spark.jobs.rounds import Rounds, is_claimed
    from modules.spark.workers.detect import SCHEMA, DetectImages

    settings = _with_drawing(read_settings(arguments), arguments)
    folder = read_model_files(spark, arguments.model)
    model = load_model(folder, settings)
    settings = replace(settings, engine=model.engine)  # the workers need not choose it again
    written_to = [arguments.annotate, arguments.crops, arguments.output]
    images = Images(spark, arguments.input, excluded=written_to)
    is_new = not is_claimed(spark, arguments.output)
    if arguments.annotate:
        images.check_targets(arguments.annotate, is_new=is_new)
    crops = qualify(spark, arguments.crops) if arguments.crops else None
    if crops and is_new:
        check_empty(spark, crops)
    made_with = {
        **settings.described(),
        "engine": settings.engine,
        "resize": settings.resize,
        "classes": list(settings.classes),
        "job": "detect",
        "model": model.digest,
        **({"crops": crops} if crops else {}),
    }
    rounds = Rounds(
        spark,
        images,
        arguments.output,
        made_with=made_with,
        max_bytes=settings.max_image_bytes,
        console=console,
    )
    if crops and not is_new:
        delete_unfinished(spark, crops, arguments.output, images)
    broadcast = spark.sparkContext.broadcast(folder.with_manifest())
    annotated = qualify(spark, arguments.annotate) if arguments.annotate else None
    outcome = rounds.run(
        "detecting",
        lambda done: DetectImages(
            folder=broadcast,
            digest=model.digest,
            settings=settings,
            done=done,
            root=images.root,
            annotated=annotated,
            crops=crops,
        ),
        SCHEMA,
    )
    written = [arguments.output, *filter(None, [arguments.annotate, arguments.crops])]
    for name in arguments.format:
        location = write_format(spark, name, arguments.output, images.root, model, settings)
        written.append(location)
    print(*written, sep="\n")
    return report_images(spark, outcome, arguments.output, console)


def _with_drawing(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """Returns the settings with what is drawn under `--annotate`.

    Without it, the variable DRAW changes nothing in the table.

    Raises:
        UsageError: the options do not fit each other.
    """
    if arguments.annotate is None:
        if arguments.draw not in (None, NOTHING):
            raise UsageError(f"--draw {arguments.draw} needs --annotate PREFIX")
        return replace(settings, draw=BOXES)
    if not settings.draws_picture:
        raise UsageError(
            f"--annotate {arguments.annotate} would write nothing, since the setting is draw=none; "
            "leave it out, or choose another --draw"
        )
    return settings


if __name__ == "__main__":
    sys.exit(main("detect"))
