"""Shrink every image to a few pixels; write a Parquet table with one row per image.

Columns: path, size in bytes, modified, error, label (the image's folder), width, height and pixels:
width x height x 3 bytes, row by row, red, green, blue, by nearest neighbour. `reduce` reads this
table like one of features. A second run with the same output skips the images that have a row.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from modules.object_detection.sizes import parse_size

# Absolute imports: spark-submit runs this file as a script, with `modules` in --py-files
from modules.spark.jobs.launch import (
    add_common_arguments,
    add_image_arguments,
    main,
    read_settings,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

EXAMPLE = "python -m modules batch thumbnails fruits --size 20x20 --output pixels"
PATHS = ("input", "output")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    parser.add_argument(
        "--size",
        type=parse_size,
        default=(20, 20),
        metavar="WxH",
        help="the size of a thumbnail in pixels (default: 20x20)",
    )
    add_common_arguments(parser, "the folder or prefix of the table, a folder of Parquet files")


def run(spark: SparkSession, arguments: argparse.Namespace, console: Console) -> int:
    """Writes the table of thumbnails; returns 1 if images failed."""
    from modules.spark.io.images import Images
    from modules.spark.jobs.report import report_images
    from modules.spark.jobs.rounds import Rounds
    from modules.spark.workers.thumbnails import SCHEMA, ShrinkImages

    settings = read_settings(arguments)
    rounds = Rounds(
        spark,
        Images(spark, arguments.input, excluded=[arguments.output]),
        arguments.output,
        made_with={"job": "thumbnails", "size": list(arguments.size)},
        max_bytes=settings.max_image_bytes,
        console=console,
    )
    outcome = rounds.run(
        "shrinking",
        lambda done: ShrinkImages(arguments.size, settings.max_image_pixels, done),
        SCHEMA,
    )
    print(arguments.output)
    return report_images(spark, outcome, arguments.output, console)


if __name__ == "__main__":
    sys.exit(main("thumbnails"))
