"""Makes the rows of a table in rounds, so that a killed job can be resumed; see `Rounds`.

A round is one Spark job. It appends its rows to the output as whole files, which are renamed into
place when the round ends. The output alone records what is done: an image with a row is done. So
the table has each image exactly once, whenever and however often the job is killed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...errors import JobError
from ...results.document import too_many_bytes
from ..io.files import Files
from ..io.images import Images
from ..io.readers import EMPTY
from ..io.tables import read_table
from ..workers.rows import FIELDS
from ..workers.task import Task, Worker
from .progress import image_bar

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import SparkSession
    from rich.console import Console

_TASK_SECONDS = 8.0  # long, as each task costs a tenth of a second, and so does its file
_LAST_TASK_SECONDS = 1.0  # short, so that no core waits long for the others at the end of a round
_ROUND_SECONDS = 60.0  # the most work that a killed job loses
_FIRST_ROUND_SECONDS = 15.0
_FIRST_GUESS = 10.0  # images per second and core
_JOB_FILE = "_job.json"  # Spark ignores files whose names begin with _ when it reads a table


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a job over images.

    total: number of images. done_before: how many of them earlier runs have done. unread: paths of
    the images without a row, because they could not be read. seconds: duration of this run.
    left_out: the number of files that are no images, by kind. remarks: lines for the user about how
    the images were read.
    """

    total: int
    done_before: int
    unread: Sequence[str]
    seconds: float
    left_out: Mapping[str, int]
    remarks: Sequence[str]


class Pace:
    """Chooses how many images make a round and a task, from the rate of the last round."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._rate = _FIRST_GUESS
        self._seconds = _FIRST_ROUND_SECONDS

    def round(self, pending: int) -> int:
        """Returns how many of the pending images to take: all, where few would remain."""
        size = max(self._cores, int(self._rate * self._cores * self._seconds))
        return size if pending > 1.5 * size else pending

    def tasks(self, size: int) -> list[int]:
        """Returns the images of each task in a round of `size`, the largest first.

        A core takes the next task when it has ended one. Tasks become shorter towards the end of
        the round, so that all cores end at nearly the same time.
        """
        tasks = []
        most = min(int(_TASK_SECONDS * self._rate), math.ceil(size / self._cores))
        while size:
            share = max(size / (2 * self._cores), _LAST_TASK_SECONDS * self._rate)
            tasks.append(min(max(1, min(int(share), most)), size))
            size -= tasks[-1]
        return tasks

    def learn(self, images: int, seconds: float) -> None:
        """Updates the rate.

        Args:
            images: the number of images of a round.
            seconds: the sum of its tasks' durations.
        """
        self._rate = max(images / max(seconds, 1e-3), 0.1)
        self._seconds = _ROUND_SECONDS


class Rounds:
    """One run of a job over images, which writes one table."""

    def __init__(
        self,
        spark: SparkSession,
        images: Images,
        output: str,
        *,
        made_with: Mapping[str, Any],
        max_bytes: int,
        console: Console,
    ) -> None:
        """Starts or resumes the table at `output`.

        Args:
            spark: the session.
            images: all images.
            output: the location of the table.
            made_with: what rows depend on, apart from their image: names and JSON values. All
                rows of a table have the same.
            max_bytes: the largest image; a larger one gets a row with an error.
            console: where the progress bar is shown.

        Raises:
            JobError: the table at `output` was made with something else, or by something else.
        """
        self._spark = spark
        self._images = images
        self._output = output.rstrip("/")
        self._max_bytes = max_bytes
        self._console = console
        self._claim_output(made_with)

    def run(
        self, description: str, make_worker: Callable[[Accumulator[int]], Worker], schema: pa.Schema
    ) -> Outcome:
        """Makes a row of `schema` for every image that has none.

        Args:
            description: for the progress bar, like "detecting".
            make_worker: takes the accumulator that counts finished images, and returns the
                function that the workers run: images -> batches of rows.
            schema: begins with `FIELDS`. The row of an oversized image has null in all others.
        """
        paths = self._images.paths
        done = self._paths_with_a_row()
        todo = [path for path in paths if path not in done]
        rows = len(done)
        del done  # it is as large as the table has images
        context = self._spark.sparkContext
        pace = Pace(context.defaultParallelism)
        count: Accumulator[int] = context.accumulator(0)
        worker = make_worker(count)
        before = len(paths) - len(todo)
        began = time.perf_counter()
        with image_bar(self._console, description, len(paths), before, lambda: count.value):
            start = 0
            while start < len(todo):
                pending = len(todo) - start
                chosen = self._images.take(todo[start : start + pace.round(pending)], pending)
                start += len(chosen)
                pace.learn(len(chosen), self._run_round(chosen, worker, schema, pace))
        seconds = time.perf_counter() - began
        to_rename = (
            f"{path}, whose name is no UTF-8 (rename it)" for path in self._images.unreadable
        )
        missing = self._paths_without_a_row(todo, rows)
        unread = [*self._record_skipped(missing, schema), *to_rename]
        return Outcome(
            len(paths) + len(self._images.unreadable),
            before,
            unread,
            seconds,
            self._images.left_out,
            self._images.remarks,
        )

    def _run_round(
        self, paths: Sequence[str], worker: Worker, schema: pa.Schema, pace: Pace
    ) -> float:
        """Appends the rows of some images; returns the sum of the tasks' seconds."""
        seconds: Accumulator[float] = self._spark.sparkContext.accumulator(0.0)
        sizes = pace.tasks(len(paths))
        files, reader = self._images.read(paths, sizes, max_bytes=self._max_bytes)
        rows = files.mapInArrow(Task(reader, worker, seconds), _spark_schema(schema))
        rows.write.mode("append").parquet(self._output)
        return seconds.value

    def _paths_without_a_row(self, paths: Sequence[str], before: int) -> list[str]:
        """Returns those of the images of this run that have no row.

        Args:
            paths: of the images of this run.
            before: the number of rows before this run.
        """
        table = read_table(self._spark, self._output)
        if table is not None and table.count() == before + len(paths):
            return []  # an image has at most one row
        done = self._paths_with_a_row()
        return [path for path in paths if path not in done]

    def _record_skipped(self, paths: Sequence[str], schema: pa.Schema) -> list[str]:
        """Appends rows with an error for the images that Spark skipped: empty and oversized ones.

        Returns paths of those that could not be read.
        """
        if not self._images.skips_empty_and_oversized:
            return list(paths)
        files = Files(self._spark)
        rows, unread = [], []
        nulls = (None,) * (len(schema) - len(FIELDS))
        for path in paths:
            size = files.size(path)
            if size is None or 0 < size <= self._max_bytes:
                unread.append(path)
                continue
            error = too_many_bytes(size, self._max_bytes) if size else EMPTY
            rows.append((path, size, None, error, *nulls))
        if rows:
            table = self._spark.createDataFrame(rows, _spark_schema(schema))
            table.coalesce(1).write.mode("append").parquet(self._output)
        return unread

    def _paths_with_a_row(self) -> set[str]:
        table = read_table(self._spark, self._output)
        if table is None:
            return set()
        paths: Any = table.select("path").toPandas()  # by Arrow, which a million rows need
        return set(paths["path"])

    def _claim_output(self, made_with: Mapping[str, Any]) -> None:
        """Writes `made_with` to a new output; compares it with what an old output has."""
        files, location = Files(self._spark), f"{self._output}/{_JOB_FILE}"
        stored = files.read(location)
        if stored is None:
            if read_table(self._spark, self._output) is not None:
                raise JobError(
                    f"{self._output} has a Parquet table that no job has written (there is no "
                    f"{_JOB_FILE}); choose another --output"
                )
            files.write(location, json.dumps(made_with, indent=1).encode())
            return
        before = json.loads(stored)
        for key in sorted({*before, *made_with}):
            if before.get(key) != made_with.get(key):
                raise JobError(
                    f"{self._output} was made with {key} {before.get(key)}; now it is "
                    f"{made_with.get(key)}. Choose another --output, or delete that one"
                )
        # The uncommitted files of a killed round: the next commit would include them
        files.delete(f"{self._output}/_temporary")


def is_claimed(spark: SparkSession, output: str) -> bool:
    """Returns whether a job has already started the table at `output`."""
    return Files(spark).size(f"{output.rstrip('/')}/{_JOB_FILE}") is not None


def _spark_schema(schema: pa.Schema) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema)
