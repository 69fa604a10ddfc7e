"""Standardise features, and reduce them to their principal components.

Writes to OUT: scores (Parquet) and scores.csv, with path, label and pca_1, pca_2 and so on; the
fitted model, pca.npz (NumPy: mean, scale, components, explained variance); and two plots,
explained_variance.png and scatter.png. The table's shape chooses the method, which is printed with
its reason.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# Absolute imports: spark-submit runs this file as a script, with `modules` in --py-files
from modules.spark.jobs.launch import add_common_arguments, main, print_line

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from rich.console import Console

    from modules.spark.io.feature_table import SparkTable
    from modules.spark.pca import PrincipalComponents

EXAMPLE = "python -m modules batch reduce features --pca 16 --output components"
PATHS = ("features", "output", "apply")
METHODS = ("auto", "rows", "covariance", "krylov", "spark")
_MAX_POINTS = 20_000  # of the scatter plot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    parser.add_argument(
        "features", metavar="FEATURES", help="a table that featurize or thumbnails wrote"
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--pca", type=int, metavar="K", help="find K components, and apply them")
    kind.add_argument(
        "--apply", metavar="NPZ", help="apply the components in this pca.npz to other images"
    )
    add_method_arguments(parser)
    add_common_arguments(parser, "the folder or prefix for all results")


def add_method_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments that choose how components are found."""
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="how to find the components (default: auto, by the table's shape); spark is Spark "
        "ML's PCA",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="for krylov's random start (default: %(default)s)"
    )


def run(spark: SparkSession, arguments: argparse.Namespace, console: Console) -> int:
    """Writes scores, components and plots; returns 0."""
    from modules.spark.io.feature_table import SparkTable

    table = SparkTable(spark, arguments.features)
    began = time.perf_counter()
    fitted = _fit_or_read(spark, table, arguments, console)
    found = time.perf_counter()
    output = arguments.output.rstrip("/")
    scores = _write_scores(spark, table, fitted, output)
    _write_plots_and_components(spark, scores, fitted, output)
    ended = time.perf_counter()
    print_line(
        console,
        f"{len(fitted.components)} components of {table.rows:,} x {fitted.columns:,} in "
        f"{found - began:,.1f} s, scores and pictures in {ended - found:,.1f} s",
    )
    print(output)
    return 0


def _fit_or_read(
    spark: SparkSession, table: SparkTable, arguments: argparse.Namespace, console: Console
) -> PrincipalComponents:
    """Returns the components: read from the file of `--apply`, or fitted to the table."""
    if arguments.apply:
        return _read_components(spark, table, arguments)
    if arguments.method == "spark":
        from modules.spark.jobs.spark_ml import fit_by_spark

        return fit_by_spark(table, arguments.pca)
    from modules.spark.pca import fit

    return fit(
        table,
        arguments.pca,
        method=arguments.method,
        seed=arguments.seed,
        note=lambda text: print_line(console, text),
    )


def _read_components(
    spark: SparkSession, table: SparkTable, arguments: argparse.Namespace
) -> PrincipalComponents:
    from modules.errors import JobError
    from modules.spark.io.files import Files
    from modules.spark.pca import PrincipalComponents

    path = Path(arguments.apply)
    data = path.read_bytes() if path.is_file() else Files(spark).read(arguments.apply)
    if data is None:
        raise JobError(f"{arguments.apply}: there is no such file")
    fitted = PrincipalComponents.from_bytes(data)
    if fitted.columns != len(table.columns):
        raise JobError(
            f"{arguments.apply} has components for {fitted.columns:,} columns, but "
            f"{arguments.features} has {len(table.columns):,}. Were its features made by another "
            "network, or with another size?"
        )
    return fitted


def _write_scores(
    spark: SparkSession, table: SparkTable, fitted: PrincipalComponents, output: str
) -> DataFrame:
    """Writes each row's scores on the components, as Parquet and CSV; returns the Parquet table."""
    from modules.spark.io.files import Files
    from modules.spark.workers.reduce import ScoreRows, score_schema

    names = [name for name in ("path", "label") if name in table.table.columns]
    schema = score_schema(names, len(fitted.components))
    fields = ", ".join(
        f"`{field.name}` {'double' if field.name.startswith('pca_') else 'string'}"
        for field in schema
    )
    rows = table.map(ScoreRows(fitted, tuple(names)), fields)
    rows.write.mode("overwrite").parquet(f"{output}/scores")
    scores = spark.read.parquet(f"{output}/scores")
    Files(spark).write_text(scores, f"{output}/scores.csv", header=True)
    return scores


def _write_plots_and_components(
    spark: SparkSession, scores: DataFrame, fitted: PrincipalComponents, output: str
) -> None:
    """Writes the plots, then pca.npz: where pca.npz exists, the output is complete."""
    from modules.spark.io.files import Files
    from modules.spark.jobs.plots import draw_scatter, draw_variance

    files = Files(spark)
    files.write(f"{output}/explained_variance.png", draw_variance(fitted))
    names = [name for name in ("pca_1", "pca_2", "label") if name in scores.columns]
    share = min(1.0, _MAX_POINTS / max(scores.count(), 1))
    points = scores.select(*names)
    points = points if share == 1 else points.sample(fraction=share, seed=0)
    files.write(f"{output}/scatter.png", draw_scatter(points.collect(), fitted))
    files.write(f"{output}/pca.npz", fitted.to_bytes())


if __name__ == "__main__":
    sys.exit(main("reduce"))
