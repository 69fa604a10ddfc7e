"""Find objects in every image under a prefix; a row an image, as Parquet.

Columns: path, size in bytes, modified, error, width, height, model (its digest), detections
(class_id, label, confidence, box of x, y, width and height in pixels) and milliseconds. A second
run with the same output goes on where the first one was stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from modules.settings import Settings

# By their full names, for spark-submit runs this file by itself, with `modules` in --py-files
from modules.spark.io import exports
from modules.spark.jobs.launch import add_common_arguments, add_image_arguments, main, report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

EXAMPLE = "python -m modules batch detect photos --model yolo-fastest-1.1-xl --output detections"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    parser.add_argument(
        "--model", required=True, metavar="M", help="a model folder, here or where Spark reads"
    )
    add_common_arguments(parser, "where the table goes, a folder of Parquet files")
    parser.add_argument(
        "--annotate", metavar="PREFIX", help="write each image with its objects boxed here"
    )
    parser.add_argument(
        "--format",
        action="append",
        choices=exports.FORMATS,
        default=[],
        help="write the detections beside the table for other tools, too; may be given again: "
        + "; ".join(f"{name}, {what}" for name, what in exports.FORMATS.items()),
    )
    parser.add_argument("--confidence", metavar="C", help="drop detections at or under it")
    parser.add_argument("--nms", metavar="N", help="of two boxes that overlap by more, drop one")


def run(arguments: argparse.Namespace) -> int:
    """Detects; returns 1 if images failed."""
    # here, for --help is to work where neither Spark nor Arrow is installed
    from rich.console import Console

    from modules.spark.session.session import open_session

    settings = Settings.from_environment(
        os.environ, confidence=arguments.confidence, nms=arguments.nms
    )
    places = [arguments.input, arguments.output, arguments.annotate, arguments.model]
    with open_session("detect", places, arguments.master) as spark:
        return detect(spark, settings, arguments, Console(stderr=True))


def detect(
    spark: SparkSession, settings: Settings, arguments: argparse.Namespace, console: Console
) -> int:
    """Makes the table, and what else is asked for; returns 1 if images failed."""
    from modules.models.loader import load_model
    from modules.spark.io.images import Images, qualified
    from modules.spark.io.model_files import gather
    from modules.spark.jobs.rounds import Rounds
    from modules.spark.workers.detect import SCHEMA, DetectImages

    folder = gather(spark, arguments.model)
    model = load_model(folder, settings)
    images = Images(spark, arguments.input, [arguments.annotate, arguments.output])
    done = spark.sparkContext.accumulator(0)
    made_with = {
        name: getattr(settings, name) for name in ("confidence", "nms", "engine", "resize")
    }
    made_with |= {"job": "detect", "model": model.digest, "classes": list(settings.classes)}
    rounds = Rounds(
        spark,
        images,
        arguments.output,
        made_with=made_with,
        most_bytes=settings.max_image_bytes,
        console=console,
    )
    worker = DetectImages(
        folder=spark.sparkContext.broadcast(folder.with_manifest()),
        digest=model.digest,
        settings=settings,
        done=done,
        root=images.root,
        pictures=qualified(spark, arguments.annotate) if arguments.annotate else None,
    )
    outcome = rounds.run("detecting", worker, SCHEMA, done)
    written = [arguments.output, *filter(None, [arguments.annotate])]
    for name in arguments.format:
        place = exports.export(spark, name, arguments.output, images.root, model, settings)
        written.append(place)
    print(*written, sep="\n")
    return report(spark, outcome, arguments.output, console)


if __name__ == "__main__":
    sys.exit(main("detect"))
