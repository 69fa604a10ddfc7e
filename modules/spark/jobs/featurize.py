"""Turn every image into a network's features; write a Parquet table with one row per image.

The network is cut at a layer, by default where its classifier begins: for ResNet50 that leaves
2,048 features. Columns: path, size in bytes, modified, error, label (the image's folder) and
features. A second run with the same output skips the images that have a row.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from modules.features.extractor import POOLS
from modules.object_detection.sizes import parse_size

# Absolute imports: spark-submit runs this file as a script, with `modules` in --py-files
from modules.spark.jobs.launch import (
    add_common_arguments,
    add_image_arguments,
    main,
    print_line,
    read_settings,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

EXAMPLE = "python -m modules batch featurize fruits --model resnet50 --size 100 --output features"
PATHS = ("input", "output", "model")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    add_network_arguments(parser)
    add_common_arguments(parser, "the folder or prefix of the table, a folder of Parquet files")


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments that choose the network and its features."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="a file *.onnx, a model folder, or a name that `models list` shows, like resnet50",
    )
    parser.add_argument(
        "--layer",
        metavar="L",
        help="where to cut: the name of a value or node in an ONNX file, or the number of a layer "
        "in a cfg (default: where the classifier begins)",
    )
    parser.add_argument(
        "--size",
        type=parse_size,
        metavar="N",
        help="the size of the network's input in pixels, like 100 or 128x96 (default: the "
        "network's own)",
    )
    parser.add_argument(
        "--pool",
        choices=POOLS,
        default="average",
        help="for a layer with several positions: average each channel over them, or keep every "
        "value (default: average)",
    )


def run(spark: SparkSession, arguments: argparse.Namespace, console: Console) -> int:
    """Writes the table of features; returns 1 if images failed."""
    from modules.spark.io.images import Images
    from modules.spark.io.model_files import read_model_files
    from modules.spark.jobs.report import report_images
    from modules.spark.jobs.rounds import Rounds
    from modules.spark.workers.featurize import SCHEMA, FeatureOptions, FeaturizeImages

    settings = read_settings(arguments)
    folder = read_model_files(spark, arguments.model)
    images = Images(spark, arguments.input, excluded=[arguments.output])
    options = FeatureOptions(arguments.layer, arguments.size, arguments.pool)
    model = options.load(folder, settings.engine)
    settings = replace(settings, engine=model.engine)  # the workers need not choose it again
    width, height = model.extractor.input_size
    print_line(
        console,
        f"{model.name}, cut at {model.layer}: {model.extractor.size:,} features of "
        f"{width} x {height} pixels",
    )
    rounds = Rounds(
        spark,
        images,
        arguments.output,
        made_with={
            "job": "featurize",
            "model": model.digest,
            "layer": model.layer,
            "size": [width, height],
            "pool": arguments.pool,
            "engine": settings.engine,
        },
        max_bytes=settings.max_image_bytes,
        console=console,
    )
    broadcast = spark.sparkContext.broadcast(folder.with_manifest())
    outcome = rounds.run(
        "featurizing",
        lambda done: FeaturizeImages(
            folder=broadcast, digest=model.digest, settings=settings, options=options, done=done
        ),
        SCHEMA,
    )
    print(arguments.output)
    return report_images(spark, outcome, arguments.output, console)


if __name__ == "__main__":
    sys.exit(main("featurize"))
