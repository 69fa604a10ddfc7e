"""Featurize and reduce in one go: images -> features -> principal components.

Writes OUT/features, as featurize does, and beside it what reduce writes: scores, scores.csv,
pca.npz and pictures. What is done of the features is not done again.
"""

from __future__ import annotations

import argparse
import sys

# By their full names, for spark-submit runs this file by itself, with `modules` in --py-files
from modules.spark.jobs.featurize import add_network_arguments, featurize
from modules.spark.jobs.launch import add_common_arguments, add_image_arguments, main
from modules.spark.jobs.reduce import add_method_arguments, reduce

EXAMPLE = "python -m modules batch run fruits --model resnet50 --size 100 --pca 16 --output reduced"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    add_image_arguments(parser)
    add_network_arguments(parser)
    parser.add_argument(
        "--pca", type=int, required=True, metavar="K", help="find so many components"
    )
    add_method_arguments(parser)
    add_common_arguments(parser, "the folder or prefix that everything is written under")


def run(arguments: argparse.Namespace) -> int:
    """Does both; returns 1 if images failed."""
    # here, for --help is to work where neither Spark nor Arrow is installed
    from rich.console import Console

    from modules.spark.session.session import open_session

    console = Console(stderr=True)
    arguments.apply = None
    features = f"{arguments.output.rstrip('/')}/features"
    places = [arguments.input, arguments.output, arguments.model]
    with open_session("run", places, arguments.master) as spark:
        code = featurize(spark, features, arguments, console)
        return max(code, reduce(spark, features, arguments, console))


if __name__ == "__main__":
    sys.exit(main("run"))
