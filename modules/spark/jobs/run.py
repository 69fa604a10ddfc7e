"""Featurize and reduce in one go: images -> features -> principal components.

Writes the features to OUT/features, as featurize does, and the results of reduce to OUT: scores,
scores.csv, pca.npz and two plots. A second run with the same output skips the images that have
features.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

# Absolute imports: spark-submit runs this file as a script, with `modules` in --py-files
from modules.spark.jobs import featurize, reduce
from modules.spark.jobs.launch import add_common_arguments, add_image_arguments, main

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

EXAMPLE = "python -m modules batch run fruits --model resnet50 --size 100 --pca 16 --output reduced"
PATHS = featurize.PATHS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    featurize.add_network_arguments(parser)
    parser.add_argument(
        "--pca", type=int, required=True, metavar="K", help="the number of components to find"
    )
    reduce.add_method_arguments(parser)
    add_common_arguments(parser, "the folder or prefix for all results")


def run(spark: SparkSession, arguments: argparse.Namespace, console: Console) -> int:
    """Runs both jobs; returns 1 if images failed."""
    features = f"{arguments.output.rstrip('/')}/features"
    given = vars(arguments)
    first = argparse.Namespace(**{**given, "output": features})
    second = argparse.Namespace(**{**given, "features": features, "apply": None})
    code = featurize.run(spark, first, console)
    return max(code, reduce.run(spark, second, console))


if __name__ == "__main__":
    sys.exit(main("run"))
