"""Turn every image into the features that a network sees in it; a row an image, as Parquet.

The network is cut at a layer: ResNet50, by default, where its classifier begins, which leaves 2,048
features. Columns: path, size in bytes, modified, error, label (the image's folder) and features. A
second run with the same output goes on where the first one was stopped.
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
    say,
    width_and_height,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

EXAMPLE = "python -m modules batch featurize fruits --model resnet50 --size 100 --output features"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    add_network_arguments(parser)
    add_common_arguments(parser, "where the table goes, a folder of Parquet files")


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares which features are wanted."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="a file *.onnx, a model folder, or a name that `models list` shows, like resnet50",
    )
    parser.add_argument(
        "--layer",
        metavar="L",
        help="where to cut: an ONNX file's value or node, or a cfg's layer by its number (default: "
        "where the classifier begins)",
    )
    parser.add_argument(
        "--size",
        type=width_and_height,
        metavar="N",
        help="of the network's input in pixels, like 100 or 128x96 (default: the network's own)",
    )
    parser.add_argument(
        "--pool",
        choices=("average", "none"),
        default="average",
        help="of a layer with many places, average each channel, or keep all (default: average)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Makes the features; returns 1 if images failed."""
    # here, for --help is to work where neither Spark nor Arrow is installed
    from rich.console import Console

    from modules.spark.session.session import open_session

    places = [arguments.input, arguments.output, arguments.model]
    with open_session("featurize", places, arguments.master) as spark:
        return featurize(spark, arguments.output, arguments, Console(stderr=True))


def featurize(
    spark: SparkSession, output: str, arguments: argparse.Namespace, console: Console
) -> int:
    """Makes the table at `output`; returns 1 if images failed."""
    from modules.spark.io.images import Images
    from modules.spark.io.model_files import gather
    from modules.spark.jobs.rounds import Rounds
    from modules.spark.workers.featurize import SCHEMA, Cut, FeaturizeImages

    settings = Settings.from_environment(os.environ)
    folder = gather(spark, arguments.model)
    images = Images(spark, arguments.input, [output])
    done = spark.sparkContext.accumulator(0)
    cut = Cut(arguments.layer, arguments.size, arguments.pool)
    model = cut.load(folder, settings.engine)
    width, height = model.extractor.input_size
    say(
        console,
        f"{model.name}, cut at {model.layer}: {model.extractor.size:,} features of "
        f"{width} x {height} pixels",
    )
    rounds = Rounds(
        spark,
        images,
        output,
        made_with={
            "job": "featurize",
            "model": model.digest,
            "layer": model.layer,
            "size": [width, height],
            "pool": arguments.pool,
            "engine": settings.engine,
        },
        most_bytes=settings.max_image_bytes,
        console=console,
    )
    worker = FeaturizeImages(
        folder=spark.sparkContext.broadcast(folder.with_manifest()),
        digest=model.digest,
        settings=settings,
        cut=cut,
        done=done,
    )
    outcome = rounds.run("featurizing", worker, SCHEMA, done)
    print(output)
    return report(spark, outcome, output, console)


if __name__ == "__main__":
    sys.exit(main("featurize"))
