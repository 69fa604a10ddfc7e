"""What all jobs share at their edges: arguments, the report, and a main for `spark-submit`."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import JobFailedError, PermanentError, SettingsError, TransientError
from ..io.images import hides_names
from ..io.tables import read_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

    from .rounds import Outcome

_NAMED = 20  # of images that failed; the table names all


def add_common_arguments(parser: argparse.ArgumentParser, output: str) -> None:
    """Declares what every job is told."""
    parser.add_argument("--output", required=True, metavar="OUT", help=output)
    parser.add_argument(
        "--master",
        default="local[*]",
        metavar="URL",
        help="where to run, unless a platform has started Spark already (default: %(default)s, "
        "all cores of this machine; local[2] for two)",
    )


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares where images are read from."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a folder, prefix or pattern of any of Spark's file systems: photos, "
        "s3a://bucket/input/, hdfs:, dbfs:; images in folders below count",
    )


def width_and_height(text: str) -> tuple[int, int]:
    """A size in pixels, as an argument: 100, or 128x96."""
    found = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text, re.ASCII)
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size in pixels like 100 or 128x96")
    return int(found[1]), int(found[2] or found[1])


def report(spark: SparkSession, outcome: Outcome, output: str, console: Console) -> int:
    """Says what became of the images, on standard error; the exit code is 1 if any failed."""
    now = outcome.total - outcome.before - len(outcome.unread)
    before = f"; {outcome.before:,} were done before" if outcome.before else ""
    rate = f", {now / outcome.seconds:,.0f} a second" if now else ""
    say(
        console,
        f"{now:,} of {outcome.total:,} images done in {outcome.seconds:,.1f} s{rate}{before}",
    )
    if hides_names(spark):
        say(console, f"Spark {spark.version} passes over names that begin with _ or a dot")
    failed = 0
    table = read_table(spark, output)
    if table is not None:
        broken = table.where("error is not null").select("path", "error")
        failed = broken.count()
        for row in broken.orderBy("path").limit(_NAMED).collect():
            say(console, f"{row['path']}: {row['error']}", style="red")
    for path in outcome.unread[:_NAMED]:
        say(console, f"{path}: could not be read; the next run tries again", style="red")
    more = max(failed - _NAMED, 0) + max(len(outcome.unread) - _NAMED, 0)
    if more:
        say(console, f"and {more:,} more; rows with an error name them", style="red")
    return 1 if failed or outcome.unread else 0


def main(job: str, arguments: Sequence[str] | None = None) -> int:
    """Runs a job as `spark-submit` does; returns the exit code, as the command's are."""
    module = importlib.import_module(f".{job}", __package__)
    parser = argparse.ArgumentParser(prog=f"{job}.py", description=module.__doc__)
    module.add_arguments(parser)
    try:
        return int(module.run(parser.parse_args(arguments)))
    except (PermanentError, TransientError, SettingsError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1 if isinstance(error, JobFailedError) else 2


def say(console: Console, text: str, style: str | None = None) -> None:
    """Tells a person something, as it is."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
