"""Takes a job's images round by round, so that a killed job goes on where it was; see `Rounds`.

A round is one Spark job, which appends its rows to the output in whole files, renamed into place
when the round is over. What is done is known from the output alone: an image with a row is. So an
image is in the output exactly once, whenever the job was killed and however often.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...errors import JobError
from ...results.document import too_many_bytes
from ..io.files import Files
from ..io.images import Images
from ..io.tables import read_table
from .progress import image_bar

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import SparkSession
    from rich.console import Console

Worker = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

_TASK_SECONDS = 8.0  # long beside the tenth of a second that a task costs, and that its file does
_LEAST_WAVES = 4  # of tasks in a round: the bar moves, and cores that are slower get fewer
_ROUND_SECONDS = 60.0  # what a killed job loses at most
_FIRST_ROUND_SECONDS = 15.0
_FIRST_GUESS = 10.0  # images a second and core
_COST = 1 << 30  # bytes that an image counts for when files are packed into tasks: all alike
_JOB = "_job.json"  # Spark takes names that begin with _ for no part of a table

_EMPTY = "the file is empty"  # Spark reads none of these

# What every job says of an image, before anything else
FIELDS = (
    pa.field("path", pa.string()),
    pa.field("size", pa.int64()),  # in bytes
    pa.field("modified", pa.timestamp("us", "UTC")),
    pa.field("error", pa.string()),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a job's images.

    total: how many there are. before: of them, those that were done before. unread: paths of images
    without a row, as they could not be read. seconds: that the others took.
    """

    total: int
    before: int
    unread: Sequence[str]
    seconds: float


class Pace:
    """How many images make a task and a round, by how fast the last round was."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._rate = _FIRST_GUESS
        self._seconds = _FIRST_ROUND_SECONDS

    def round(self, pending: int) -> int:
        """How many of the pending images to take; all, rather than leave a small rest."""
        size = max(self._cores, int(self._rate * self._cores * self._seconds))
        return size if pending > 1.5 * size else pending

    def task(self, size: int) -> int:
        """How many images of a round of `size` make a task, so that all cores end together."""
        waves = max(_LEAST_WAVES, round(size / self._cores / self._rate / _TASK_SECONDS))
        return math.ceil(size / (self._cores * waves))

    def learn(self, images: int, seconds: float) -> None:
        """Takes in how long a round took."""
        self._rate = max(images / seconds / self._cores, 0.1)
        self._seconds = _ROUND_SECONDS


class Rounds:
    """One run of a job over images."""

    def __init__(
        self,
        spark: SparkSession,
        images: Images,
        output: str,
        *,
        made_with: Mapping[str, Any],
        most_bytes: int,
        console: Console,
    ) -> None:
        """Begins, or goes on with, the table at `output`.

        Args:
            spark: the session.
            images: all of them.
            output: where the table lies, or is to.
            made_with: what rows depend on besides their image; JSON. A table has one kind of rows.
            most_bytes: of an image; larger ones are rows with an error.
            console: for the bar.

        Raises:
            JobError: the table that is there was made with something else.
        """
        self._spark = spark
        self._images = images
        self._output = output.rstrip("/")
        self._most_bytes = most_bytes
        self._console = console
        self._claim(made_with)

    def run(self, what: str, worker: Worker, schema: pa.Schema, done: Accumulator[int]) -> Outcome:
        """Has `worker` make a row of `schema` of every image that has none.

        Args:
            what: is being done, for the bar.
            worker: Arrow batches of `Images.contents` -> batches of rows; runs on the workers.
            schema: begins with `FIELDS`, of which an oversized image's row has no others.
            done: how many images the worker has counted.
        """
        paths = self._images.paths
        there = self._done()
        pending = [path for path in paths if path not in there]
        before = len(paths) - len(pending)
        pace = Pace(self._spark.sparkContext.defaultParallelism)
        began = time.perf_counter()
        with image_bar(self._console, what, len(paths), before, lambda: done.value):
            while pending:
                taken = self._images.take(pending, pace.round(len(pending)))
                pending = pending[len(taken) :]
                start = time.perf_counter()
                self._round(taken, worker, schema, pace.task(len(taken)))
                pace.learn(len(taken), time.perf_counter() - start)
        seconds = time.perf_counter() - began
        unread = self._account_for(paths, schema)
        return Outcome(len(paths), before, unread, seconds)

    def _round(self, paths: Sequence[str], worker: Worker, schema: pa.Schema, each: int) -> None:
        """One round, of tasks of `each` images."""
        self._pack(each)
        contents = self._images.contents(paths, most_bytes=self._most_bytes)
        rows = contents.mapInArrow(worker, _struct(schema))
        rows.write.mode("append").parquet(self._output)

    def _account_for(self, paths: Sequence[str], schema: pa.Schema) -> list[str]:
        """Makes rows of images that Spark passes over, with what is wrong with them.

        Returns the paths of those that could not be read.
        """
        done = self._done()
        files = Files(self._spark)
        rows, unread = [], []
        empty = (None,) * (len(schema) - len(FIELDS))
        for path in (path for path in paths if path not in done):
            size = files.size(path)
            if size is None or 0 < size <= self._most_bytes:
                unread.append(path)
                continue
            error = too_many_bytes(size, self._most_bytes) if size else _EMPTY
            rows.append((path, size, None, error, *empty))
        if rows:
            table = self._spark.createDataFrame(rows, _struct(schema))
            table.coalesce(1).write.mode("append").parquet(self._output)
        return unread

    def _pack(self, each: int) -> None:
        """Has Spark pack so many files into a task, whatever their sizes."""
        self._spark.conf.set("spark.sql.files.openCostInBytes", str(_COST))
        most = each * (_COST + self._most_bytes)
        self._spark.conf.set("spark.sql.files.maxPartitionBytes", str(most))

    def _done(self) -> set[str]:
        """The paths that have a row."""
        table = read_table(self._spark, self._output)
        return set() if table is None else {row[0] for row in table.select("path").collect()}

    def _claim(self, made_with: Mapping[str, Any]) -> None:
        files, place = Files(self._spark), f"{self._output}/{_JOB}"
        there = files.read(place)
        if there is None:
            if read_table(self._spark, self._output) is not None:
                raise JobError(f"{self._output} has a table that no job has begun; choose another")
            files.write(place, json.dumps(made_with, indent=1).encode())
            return
        before = json.loads(there)
        for key in sorted({*before, *made_with}):
            if before.get(key) != made_with.get(key):
                raise JobError(
                    f"{self._output} was begun with {key} {before.get(key)}; now it is "
                    f"{made_with.get(key)}. Choose another --output, or delete that one"
                )
        # What a killed job has left of a round: the next one to commit would take it for its own
        files.delete(f"{self._output}/_temporary")


def _struct(schema: pa.Schema) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema)
