"""Standardise features, and reduce them to their principal components.

Writes under OUT: scores (Parquet) and scores.csv, with path, label and pca_1, pca_2 and so on; the
fitted model, pca.npz (NumPy: mean, scale, components, explained variance); and two pictures,
explained_variance.png and scatter.png. Which method finds the components is chosen by the table's
shape, and said.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# By their full names, for spark-submit runs this file by itself, with `modules` in --py-files
from modules.spark.jobs.launch import add_common_arguments, main, say

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from rich.console import Console

    from modules.spark.io.feature_table import SparkTable
    from modules.spark.pca import PrincipalComponents

EXAMPLE = "python -m modules batch reduce features --pca 16 --output components"
METHODS = ("auto", "rows", "covariance", "krylov", "spark")
_MOST_POINTS = 20_000  # of the scatter plot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    parser.add_argument(
        "features", metavar="FEATURES", help="a table that featurize or thumbnails wrote"
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--pca", type=int, metavar="K", help="find so many components, and apply them"
    )
    kind.add_argument(
        "--apply", metavar="NPZ", help="apply the components in this pca.npz to other images"
    )
    add_method_arguments(parser)
    add_common_arguments(parser, "the folder or prefix that everything is written under")


def add_method_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares how components are found."""
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="how to find them (default: auto, by the table's shape); spark is Spark ML's own",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of krylov's random start (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Reduces; returns 0."""
    # here, for --help is to work where neither Spark nor Arrow is installed
    from rich.console import Console

    from modules.spark.session.session import open_session

    console = Console(stderr=True)
    places = [arguments.features, arguments.output, arguments.apply]
    with open_session("reduce", places, arguments.master) as spark:
        return reduce(spark, arguments.features, arguments, console)


def reduce(
    spark: SparkSession, features: str, arguments: argparse.Namespace, console: Console
) -> int:
    """Reduces the table at `features`; returns 0."""
    from modules.spark.io.feature_table import SparkTable

    table = SparkTable(spark, features)
    began = time.perf_counter()
    fitted = _components(spark, table, arguments, console)
    found = time.perf_counter()
    output = arguments.output.rstrip("/")
    scores = _write_scores(spark, table, fitted, output)
    _draw(spark, scores, fitted, output)
    ended = time.perf_counter()
    say(
        console,
        f"{len(fitted.components)} components of {table.rows:,} x {fitted.columns:,} in "
        f"{found - began:,.1f} s, scores and pictures in {ended - found:,.1f} s",
    )
    print(output)
    return 0


def _components(
    spark: SparkSession, table: SparkTable, arguments: argparse.Namespace, console: Console
) -> PrincipalComponents:
    from modules.errors import JobError
    from modules.spark.io.files import Files
    from modules.spark.pca import PrincipalComponents, fit

    if arguments.apply:
        path = Path(arguments.apply)
        data = path.read_bytes() if path.is_file() else Files(spark).read(arguments.apply)
        if data is None:
            raise JobError(f"{arguments.apply}: there is no such file")
        fitted = PrincipalComponents.from_bytes(data)
        if fitted.columns != len(table.columns):
            raise JobError(
                f"{arguments.apply} is of {fitted.columns:,} columns; {arguments.features} has "
                f"{len(table.columns):,}. Were its features made by another network, or size?"
            )
        return fitted
    if arguments.method == "spark":
        from modules.spark.jobs.spark_ml import fit_by_spark

        return fit_by_spark(table, arguments.pca)
    return fit(
        table,
        arguments.pca,
        method=arguments.method,
        seed=arguments.seed,
        note=lambda text: say(console, text),
    )


def _write_scores(
    spark: SparkSession, table: SparkTable, fitted: PrincipalComponents, output: str
) -> DataFrame:
    """Writes the scores, each row's part in each component; returns them as they lie there."""
    from modules.spark.io.files import Files
    from modules.spark.workers.reduce import Score, schema_of

    names = [name for name in ("path", "label") if name in table.table.columns]
    schema = schema_of(names, len(fitted.components))
    fields = ", ".join(
        f"`{field.name}` {'double' if field.name.startswith('pca_') else 'string'}"
        for field in schema
    )
    rows = table.map(Score(fitted, tuple(names)), fields)
    rows.write.mode("overwrite").parquet(f"{output}/scores")
    scores = spark.read.parquet(f"{output}/scores")
    Files(spark).write_text(scores, f"{output}/scores.csv", header=True)
    return scores


def _draw(spark: SparkSession, scores: DataFrame, fitted: PrincipalComponents, output: str) -> None:
    """Draws the pictures, and writes the model behind them: where it is, all is."""
    from modules.spark.io.files import Files
    from modules.spark.jobs.plots import draw_scatter, draw_variance

    files = Files(spark)
    files.write(f"{output}/explained_variance.png", draw_variance(fitted))
    names = [name for name in ("pca_1", "pca_2", "label") if name in scores.columns]
    share = min(1.0, _MOST_POINTS / max(scores.count(), 1))
    points = scores.select(*names)
    points = points if share == 1 else points.sample(fraction=share, seed=0)
    files.write(f"{output}/scatter.png", draw_scatter(points.collect(), fitted))
    files.write(f"{output}/pca.npz", fitted.to_bytes())


if __name__ == "__main__":
    sys.exit(main("reduce"))
