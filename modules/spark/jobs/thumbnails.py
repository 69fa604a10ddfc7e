"""Shrink every image to a few pixels, by nearest neighbour; a row an image, as Parquet.

Columns: path, size in bytes, modified, error, label (the image's folder), width, height and pixels:
width x height x 3 bytes, row by row, red, green, blue. `reduce` takes the table as it takes
features. A second run with the same output goes on where the first one was stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from modules.settings import Settings

# By their full names, for spark-submit runs this file by itself, with `modules` in --py-files
from modules.spark.jobs.launch import (
    add_common_arguments,
    add_image_arguments,
    main,
    report,
    width_and_height,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

EXAMPLE = "python -m modules batch thumbnails fruits --size 20x20 --output pixels"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    parser.add_argument(
        "--size",
        type=width_and_height,
        default=(20, 20),
        metavar="WxH",
        help="in pixels, of what comes out (default: 20x20)",
    )
    add_common_arguments(parser, "where the table goes, a folder of Parquet files")


def run(arguments: argparse.Namespace) -> int:
    """Shrinks; returns 1 if images failed."""
    # here, for --help is to work where neither Spark nor Arrow is installed
    from rich.console import Console

    from modules.spark.session.session import open_session

    places = [arguments.input, arguments.output]
    with open_session("thumbnails", places, arguments.master) as spark:
        return shrink(spark, arguments, Console(stderr=True))


def shrink(spark: SparkSession, arguments: argparse.Namespace, console: Console) -> int:
    """Makes the table; returns 1 if images failed."""
    from modules.spark.io.images import Images
    from modules.spark.jobs.rounds import Rounds
    from modules.spark.workers.thumbnails import SCHEMA, ShrinkImages

    settings = Settings.from_environment(os.environ)
    images = Images(spark, arguments.input, [arguments.output])
    done = spark.sparkContext.accumulator(0)
    rounds = Rounds(
        spark,
        images,
        arguments.output,
        made_with={"job": "thumbnails", "size": list(arguments.size)},
        most_bytes=settings.max_image_bytes,
        console=console,
    )
    worker = ShrinkImages(arguments.size, settings.max_image_pixels, done)
    outcome = rounds.run("shrinking", worker, SCHEMA, done)
    print(arguments.output)
    return report(spark, outcome, arguments.output, console)


if __name__ == "__main__":
    sys.exit(main("thumbnails"))
