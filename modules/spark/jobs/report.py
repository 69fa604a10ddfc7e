"""Reports on standard error what a job over images has done; see `report_images`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...object_detection.images.selection import describe_left_out
from ..io.tables import read_table
from .launch import print_line
from .rounds import Outcome

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

_MOST_PRINTED = 20  # failed images; the table has all of them


def report_images(spark: SparkSession, outcome: Outcome, output: str, console: Console) -> int:
    """Prints the number of images, the rate, the failed images and the files left out.

    Args:
        spark: the session.
        outcome: what `Rounds.run` returned.
        output: the location of the table.
        console: where to print.

    Returns:
        The exit code: 1 if any image of the table failed or could not be read, else 0.
    """
    done = outcome.total - outcome.done_before - len(outcome.unread)
    before = f"; {outcome.done_before:,} were done before" if outcome.done_before else ""
    rate = f", {done / outcome.seconds:,.0f} a second" if done else ""
    print_line(
        console,
        f"{done:,} of {outcome.total:,} images done in {outcome.seconds:,.1f} s{rate}{before}",
    )
    for remark in outcome.remarks:
        print_line(console, remark)
    failed = 0
    table = read_table(spark, output)
    if table is not None:
        errors = table.where("error is not null").select("path", "error")
        failed = errors.count()
        for row in errors.orderBy("path").limit(_MOST_PRINTED).collect():
            print_line(console, f"{row['path']}: {row['error']}", style="red")
    for path in outcome.unread[:_MOST_PRINTED]:
        print_line(console, f"{path}: could not be read; the next run tries again", style="red")
    more = max(failed - _MOST_PRINTED, 0) + max(len(outcome.unread) - _MOST_PRINTED, 0)
    if more:
        print_line(console, f"and {more:,} more; rows with an error name them", style="red")
    if outcome.left_out:
        print_line(console, describe_left_out(outcome.left_out))
    return 1 if failed or outcome.unread else 0
